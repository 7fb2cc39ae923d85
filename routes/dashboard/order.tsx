/**
 * One order: what it holds, what became of it, and what can be done.
 *
 * @module
 */

import { type Context, Hono } from "hono";
import type { FC } from "hono/jsx";
import { type DeadLetterRow, listDeadLetters } from "../../db/dead_letters/dead_letters.ts";
import { causeOf } from "../../domain/messages/dead_letter_causes.ts";
import { type LedgerEntry, listLedger } from "../../db/ledger/ledger_list.ts";
import { type OrderDetail, readOrderDetail } from "../../db/orders/order_queries.ts";
import { readOrders } from "../../db/orders/orders.ts";
import { WorkflowError } from "../../domain/errors.ts";
import { bringerOf } from "../../domain/order/bringer.ts";
import { isSettled, retriedReason } from "../../domain/order/order.ts";
import { chargebackStates } from "../../domain/payment/chargeback.ts";
import { writtenOut } from "../../domain/refund/refund_items.ts";
import { reasonFault, trimmedReason } from "../../domain/refund/refund_request.ts";
import type { DisputeVerdict } from "../../domain/order/settle.ts";
import { cancelAndPublish } from "../../services/orders/cancel_order.ts";
import { captureAndPublish } from "../../services/orders/capture_order.ts";
import { decideAndPublish } from "../../services/payments/decide_payment.ts";
import { requestAndPublish } from "../../services/refunds/request_refunds.ts";
import { retryAndPublish } from "../../services/orders/retry_orders.ts";
import { cancelsOnly, retriesOnly } from "../middleware/caller.ts";
import type { AppDeps } from "../deps.ts";
import { operatorOf } from "../middleware/operator.ts";
import { problemOf } from "../middleware/problem.ts";
import { readForm } from "../middleware/read_form.ts";
import { notFoundPage } from "./error_page.tsx";
import { ByHandForms, readByHand } from "./by_hand.tsx";
import { mayCancel, missingScopes, ScopeNeeded } from "./form.tsx";
import { asShown, counted, formatMoney } from "./format.ts";
import { LiveDot, page, PageHead } from "./layout.tsx";
import { liveStream } from "./live.ts";
import {
  CancelForm,
  CaptureForm,
  DisputeForm,
  isCapturable,
  isDisputed,
  leftCents,
  RetryForm,
} from "./order_actions.tsx";
import { Customer, Items, Payment, Refunds, Shortages, Sum } from "./order_facts.tsx";
import { Notifications, Path, Timeline } from "./order_timeline.tsx";
import { Notice, Region, regionsToHtml } from "./parts.tsx";
import { Chargebacks } from "./chargebacks.tsx";
import { OrderLedger } from "./ledger_entries.tsx";
import { Attempts } from "./payment_attempts.tsx";
import { askFirst, isConfirmed } from "./question.tsx";
import { idOf, said } from "./queries.ts";
import {
  answeredItems,
  itemFields,
  RefundForm,
  unitsLeft,
  type WantedRefund,
  wantedRefund,
} from "./refund_form.tsx";
import { need } from "./reading.ts";

/** What the address after a change says was done. */
const outcomes: Readonly<Record<string, string>> = {
  refund: "The refund was requested",
  cancel: "The order was cancelled",
  capture: "The money is to be taken",
  retry: "The order was taken up again",
  payment: "The payment was decided about",
  by_hand: "It was written down",
};

/** What a form said that could not be done. */
interface Refused {
  error: WorkflowError;
  form: Record<string, string | undefined>;
}

