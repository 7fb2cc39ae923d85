/**
 * One order: what it holds, what became of it, and what can be done.
 *
 * @module
 */

import { type Context, Hono } from "hono";
import type { ContentfulStatusCode } from "hono/utils/http-status";
import { cancelOrder } from "../../db/cancel.ts";
import { decidePayment } from "../../db/decide_payment.ts";
import { type OrderDetail, readOrderDetail } from "../../db/order_queries.ts";
import { readOrders } from "../../db/orders.ts";
import { requestRefund } from "../../db/refunds.ts";
import { WorkflowError } from "../../domain/errors.ts";
import { orderLimits } from "../../domain/incoming_order.ts";
import { isSettled } from "../../domain/order.ts";
import type { DisputeVerdict } from "../../domain/settle.ts";
import type { AppDeps } from "../deps.ts";
import { problemOf } from "../problem.ts";
import { publishAfterCommit } from "../publish_after_commit.ts";
import { readForm } from "../read_form.ts";
import { notFoundPage } from "./error_page.tsx";
import { actorOf } from "./form.tsx";
import { parseAmount, plainAmount } from "./format.ts";
import { LiveDot, page, PageHead } from "./layout.tsx";
import { liveStream } from "./live.ts";
import { CancelForm, DisputeForm, isDisputed, leftCents, RefundForm } from "./order_actions.tsx";
import { Customer, Items, Payment, Refunds } from "./order_facts.tsx";
import { Path, Timeline, Told } from "./order_timeline.tsx";
import { Notice, Region, toHtml } from "./parts.tsx";
import { need } from "./reading.ts";

/** What the address after a change says was done. */
const notices: Readonly<Record<string, string>> = {
  refund: "The refund was requested",
  cancel: "The order was cancelled",
  payment: "The payment was decided about",
};

/** What a form said that could not be done. */
interface Refused {
  error: WorkflowError;
  form: Record<string, string | undefined>;
}

/** `GET /dashboard/orders/{id}`, its stream, and the forms on it. */
export function orderRoutes(deps: AppDeps): Hono {
  const app = new Hono();
  const { db } = deps;

  app.get("/orders/:id{[0-9]{1,15}}", (c) => show(c, deps));

  app.get("/orders/:id{[0-9]{1,15}}/live", async (c) => {
    const first = await need(readOrders(db, [idOf(c)]));
    if (first.size === 0) return await notFoundPage(c, `There is no order #${idOf(c)}`);
    return await liveStream(c, deps, async () => {
      const order = await need(readOrderDetail(db, idOf(c)));
      if (order === undefined) return { regions: {} };
      const html = Object.entries(regionsOf(order)).map(async ([name, element]) =>
        [name, await toHtml(element)] as const
      );
      return { regions: Object.fromEntries(await Promise.all(html)) };
    });
  });

  app.post("/orders/:id{[0-9]{1,15}}/refund", async (c) => {
    const id = idOf(c);
    const form = await readForm(c);
    try {
      const amountCents = form.which === "part" ? await amountOf(deps, id, form.amount) : null;
      const reason = form.reason ? form.reason : null;
      if (reason !== null && [...reason].length > orderLimits.textLength) {
        throw new WorkflowError("invalid", "The reason is too long");
      }
      if (!/^[\x21-\x7e]{8,255}$/.test(form.key ?? "")) {
        throw new WorkflowError(
          "invalid",
          "The form is not complete; reload the page and try again",
        );
      }
      const { refund, currency } = await requestRefund(db, {
        orderId: id,
        amountCents,
        reason,
        idempotencyKey: form.key!,
      }, actorOf(c));
      await publishAfterCommit(deps, [{
        type: "refund.process",
        orderId: id,
        refundId: refund.id,
        amountCents: refund.amountCents,
        currency,
      }]);
    } catch (error) {
      return await refuse(c, deps, error, form);
    }
    return c.redirect(`/dashboard/orders/${id}?done=refund`, 303);
  });

  app.post("/orders/:id{[0-9]{1,15}}/cancel", async (c) => {
    const id = idOf(c);
    const form = await readForm(c);
    try {
      const { messages } = await cancelOrder(db, id, actorOf(c));
      await publishAfterCommit(deps, messages);
    } catch (error) {
      return await refuse(c, deps, error, form);
    }
    return c.redirect(`/dashboard/orders/${id}?done=cancel`, 303);
  });

  app.post("/orders/:id{[0-9]{1,15}}/payment", async (c) => {
    const id = idOf(c);
    const form = await readForm(c);
    try {
      const { messages } = await decidePayment(db, id, verdictOf(form.verdict), actorOf(c));
      await publishAfterCommit(deps, messages);
    } catch (error) {
      return await refuse(c, deps, error, form);
    }
    return c.redirect(`/dashboard/orders/${id}?done=payment`, 303);
  });

  return app;
}

