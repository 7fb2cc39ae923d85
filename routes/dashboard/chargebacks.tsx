/**
 * Chargebacks: which of them wait for an answer, what is withheld and what is gone; those of an order, and the list of all.
 *
 * @module
 */

import { type Context, Hono } from "hono";
import type { FC } from "hono/jsx";
import {
  type ChargebackSum,
  listChargebacks,
  type ListedChargeback,
  readChargeback,
  sumChargebacks,
} from "../../db/payments/chargeback_list.ts";
import { WorkflowError } from "../../domain/errors.ts";
import { orderLimits } from "../../domain/order/incoming_order.ts";
import { decodeCursor, encodeCursor } from "../../domain/paging.ts";
import {
  type ChargebackOutcome,
  chargebackOutcomes,
  type ChargebackState,
  chargebackStates,
} from "../../domain/payment/chargeback.ts";

import { acknowledgeChargeback } from "../../services/payments/acknowledge_chargeback.ts";
import { decideChargebackByHand } from "../../services/payments/decide_chargeback.ts";
import { type Gateways, tellsOfChargebacks } from "../../streams/payments/gateway.ts";
import { gatewaysOf } from "../../streams/payments/gateways.ts";
import type { AppDeps } from "../deps.ts";
import { operatorOf } from "../middleware/operator.ts";
import { readForm } from "../middleware/read_form.ts";
import { PostForm } from "./form.tsx";
import { asShown, formatMoney } from "./format.ts";
import { page, PageHead } from "./layout.tsx";
import {
  Badge,
  Columns,
  Empty,
  Figures,
  linkTo,
  Money,
  Notice,
  Pager,
  shownOf,
  Table,
  Tabs,
  Time,
} from "./parts.tsx";
import { idOf, pageSize, readPageQuery, said } from "./queries.ts";
import { askFirst, isConfirmed } from "./question.tsx";
import { need } from "./reading.ts";

const home = "/dashboard/chargebacks";

/** What a tab shows; all where it is of none. */
const tabs = {
  due: "To be answered",
  held: "Withheld",
  lost: "Lost",
  unknown: "Of unknown charges",
} as const;
type Tab = keyof typeof tabs;
const tabNames = Object.keys(tabs) as [Tab, ...Tab[]];

/** `GET /dashboard/chargebacks`, and saying that one is known, or how it ended, with a question before it. */
export function chargebackPageRoutes(deps: AppDeps): Hono {
  const app = new Hono();

  app.get("/chargebacks", (c) => show(c, deps));

  app.post("/chargebacks/:id{[0-9]{1,15}}/acknowledge", async (c) => {
    const form = await readForm(c);
    const id = idOf(c);
    const known = isConfirmed(form) ? undefined : await need(readChargeback(deps.db, id));
    if (known !== undefined && known.seenAt === null) return await askBefore(c, known);
    await acknowledgeChargeback(deps, id, operatorOf(c, deps.config));
    return c.redirect(`${home}?done=1`, 303);
  });

  app.post("/chargebacks/:id{[0-9]{1,15}}/decide", async (c) => {
    const form = await readForm(c);
    const id = idOf(c);
    const outcome = chargebackOutcomes.find((one) => one === form.outcome);
    if (outcome === undefined) throw new WorkflowError("invalid", "Say whether it was won or lost");
    const asking = { ...deps, ...gatewaysOf(deps.config) };
    const known = isConfirmed(form) ? undefined : await need(readChargeback(deps.db, id));
    if (known !== undefined && isUndecided(known, asking)) {
      return await askHowItEnded(c, known, outcome);
    }
    const said = { id, outcome, note: form.note ?? null };
    await decideChargebackByHand(asking, said, operatorOf(c, deps.config));
    return c.redirect(`${home}?done=decided`, 303);
  });

  return app;
}