/** `GET /dashboard/orders/{id}`, its stream, and the forms on it. */
export function orderPageRoutes(deps: AppDeps): Hono {
  const app = new Hono();
  const { db } = deps;

  app.get("/orders/:id{[0-9]{1,15}}", (c) => show(c, deps));

  app.get("/orders/:id{[0-9]{1,15}}/live", async (c) => {
    const first = await need(readOrders(db, [idOf(c)]));
    if (first.size === 0) return await notFoundPage(c, `There is no order #${idOf(c)}`);
    return await liveStream(c, deps, async () => {
      const order = await need(readOrderDetail(db, idOf(c)));
      if (order === undefined) return { regions: {} };
      const [letters, entries] = [await lettersOf(deps, idOf(c)), await entriesOf(deps, idOf(c))];
      return { regions: await regionsToHtml(regionsOf(order, letters, entries)) };
    });
  });

  // From the row of a list: the question about all that is left, with nothing typed.
  app.get("/orders/:id{[0-9]{1,15}}/refund", async (c) => {
    const form = { which: "all" };
    try {
      if (missingScopes(c, c.req.path) !== undefined) return await show(c, deps);
      return await askRefund(c, deps, form);
    } catch (error) {
      return await refuse(c, deps, error, form);
    }
  });

  app.post("/orders/:id{[0-9]{1,15}}/refund", async (c) => {
    const id = idOf(c);
    const form = await readForm(c);
    try {
      if (!isConfirmed(form)) return await askRefund(c, deps, form);
      const amountCents = /^[1-9]\d{0,14}$/.test(form.cents ?? "") ? Number(form.cents) : undefined;
      const items = answeredItems(form);
      if (amountCents === undefined || items === null || !form.key) {
        throw new WorkflowError(
          "invalid",
          "The form is not complete; reload the page and try again",
        );
      }
      const { reason = null, key: idempotencyKey } = form;
      const request = { orderId: id, amountCents, items, reason, idempotencyKey };
      await requestAndPublish(deps, request, operatorOf(c, deps.config));
    } catch (error) {
      return await refuse(c, deps, error, form);
    }
    return c.redirect(`/dashboard/orders/${id}?done=refund`, 303);
  });

  addDecisions(app, deps);
  return app;
}

/** What a person decides about the order as a whole. */
function addDecisions(app: Hono, deps: AppDeps): void {
  app.post("/orders/:id{[0-9]{1,15}}/cancel", async (c) => {
    const id = idOf(c);
    const form = await readForm(c);
    try {
      if (!isConfirmed(form)) return await askCancel(c, deps);
      await cancelAndPublish(deps, id, operatorOf(c, deps.config), {
        only: cancelsOnly(c.get("caller")),
      });
    } catch (error) {
      return await refuse(c, deps, error, form);
    }
    return c.redirect(`/dashboard/orders/${id}?done=cancel`, 303);
  });

  app.post("/orders/:id{[0-9]{1,15}}/capture", async (c) => {
    const id = idOf(c);
    const form = await readForm(c);
    try {
      if (!isConfirmed(form)) return await askCapture(c, deps);
      // What was asked about is what is taken, whatever the order has become meanwhile.
      const amountCents = /^[1-9]\d{0,14}$/.test(form.cents ?? "") ? Number(form.cents) : null;
      await captureAndPublish(deps, id, operatorOf(c, deps.config), {
        amountCents,
        only: retriesOnly(c.get("caller")),
      });
    } catch (error) {
      return await refuse(c, deps, error, form);
    }
    return c.redirect(`/dashboard/orders/${id}?done=capture`, 303);
  });

  app.post("/orders/:id{[0-9]{1,15}}/payment", async (c) => {
    const id = idOf(c);
    const form = await readForm(c);
    try {
      const verdict = verdictOf(form.verdict);
      if (!isConfirmed(form)) return await askVerdict(c, deps, verdict);
      await decideAndPublish(deps, id, verdict, operatorOf(c, deps.config));
    } catch (error) {
      return await refuse(c, deps, error, form);
    }
    return c.redirect(`/dashboard/orders/${id}?done=payment`, 303);
  });

  addRetry(app, deps);
}

function addRetry(app: Hono, deps: AppDeps): void {
  app.post("/orders/:id{[0-9]{1,15}}/retry", async (c) => {
    const id = idOf(c);
    const form = await readForm(c);
    try {
      if (!isConfirmed(form)) return await askRetry(c, deps);
      await retryAndPublish(deps, id, operatorOf(c, deps.config), {
        only: retriesOnly(c.get("caller")),
      });
    } catch (error) {
      return await refuse(c, deps, error, form);
    }
    return c.redirect(`/dashboard/orders/${id}?done=retry`, 303);
  });
}

function verdictOf(text: string | undefined): DisputeVerdict {
  if (text === "accept" || text === "give_back" || text === "dismiss") return text;
  throw new WorkflowError("invalid", "The form is not complete; reload the page and try again");
}

