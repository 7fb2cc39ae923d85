/**
 * An order's life, drawn so that somebody in support understands it.
 *
 * @module
 */

import type { Child, FC } from "hono/jsx";
import type { ListedNotification } from "../../db/notifications/notification_queries.ts";
import type { OrderDetail, OrderStep } from "../../db/orders/order_queries.ts";
import type { TimelineStep } from "../../domain/order/timeline_step.ts";
import { asShown, formatDuration, formatMoney } from "./format.ts";
import { notificationWords } from "./notification_words.ts";
import { Badge, Time } from "./parts.tsx";
import { failureNames } from "./failure_names.ts";

interface Station {
  name: string;
  at: string | null;
  look: "done" | "good" | "bad" | "";
  note?: string;
}

/** The name of the reason that a step tells of; undefined where it tells of none. */
function reasonIn(detail: string): string | undefined {
  const names: Readonly<Record<string, string>> = failureNames;
  return Object.hasOwn(names, detail) ? names[detail] : undefined;
}

/** The way that the order has gone, from its arrival to its end. */
export const Path: FC<{ order: OrderDetail }> = ({ order }) => (
  <ol class="path">
    {stationsOf(order).map(({ name, at, look, note }) => (
      <li key={name} class={look}>
        <b>{name}</b>
        <span class="small muted">{at === null ? note ?? "" : <Time at={at} seconds />}</span>
        {at !== null && note && <div class="small muted">{note}</div>}
      </li>
    ))}
  </ol>
);

function stationsOf(order: OrderDetail): Station[] {
  const { status, createdAt, reservedAt, settledAt, failureReason } = order;
  const took = settledAt === null
    ? undefined
    : `after ${formatDuration(Date.parse(settledAt) - Date.parse(createdAt))}`;
  const stations: Station[] = [{ name: "Taken", at: createdAt, look: "done" }];
  const reserved: Station = {
    name: "Stock reserved",
    at: reservedAt,
    look: reservedAt === null ? "" : "done",
    note: reservedAt !== null
      ? undefined
      : order.shortages.some(({ isWaiting }) => isWaiting)
      ? "waiting for stock"
      : "waiting",
  };
  switch (status) {
    case "PENDING":
    case "RESERVED":
      stations.push(reserved, { name: "Paid", at: null, look: "", note: "waiting" });
      break;
    case "PAID":
      stations.push(reserved, { name: "Paid", at: settledAt, look: "good", note: took });
      break;
    case "FAILED":
      if (reservedAt !== null) stations.push(reserved);
      stations.push({
        name: "Failed",
        at: settledAt,
        look: "bad",
        note: failureReason === null ? undefined : failureNames[failureReason],
      });
      break;
    case "CANCELLED":
      if (reservedAt !== null) stations.push(reserved);
      stations.push({ name: "Cancelled", at: settledAt, look: "bad", note: took });
  }
  if (order.refundedCents > 0) {
    stations.push({
      name: order.refundedCents === order.totalCents ? "Refunded" : "Refunded in part",
      at: order.refunds.findLast(({ status }) => status === "PROCESSED")?.processedAt
        ?.replace(" ", "T").concat("Z") ?? null,
      look: "done",
      note: `${formatMoney(order.refundedCents, order.currency)} of ${
        formatMoney(order.totalCents, order.currency)
      }`,
    });
  }
  return stations;
}

/** Steps that the house alone is told of. */
type HouseStep = "notification_replayed" | "dead_letter_retried" | "dead_letter_discarded";

/** What each step of the timeline is called, and how it looks. */
const steps: Readonly<Record<TimelineStep | HouseStep, [name: string, look: string]>> = {
  created: ["Taken into the books", "accent"],
  updated: ["Changed by another import", "accent"],
  edited: ["Changed by its source", "accent"],
  reserved: ["Stock reserved", "accent"],
  backordered: ["Ran short, waits for stock", "bad"],
  retried: ["Taken up again", "accent"],
  paid: ["Paid", "good"],
  failed: ["Failed", "bad"],
  cancelled: ["Cancelled", "bad"],
  payment_late: ["Payment came too late", "bad"],
  payment_disputed: ["Payment to decide about", "bad"],
  payment_authorized: ["Money held", "accent"],
  payment_capture_asked: ["Capture asked for", "accent"],
  payment_released: ["Held money let go", "muted"],
  payment_second: ["Paid a second time", "bad"],
  payment_superseded: ["Payment of what it cost before", "accent"],
  payment_accepted: ["Payment accepted", "good"],
  payment_given_back: ["Payment to be given back", "accent"],
  payment_dismissed: ["Payment dismissed", "accent"],
  payment_reversed: ["Payment given back", "accent"],
  payment_reversal_returned: ["Payment given back, and taken back by the provider", "bad"],
  payment_by_hand: ["Payment waits to be given back by hand", "bad"],
  payment_returned: ["Payment given back by hand", "accent"],
  payment_given_twice: ["Payment given back twice", "bad"],
  chargeback_opened: ["Charged back", "bad"],
  chargeback_updated: ["Chargeback changed", "accent"],
  chargeback_closed: ["Chargeback decided", "accent"],
  refund_requested: ["Refund requested", "accent"],
  refund_by_hand: ["Refund waits to be given back by hand", "bad"],
  refund_completed: ["Refund given back by hand", "accent"],
  refund_refused: ["Refund refused by hand", "bad"],
  refund_processed: ["Refund processed", "good"],
  refund_given_twice: ["Refund given back twice", "bad"],
  given_twice_dismissed: ["What was given back twice is dismissed", "accent"],
  refund_failed: ["Refund failed", "bad"],
  refund_returned: ["Refund taken back by the provider", "bad"],
  customer_erased: ["The customer's data erased", "accent"],
  notification_replayed: ["Notification sent again", "accent"],
  dead_letter_retried: ["Dead letter retried", "accent"],
  dead_letter_discarded: ["Dead letter discarded", "bad"],
};