async function show(c: Context, { db, config }: AppDeps): Promise<Response> {
  const query = readPageQuery(c);
  const which = query.oneOf("which", tabNames);
  const cursor = said(c, "cursor");
  const beforeId = cursor === undefined ? undefined : decodeCursor("chargebacks", cursor);
  const [found, due, held, unknown] = await need(Promise.all([
    listChargebacks(db, filterOf(which), { beforeId, limit: pageSize + 1 }),
    sumChargebacks(db, "due"),
    sumChargebacks(db, "held"),
    sumChargebacks(db, "unknown"),
  ]));
  const shown = found.slice(0, pageSize);
  const isLast = found.length <= pageSize;
  const next = { which, cursor: isLast ? "" : encodeCursor("chargebacks", shown.at(-1)!.id) };
  const sums = { "To be answered": due, "Withheld": held, "Of unknown charges": unknown };
  return await page(
    c,
    { title: "Chargebacks", nav: "/dashboard/refunds" },
    (
      <>
        <PageHead
          title="Chargebacks"
          crumb={["/dashboard/refunds", "Refunds"]}
          note="Charges that customers contested at their bank, the newest first; they are answered at the provider"
        />
        {said(c, "done") !== undefined && (
          <Notice tone="good" title="Noted">
            {said(c, "done") === "decided"
              ? "The books say how it ended."
              : "Nobody is reminded of it as it stands now."}
          </Notice>
        )}
        <section class="card" aria-label="What they come to">
          <Figures of={Object.entries(sums).map(([name, of]) => [name, sumText(of)])} />
        </section>
        <TabsOf which={which} />
        {shown.length === 0
          ? <Empty title="There are none" />
          : <ChargebackTable c={c} rows={shown} gateways={gatewaysOf(config)} isOfAll />}
        <Pager
          shown={shown.length === 0 ? "" : shownOf(shown.length, "chargeback", "chargebacks", {
            isFirst: beforeId === undefined,
            isLast,
          })}
          first={beforeId === undefined ? undefined : linkTo(home, { which })}
          next={isLast ? undefined : linkTo(home, next)}
        />
      </>
    ),
  );
}

const TabsOf: FC<{ which: Tab | undefined }> = ({ which }) => (
  <Tabs
    label="Chargebacks by what is to be done"
    tabs={[undefined, ...tabNames].map((tab) => ({
      name: tab === undefined ? "All" : tabs[tab],
      href: linkTo(home, { which: tab }),
      isShown: tab === which,
    }))}
  />
);

function filterOf(which: Tab | undefined): Parameters<typeof listChargebacks>[1] {
  switch (which) {
    case "due":
      return { states: statesWhere(({ needsResponse }) => needsResponse) };
    case "held":
      return { states: statesWhere(({ money }) => money === "held") };
    case "lost":
      return { states: ["lost"], isUnknown: false };
    case "unknown":
      return { isUnknown: true };
    case undefined:
      return {};
  }
}

function statesWhere(
  isSo: (state: typeof chargebackStates[ChargebackState]) => boolean,
): ChargebackState[] {
  const names = Object.keys(chargebackStates) as ChargebackState[];
  return names.filter((name) => isSo(chargebackStates[name]));
}

function askBefore(
  c: Context,
  { id, amountCents, currency, provider, providerRef, externalOrderId, state }: ListedChargeback,
): Response | Promise<Response> {
  const money = formatMoney(amountCents, currency);
  if (chargebackStates[state].needsResponse && externalOrderId !== null) {
    throw new WorkflowError(
      "invalid",
      `The chargeback of ${money} waits for an answer at ${provider}`,
    );
  }
  return askFirst(c, {
    title: `Note the chargeback of ${money} as known?`,
    note: `${provider} ${providerRef}${
      externalOrderId === null ? "" : `, order ${externalOrderId}`
    }`,
    says: externalOrderId === null
      ? "It is another shop's, or of a payment that is missing here: nobody is reminded of it any more."
      : "It is lost, and the books say so already: nobody is reminded of it any more.",
    nav: "/dashboard/refunds",
    action: `${home}/${id}/acknowledge`,
    verb: "Note as known",
    crumb: [home, "Chargebacks"],
    keep: "Not yet",
  });
}