/** The order that a question is about. */
async function orderFor(c: Context, { db }: AppDeps): Promise<OrderDetail> {
  const order = await need(readOrderDetail(db, idOf(c)));
  if (order === undefined) {
    throw new WorkflowError("not_found", `There is no order ${idOf(c)}`);
  }
  return order;
}

/** What a question is about, and the address of whom the order was placed for, where there is one. */
function noteOf(about: string, { email }: OrderDetail["recipient"]): string {
  return email === null ? about : `${about}, ${email}`;
}

/**
 * Asks before money goes back. The amount is in the answer: what is left may be another one by then. So is the
 * key, which makes two clicks one refund.
 */
async function askRefund(
  c: Context,
  deps: AppDeps,
  form: Record<string, string | undefined>,
): Promise<Response> {
  const order = await orderFor(c, deps);
  const wanted = wantedRefund(order, form);
  const { cents, items } = wanted;
  const reason = trimmedReason(form.reason ?? null);
  const fault = reason === null ? undefined : reasonFault(reason);
  if (fault !== undefined) throw new WorkflowError("invalid", `The reason ${fault}`);
  const { recipient, externalOrderId, totalCents, currency } = order;
  const left = leftCents(order) - cents;
  return await askFirst(c, {
    title: `Refund ${formatMoney(cents, currency)} to ${recipient.name}?`,
    note: noteOf(`Order ${externalOrderId} of ${formatMoney(totalCents, currency)}`, recipient),
    says:
      `${formatMoney(cents, currency)} of order ${externalOrderId} goes back to ${recipient.name}` +
      `${items === undefined ? "" : `: ${writtenOut(wanted, currency)}`}. ` +
      `${left === 0 ? "Nothing" : formatMoney(left, currency)} is left to refund then` +
      `${reason === null ? "" : `. Reason: ${reason}`}.${goodsOf(order, wanted)}`,
    nav: "/dashboard/orders",
    action: `/dashboard/orders/${order.id}/refund`,
    verb: `Refund ${formatMoney(cents, currency)}`,
    fields: { cents, ...itemFields(items), reason, key: `dashboard-${crypto.randomUUID()}` },
    crumb: [`/dashboard/orders/${order.id}`, externalOrderId],
    keep: "Keep the money",
  });
}

/** Whether goods come back with a refund; nothing where it is not about any. */
function goodsOf(order: OrderDetail, { lines, isWhole }: WantedRefund): string {
  const units = lines.reduce((sum, { qty, restock }) => restock ? sum + qty : sum, 0);
  if (units > 0) {
    return ` ${counted(units, "unit goes", "units go")} back into stock ` +
      "once it is processed.";
  }
  const isAboutGoods = lines.length > 0 || (isWhole && unitsLeft(order) > 0);
  return isAboutGoods ? " No unit goes back into stock." : "";
}

const verdicts: Readonly<Record<DisputeVerdict, [verb: string, says: string]>> = {
  accept: ["Accept", "The order becomes PAID, and its total what was taken."],
  give_back: [
    "Give back",
    "It goes back; an order that waited for it fails, and its stock returns.",
  ],
  dismiss: ["Dismiss", "Nothing is given back: it went back otherwise, or is the same money."],
};

/** Asks before it is decided about money that does not fit an order. */
async function askVerdict(c: Context, deps: AppDeps, verdict: DisputeVerdict): Promise<Response> {
  const order = await orderFor(c, deps);
  const { recipient, externalOrderId, payment, furtherPayments } = order;
  const waiting = (payment?.status === "DISPUTED" ? [payment] : []).concat(
    verdict === "accept" ? [] : furtherPayments.filter(({ status }) => status === "DISPUTED"),
  );
  const concerned = verdict === "dismiss" ? waiting.filter((one) => one !== payment) : waiting;
  const money = concerned.map((one) => formatMoney(one.amountCents, one.currency)).join(" and ");
  const [verb, says] = verdicts[verdict];
  return await askFirst(c, {
    title: `${verb} ${money || "the payment"} of ${recipient.name}?`,
    note: noteOf(
      `Order ${externalOrderId} of ${formatMoney(order.totalCents, order.currency)}`,
      recipient,
    ),
    says,
    nav: "/dashboard/orders",
    action: `/dashboard/orders/${order.id}/payment`,
    verb: `${verb} ${money}`.trim(),
    danger: verdict === "give_back",
    fields: { verdict },
    crumb: [`/dashboard/orders/${order.id}`, externalOrderId],
    keep: "Decide later",
  });
}