function idOf(c: Context): number {
  return Number(c.req.param("id"));
}

function verdictOf(text: string | undefined): DisputeVerdict {
  if (text === "accept" || text === "give_back" || text === "dismiss") return text;
  throw new WorkflowError("invalid", "The form is not complete; reload the page and try again");
}

/** What was typed as the part of an order that is to go back, in the digits of the order's currency. */
async function amountOf({ db }: AppDeps, orderId: number, text = ""): Promise<number> {
  const order = (await readOrders(db, [orderId])).get(orderId);
  if (order === undefined) throw new WorkflowError("not_found", `There is no order ${orderId}`);
  const amount = parseAmount(text, order.currency);
  if (amount === undefined || amount === 0) {
    const such = plainAmount(order.totalCents, order.currency);
    throw new WorkflowError(
      "invalid",
      `“${text}” is no amount to refund in ${order.currency}, such as ${such}`,
    );
  }
  return amount;
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

async function show(c: Context, { db }: AppDeps, refused?: Refused): Promise<Response> {
  const id = idOf(c);
  const order = await need(readOrderDetail(db, id));
  if (order === undefined) return await notFoundPage(c, `There is no order #${id}`);
  const regions = regionsOf(order);
  const said = c.req.query("done") ?? "";
  const done = Object.hasOwn(notices, said) ? notices[said] : undefined;
  const status: ContentfulStatusCode = refused === undefined
    ? 200
    : problemOf(refused.error).status;
  return await page(
    c,
    {
      title: `Order ${order.externalOrderId}`,
      nav: "/dashboard/orders",
      live: `/dashboard/orders/${id}/live`,
      status,
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
        {refused && <Notice tone="bad" title={refused.error.message} />}
        {!refused && done && <Notice tone="good" title={done} />}
        <section aria-label="Where it stands" class="card">
          <Region name="path">{regions.path}</Region>
        </section>
        <div class="columns apart">
          <div class="side-stack">
            <section aria-labelledby="items-heading">
              <h2 id="items-heading" class="heading">Items</h2>
              <Items order={order} />
            </section>
            <Region name="refunds">{regions.refunds}</Region>
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
            {isDisputed(order) && (
              <section aria-labelledby="dispute-heading" class="card" id="dispute">
                <h2 id="dispute-heading">Decide about the payment</h2>
                <DisputeForm c={c} order={order} />
              </section>
            )}
            <section aria-label="Notifications" class="card">
              <Region name="told">{regions.told}</Region>
            </section>
            {leftCents(order) > 0 && (
              <section aria-labelledby="refund-heading" class="card" id="refund">
                <h2 id="refund-heading">Refund</h2>
                <RefundForm c={c} order={order} form={refused?.form} />
              </section>
            )}
            {!isSettled(order.status) && (
              <section aria-labelledby="cancel-heading" class="card">
                <h2 id="cancel-heading">Cancel</h2>
                <CancelForm c={c} order={order} />
              </section>
            )}
          </div>
        </div>
      </>
    ),
  );
}

function regionsOf(order: OrderDetail) {
  return {
    path: <Path order={order} />,
    timeline: <Timeline order={order} />,
    payment: <Payment order={order} />,
    refunds: <Refunds order={order} />,
    told: <Told order={order} />,
  };
}