/** Asks before money is said to be ours again, or gone. */
function askHowItEnded(
  c: Context,
  { id, amountCents, currency, provider, providerRef, externalOrderId }: ListedChargeback,
  outcome: ChargebackOutcome,
): Response | Promise<Response> {
  const money = formatMoney(amountCents, currency);
  const isLost = outcome === "lost";
  return askFirst(c, {
    title: `Was the chargeback of ${money} ${outcome}?`,
    note: `${provider} ${providerRef}${
      externalOrderId === null ? "" : `, order ${externalOrderId}`
    }`,
    says: isLost
      ? `${money} are gone, in figures and ledger as well. This can't be taken back; what ${provider} or a report tells of later still counts.`
      : `${money} are yours again, in figures and ledger as well. This can't be taken back; what ${provider} or a report tells of later still counts.`,
    nav: "/dashboard/refunds",
    action: `${home}/${id}/decide`,
    verb: isLost ? "It was lost" : "It was won",
    danger: isLost,
    asks: { name: "note", label: "By what you know it (optional)", max: orderLimits.textLength },
    fields: { outcome },
    crumb: [home, "Chargebacks"],
    keep: "Not yet",
  });
}

function sumText(sums: readonly ChargebackSum[]): string {
  const amounts = sums.map(({ amountCents, currency }) => formatMoney(amountCents, currency));
  return amounts.join(", ") || "none";
}

/** Chargebacks as a table; of all of them with the orders that they are of. */
export const ChargebackTable: FC<{
  c: Context;
  rows: readonly ListedChargeback[];
  gateways: Gateways;
  isOfAll?: boolean;
}> = ({ c, rows, gateways, isOfAll = false }) => (
  <Table label="Chargebacks" stacks={2}>
    <Columns
      names={[
        ...isOfAll ? ["Order"] : [],
        "State",
        { wide: "Provider" },
        { wide: "Opened" },
        { right: "Amount" },
        "",
      ]}
    />
    <tbody>
      {rows.map((one) => (
        <tr key={one.id}>
          {isOfAll && (
            <th scope="row">
              {one.orderId === null
                ? <span class="muted">Unknown charge</span>
                : (
                  <a href={`/dashboard/orders/${one.orderId}#chargebacks`}>{one.externalOrderId}</a>
                )}
              {one.recipientName !== null && <div class="before">{one.recipientName}</div>}
            </th>
          )}
          <td data-label="State">
            <StateBadge of={one} />
          </td>
          <td class="wide" data-label="Provider">
            {one.provider} <code>{asShown(one.providerRef)}</code>
            <div class="small muted">
              of <code>{asShown(one.chargeRef)}</code>
            </div>
          </td>
          <td class="wide" data-label="Opened">
            <Time at={one.openedAt} />
          </td>
          <td class="right" data-label="Amount">
            <Money cents={one.amountCents} currency={one.currency} />
          </td>
          <td class="whole">
            {isToBeSeen(one) && (
              <PostForm c={c} action={`${home}/${one.id}/acknowledge`}>
                <button type="submit">Note as known…</button>
              </PostForm>
            )}
            {isUndecided(one, gateways) && (
              <PostForm c={c} action={`${home}/${one.id}/decide`}>
                <button type="submit" name="outcome" value="won">Won…</button>
                <button type="submit" name="outcome" value="lost">Lost…</button>
              </PostForm>
            )}
          </td>
        </tr>
      ))}
    </tbody>
  </Table>
);

function isToBeSeen({ state, orderId, seenAt }: ListedChargeback): boolean {
  return seenAt === null && (state === "lost" || orderId === null);
}

/** Nobody but a person can say how it ended. */
function isUndecided({ state, provider }: ListedChargeback, gateways: Gateways): boolean {
  return !chargebackStates[state].isClosed && !tellsOfChargebacks(gateways, provider);
}

const StateBadge: FC<{ of: ListedChargeback }> = ({ of: { state, reason, dueBy } }) => {
  const { words, needsResponse, money } = chargebackStates[state];
  const tone = needsResponse || money === "lost" ? "bad" : state === "won" ? "good" : "plain";
  return (
    <>
      <Badge tone={tone}>{words}</Badge>
      {needsResponse && dueBy !== null && (
        <div class="small">
          until <Time at={dueBy} />
        </div>
      )}
      {reason !== null && <div class="small muted">{asShown(reason)}</div>}
    </>
  );
};

/** The chargebacks of an order; nothing where it has none. */
export const Chargebacks: FC<{
  c: Context;
  rows: readonly ListedChargeback[];
  config: AppDeps["config"];
}> = ({ c, rows, config }) =>
  rows.length === 0 ? null : (
    <section aria-labelledby="chargebacks">
      <h2 id="chargebacks" class="heading">Chargebacks</h2>
      <ChargebackTable c={c} rows={rows} gateways={gatewaysOf(config)} />
    </section>
  );