/** Asks before an order is cancelled. */
async function askCancel(c: Context, deps: AppDeps): Promise<Response> {
  const order = await orderFor(c, deps);
  const { recipient, externalOrderId, totalCents, currency, status } = order;
  if (isSettled(status) && status !== "CANCELLED") {
    throw new WorkflowError(
      "order_not_cancellable",
      `Cannot cancel order ${order.id}: it is ${status} already`,
    );
  }
  return await askFirst(c, {
    title: `Cancel order ${externalOrderId} of ${recipient.name}?`,
    note: noteOf(formatMoney(totalCents, currency), recipient),
    says: `The order of ${formatMoney(totalCents, currency)} by ${recipient.name} ends. ` +
      (status === "RESERVED"
        ? "Its units go back into stock, and if the payment comes after all, it is given back."
        : "Nothing is reserved for it yet."),
    nav: "/dashboard/orders",
    action: `/dashboard/orders/${order.id}/cancel`,
    verb: "Cancel the order",
    danger: true,
    crumb: [`/dashboard/orders/${order.id}`, externalOrderId],
    keep: "Keep the order",
  });
}

/** Asks before the money is taken that is held for an order. */
async function askCapture(c: Context, deps: AppDeps): Promise<Response> {
  const order = await orderFor(c, deps);
  const { id, externalOrderId, recipient, totalCents, currency } = order;
  const money = formatMoney(totalCents, currency);
  return await askFirst(c, {
    title: `Take ${money} for order ${externalOrderId} of ${recipient.name}?`,
    note: noteOf(money, recipient),
    says: `The provider holds ${money} and takes them now; the order is paid by them.`,
    nav: "/dashboard/orders",
    action: `/dashboard/orders/${id}/capture`,
    verb: `Take ${money}`,
    fields: { cents: String(totalCents) },
    crumb: [`/dashboard/orders/${id}`, externalOrderId],
    keep: "Take them later",
  });
}

/** Asks before an order is taken up again: it may be charged then. */
async function askRetry(c: Context, deps: AppDeps): Promise<Response> {
  const order = await orderFor(c, deps);
  const { id, externalOrderId, recipient, totalCents, currency, shortages } = order;
  const missing = shortages.map(({ sku, missingQty }) => `${missingQty} of ${sku}`).join(", ");
  return await askFirst(c, {
    title: `Take up order ${externalOrderId} of ${recipient.name} again?`,
    note: noteOf(formatMoney(totalCents, currency), recipient),
    says:
      `It asks for all its units once more${
        missing && `; it lacked ${missing}`
      }. If they are there, ` +
      (order.paymentStatus === "due"
        ? `${formatMoney(totalCents, currency)} are charged`
        : "it is settled, and nothing is charged") +
      "; if not, it fails again.",
    nav: "/dashboard/orders",
    action: `/dashboard/orders/${id}/retry`,
    verb: "Take up again",
    crumb: [`/dashboard/orders/${id}`, externalOrderId],
    keep: "Leave it",
  });
}

/** Shows the page again, with what was wrong and what was typed. */
async function refuse(
  c: Context,
  deps: AppDeps,
  error: unknown,
  form: Record<string, string | undefined>,
): Promise<Response> {
  if (!(error instanceof WorkflowError) || problemOf(error).status >= 500) throw error;
  return await show(c, deps, { error, form });
}

