/**
 * What is wrong now, on the overview.
 *
 * @module
 */

import type { FC } from "hono/jsx";
import type { AlertState } from "../../streams/alerts/alerts.ts";
import { checkWord } from "../../streams/verification/check_words.ts";
import { alertLink } from "./alert_links.ts";
import { asShown } from "./format.ts";
import type { EngineState } from "./overview_parts.tsx";
import { Notice, Time } from "./parts.tsx";
import type { Part } from "./reading.ts";

/** What alerts of one kind are called together, where several groups or checks have one. */
const kinds: Readonly<Record<string, string>> = {
  oldest_age: "Messages wait too long",
  no_consumer: "Nobody is working",
  paused_with_work: "Paused while work waits",
  dead_letters: "Dead letters",
  drift: "The verification found drift",
  not_mended: "Repair does not mend the drift",
};

/**
 * What is wrong now: engines that don't answer, and alerts, the critical ones first. It is read aloud when it changes,
 * so nothing in it counts the seconds.
 */
export const AlertList: FC<
  { alerts: Part<AlertState[]>; engines: readonly EngineState[] }
> = ({ alerts, engines }) => (
  <>
    {engines.filter(({ answer }) => !answer.ok).map(({ name }) => (
      <Notice key={name} tone="bad" title={`${name} gives no answer`}>
        {name === "Redis"
          ? "Orders are taken and wait in the books; they are worked on when it is back."
          : "Nothing can be taken or worked on until it is back; what waits is kept in Redis."}
      </Notice>
    ))}
    {alerts.ok && byKind(alerts.value).map(([kind, [first, ...others]]) =>
      others.length === 0
        ? (
          <Notice
            key={kind}
            tone={toneOf(first)}
            title={first.title}
            href={alertLink(first.name)}
          >
            {asShown(first.detail)}; it began <Time at={first.since} />
          </Notice>
        )
        : <Together key={kind} title={kinds[kind] ?? first.title} alerts={[first, ...others]} />
    )}
  </>
);

/** Alerts of one kind, the first of which says how bad it is. */
type OfKind = [first: AlertState, ...others: AlertState[]];

/** What is raised by its kind; a kind with a critical one stands before those without. */
function byKind(alerts: readonly AlertState[]): [kind: string, alerts: OfKind][] {
  const found = new Map<string, OfKind>();
  const rank = ({ severity }: AlertState) => severity === "critical" ? 0 : 1;
  const raised = alerts.filter(({ raisedAt }) => raisedAt !== null);
  // By name at last: what is drawn again must stand where it stood.
  const place = (a: AlertState, b: AlertState) =>
    rank(a) - rank(b) ||
    (a.since < b.since ? -1 : a.since > b.since ? 1 : a.name < b.name ? -1 : 1);
  for (const alert of raised.toSorted(place)) {
    const kind = alert.name.split(":")[0]!;
    const known = found.get(kind);
    if (known === undefined) found.set(kind, [alert]);
    else known.push(alert);
  }
  return [...found];
}

function toneOf({ severity }: AlertState): "bad" | "warn" {
  return severity === "critical" ? "bad" : "warn";
}

/** One entry for all alerts of a kind, which are told apart by their groups or checks. */
const Together: FC<{ title: string; alerts: OfKind }> = ({ title, alerts }) => (
  <div
    class={`notice ${toneOf(alerts[0])}`}
    role={toneOf(alerts[0]) === "bad" ? "alert" : "status"}
  >
    <strong>{title}</strong>
    <ul class="faults">
      {alerts.map(({ name, detail, since }) => {
        const [kind, subject = ""] = name.split(":");
        const word = kind === "drift" || kind === "not_mended" ? checkWord(subject) : subject;
        const href = alertLink(name);
        return (
          <li key={name}>
            {href === undefined
              ? word
              : <a class="underlined" href={href} data-key={name}>{word}</a>}: {asShown(detail)};
            {" "}
            it began <Time at={since} />
          </li>
        );
      })}
    </ul>
  </div>
);