/** A line of the timeline. */
interface Entry {
  at: string;
  name: string;
  look: string;
  refundId: number | null;
  attempt: number;
  detail: Child;
  by: Child;
}

/** Every step and everything that was written to the log or sent, the newest first. */
export const Timeline: FC<{ order: OrderDetail }> = ({ order }) => {
  const done = order.timeline.map((step) => entryOfStep(step, order.currency));
  const entries = [...done, ...order.notifications.flatMap(entryOfNotification)]
    .sort((a, b) => a.at < b.at ? -1 : a.at > b.at ? 1 : 0);
  return entries.length === 0 ? <p class="muted">No steps are known</p> : (
    <ol class="timeline">
      {entries.toReversed().map((entry, index) => (
        <Line key={index} entry={entry} before={entries[entries.length - 2 - index]} />
      ))}
    </ol>
  );
};

const Line: FC<{ entry: Entry; before: Entry | undefined }> = ({ entry, before }) => {
  const gap = before === undefined ? undefined : Date.parse(entry.at) - Date.parse(before.at);
  return (
    <li class={entry.look}>
      <b>{entry.name}</b>
      {entry.refundId !== null && (
        <>
          {" "}
          <span class="muted">#{entry.refundId}</span>
        </>
      )}
      {entry.attempt > 1 && (
        <>
          {" "}
          <Badge tone="warn">try {entry.attempt}</Badge>
        </>
      )}
      {entry.detail && <div>{entry.detail}</div>}
      <div class="when">
        <Time at={entry.at} seconds />
        {gap !== undefined && gap >= 1 && ` · ${formatDuration(gap)} later`} · {entry.by}
      </div>
    </li>
  );
};

function entryOfStep(
  { at, event, detail, refundId, actor, attempt }: OrderStep,
  currency: string,
): Entry {
  const known: Readonly<Record<string, [name: string, look: string]>> = steps;
  const [name, look] = known[event] ?? [event.replaceAll("_", " "), ""];
  return {
    at,
    name,
    look,
    refundId,
    attempt,
    detail: detail &&
      (event === "paid" ? `Reference ${detail}` : reasonIn(detail) ?? inMoney(detail, currency)),
    by: by(actor),
  };
}

/** Amounts as the page writes them, those of earlier versions too, which counted in "cents" of any currency. */
function inMoney(text: string, currency: string): string {
  return asShown(text).replace(
    /\b(\d{1,15}) cents\b/g,
    (_, cents) => formatMoney(Number(cents), currency),
  );
}

/** What was sent, or could not be; what is only about to be sent is no step yet. */
function entryOfNotification(notification: ListedNotification): Entry[] {
  // The event of a refund ends with its id, which is shown beside.
  const [event] = notification.event.split(":");
  if (!notification.success && notification.error === null) return [];
  return [{
    at: notification.sentAt ?? notification.createdAt,
    name: notificationWords(notification.channel, notification.state),
    look: notification.success || notification.state === "no_address" ? "" : "bad",
    refundId: notification.refundId,
    attempt: 1,
    detail: notification.error === null || notification.state === "no_address"
      ? event
      : `${event}: ${notification.error}`,
    by: <a href={`/dashboard/notifications/${notification.id}`}>notification #{notification.id}</a>,
  }];
}

/** Who did it, in words; the exact name for those who point at it. */
export function by(actor: string): Child {
  const importId = /(?:^| )import:(\d+)$/.exec(actor)?.[1];
  if (importId !== undefined) {
    return <a href={`/dashboard/imports/${importId}`} title={actor}>import #{importId}</a>;
  }
  return <span title={actor}>{wordsFor(actor)}</span>;
}

function wordsFor(actor: string): string {
  const host = /^([^:]+):\d+:\w+(?::\d+)?$/.exec(actor)?.[1];
  if (host !== undefined) return `worker on ${host}`;
  const [way, name] = actor.split(":");
  if (way === "api") return name === undefined ? "by the API" : `by ${name}`;
  if (way === "cli") return `${name === undefined ? "" : `by ${name} `}on the command line`;
  return actor === "dashboard" ? "on the dashboard" : actor;
}

/** What was written to the log or sent, and what is to be. */
export const Notifications: FC<{ order: OrderDetail }> = ({ order: { notifications } }) => (
  <>
    <h2>Notifications</h2>
    {notifications.length === 0
      ? <p class="muted">Nothing was written or sent yet</p>
      : (
        <ul class="checks">
          {notifications.map((notification) => (
            <li key={notification.id}>
              <span
                class={`dot ${
                  notification.success
                    ? "good"
                    : notification.error === null || notification.state === "no_address"
                    ? ""
                    : "bad"
                }`}
              >
                <a href={`/dashboard/notifications/${notification.id}`}>{notification.event}</a>
                {" "}
                <span class="muted">
                  {notificationWords(notification.channel, notification.state)}
                </span>
              </span>
              <span class="muted small">
                {(notification.state === "no_address" ? null : notification.error) ??
                  (
                    <Time
                      at={notification.success
                        ? notification.sentAt ?? notification.createdAt
                        : notification.createdAt}
                    />
                  )}
              </span>
            </li>
          ))}
        </ul>
      )}
  </>
);