async function show(c: Context, deps: AppDeps, refused?: Refused): Promise<Response> {
  const id = idOf(c);
  const order = await need(readOrderDetail(deps.db, id));
  if (order === undefined) return await notFoundPage(c, `There is no order #${id}`);
  const waiting = await readByHand(deps, id);
  const regions = regionsOf(order, await lettersOf(deps, id), await entriesOf(deps, id));
  return await page(
    c,
    {
      title: `Order ${order.externalOrderId}`,
      nav: "/dashboard/orders",
      live: `/dashboard/orders/${id}/live`,
      status: refused === undefined ? 200 : problemOf(refused.error).status,
    },
    (
      <>
        <PageHead
          title={order.externalOrderId}
          crumb={["/dashboard/orders", "Orders"]}
          note={`#${order.id}`}
        >
          <LiveDot />
        </PageHead>
        <Outcome change={said(c, "done") ?? ""} refused={refused} />
        <Region name="letters">{regions.letters}</Region>
        <Warnings order={order} />
        <section aria-label="Where it stands" class="card">
          <Region name="path">{regions.path}</Region>
        </section>
        <div class="columns apart">
          <div class="side-stack">
            <section aria-labelledby="items-heading">
              <h2 id="items-heading" class="heading">Items</h2>
              <Items order={order} />
              <Region name="sum">{regions.sum}</Region>
            </section>
            <Region name="shortages">{regions.shortages}</Region>
            <Region name="refunds">{regions.refunds}</Region>
            <Chargebacks c={c} rows={order.chargebacks} config={deps.config} />
            <Region name="attempts">{regions.attempts}</Region>
            <section aria-labelledby="timeline-heading" class="card">
              <h2 id="timeline-heading">Timeline</h2>
              <Region name="timeline">{regions.timeline}</Region>
            </section>
          </div>
          <div class="side-stack">
            <section aria-label="Customer" class="card">
              <Customer order={order} />
            </section>
            <section aria-label="Payment" class="card">
              <Region name="payment">{regions.payment}</Region>
            </section>
            <Decide c={c} order={order} />
            <ByHandForms c={c} waiting={waiting} />
            <section aria-label="Notifications" class="card">
              <Region name="told">{regions.told}</Region>
            </section>
            <Refund c={c} order={order} typed={refused?.form} />
            <Capture c={c} order={order} />
            <Retry c={c} order={order} />
            <Cancel c={c} order={order} />
          </div>
        </div>
      </>
    ),
  );
}

/** What of its money waits for somebody. */
const Warnings: FC<{ order: OrderDetail }> = ({ order }) => (
  <>
    {isDisputed(order) && (
      <Notice tone="bad" title="Its payment waits for a decision" href="#dispute">
        {disputedMoney(order)} {"was taken in another amount than was asked for, or twice."}
      </Notice>
    )}
    <Contested order={order} />
  </>
);

/** That its customer contests it at the bank, and what has gone back besides. */
const Contested: FC<{ order: OrderDetail }> = (
  { order: { chargebacks, refundedCents, currency } },
) => {
  const due = chargebacks.find(({ state }) => chargebackStates[state].needsResponse);
  const held = chargebacks.some(({ heldCents }) => heldCents > 0);
  const lost = chargebacks.some(({ lostCents }) => lostCents > 0);
  if (due === undefined && !held && !lost) return null;
  const refunded = refundedCents === 0
    ? ""
    : held || due !== undefined
    ? ` ${
      formatMoney(refundedCents, currency)
    } went back to the customer by refunds: say so in the answer.`
    : ` ${formatMoney(refundedCents, currency)} went back by refunds as well.`;
  const title = due !== undefined
    ? "The customer contests the charge at the bank: answer it at the provider"
    : held
    ? "The customer contests the charge at the bank: it is not decided"
    : "A chargeback was lost";
  return (
    <Notice tone={held || due !== undefined ? "bad" : "warn"} title={title} href="#chargebacks">
      {(held ? "Nothing can be refunded until it is decided." : "") + refunded}
    </Notice>
  );
};

/** What came of the form that led here. */
const Outcome: FC<{ change: string; refused?: Refused }> = ({ change, refused }) => {
  if (refused) return <Notice tone="bad" title={asShown(refused.error.message)} />;
  return Object.hasOwn(outcomes, change) ? <Notice tone="good" title={outcomes[change]!} /> : null;
};

/** The money that waits for a decision. */
function disputedMoney({ payment, furtherPayments }: OrderDetail): string {
  return [...(payment === null ? [] : [payment]), ...furtherPayments]
    .filter(({ status }) => status === "DISPUTED")
    .map(({ amountCents, currency }) => formatMoney(amountCents, currency)).join(" and ");
}

/** A decision about its payment, while one is wanted. */
const Decide: FC<{ c: Context; order: OrderDetail }> = ({ c, order }) =>
  isDisputed(order)
    ? (
      <section aria-labelledby="dispute-heading" class="card" id="dispute">
        <h2 id="dispute-heading">Decide about the payment</h2>
        <DisputeForm c={c} order={order} />
      </section>
    )
    : null;

/** A refund, while something is left. */
const Refund: FC<{ c: Context; order: OrderDetail; typed?: Refused["form"] }> = (
  { c, order, typed },
) =>
  leftCents(order) > 0
    ? (
      <section aria-labelledby="refund-heading" class="card" id="refund">
        <h2 id="refund-heading">Refund</h2>
        <RefundForm c={c} order={order} form={typed} />
      </section>
    )
    : null;

/** True where its money goes back or went back, so that it can't go on. */
function givesMoneyBack({ payment, refunds }: OrderDetail): boolean {
  return payment !== null && payment.status !== "DECLINED" ||
    refunds.some(({ status }) => status !== "FAILED");
}

/** Taking what is held for it, until that was asked for. */
const Capture: FC<{ c: Context; order: OrderDetail }> = ({ c, order }) =>
  isCapturable(order)
    ? (
      <section aria-labelledby="capture-heading" class="card">
        <h2 id="capture-heading">Capture</h2>
        <CaptureForm c={c} order={order} />
      </section>
    )
    : null;

/** Taking it up again, where it failed for want of stock. */
const Retry: FC<{ c: Context; order: OrderDetail }> = ({ c, order }) =>
  order.failureReason === retriedReason && !givesMoneyBack(order)
    ? (
      <section aria-labelledby="retry-heading" class="card">
        <h2 id="retry-heading">Take up again</h2>
        <RetryForm c={c} order={order} />
      </section>
    )
    : null;

/** Cancelling, until it has come to its end. */
const Cancel: FC<{ c: Context; order: OrderDetail }> = ({ c, order }) =>
  isSettled(order.status) ? null : (
    <section aria-labelledby="cancel-heading" class="card">
      <h2 id="cancel-heading">Cancel</h2>
      {mayCancel(c, bringerIn(order), `order ${order.id}`)
        ? <CancelForm c={c} order={order} />
        : <ScopeNeeded missing="cancel" />}
    </section>
  );

/** Who brought an order; null where nobody knows any more. */
function bringerIn({ timeline }: OrderDetail): string | null {
  const created = timeline.find(({ event }) => event === "created");
  return created === undefined ? null : bringerOf(created.actor);
}

/** Most dead letters that the page of an order shows. */
const maxLetters = 20;

/** Dead letters about an order that wait for a decision. */
function lettersOf({ db }: AppDeps, orderId: number): Promise<DeadLetterRow[]> {
  return need(listDeadLetters(db, { orderId }, 0, maxLetters));
}

/** What of it nobody could handle, and why. */
const OrderLetters: FC<{ letters: readonly DeadLetterRow[] }> = ({ letters }) => (
  <>
    {letters.map((letter) => (
      <Notice
        key={letter.id}
        tone="bad"
        title={`Dead letter #${letter.id}: ${causeOf(letter).title}`}
        href={`/dashboard/dead-letters/${letter.id}`}
      >
        {letter.group}: {asShown(letter.error)}
      </Notice>
    ))}
  </>
);

/** Rows of the ledger that the page of an order shows. */
const maxEntries = 100;

/** What of an order's money is booked. */
async function entriesOf({ db }: AppDeps, orderId: number): Promise<LedgerEntry[]> {
  return (await need(listLedger(db, { orderId }, { after: null, limit: maxEntries }))).entries;
}

function regionsOf(
  order: OrderDetail,
  letters: readonly DeadLetterRow[],
  entries: readonly LedgerEntry[],
) {
  return {
    letters: <OrderLetters letters={letters} />,
    path: <Path order={order} />,
    timeline: <Timeline order={order} />,
    sum: <Sum order={order} />,
    payment: <Payment order={order} />,
    refunds: <Refunds order={order} />,
    shortages: <Shortages order={order} />,
    told: <Notifications order={order} />,
    attempts: (
      <>
        <Attempts order={order} />
        <OrderLedger orderId={order.id} entries={entries} />
      </>
    ),
  };
}
