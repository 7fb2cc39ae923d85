import assert from "node:assert/strict";
import { syntheticOrder } from "../../../tools/orders/orders_file.ts";
import type { Database } from "../../../db/connection/database.ts";
import { takeOrders } from "../../../streams/intake/take_orders.ts";
import { readAdjustmentSums, readOrderLines } from "../../../db/orders/order_lines.ts";
import { readOrderDetail } from "../../../db/orders/order_queries.ts";
import { searchOrders } from "../../../db/orders/order_search.ts";
import { listOpenOrders, listOpenRefunds } from "../../../db/recovery/recovery.ts";
import { readSettledOrders } from "../../../db/verification/kpi_sums.ts";
import { archivedTables } from "../../../db/archive/archived_tables.ts";
import { readStatuses } from "../../../db/orders/orders.ts";
import {
  countDeliveries,
  listNotifications,
} from "../../../db/notifications/notification_queries.ts";
import { listRefunds } from "../../../db/refunds/refund_list.ts";
import { type RefundRequest, requestRefunds } from "../../../services/refunds/request_refunds.ts";
import type { RefundItems } from "../../../domain/refund/refund_items.ts";
import { readSourceProviders } from "../../../db/payments/source_payments.ts";
import { listGivenTwice, sumGivenTwice } from "../../../db/refunds/given_twice.ts";
import { listMoneyByHand, sumMoneyByHand } from "../../../db/refunds/refunds_by_hand.ts";
import {
  decideRefundByHand,
  returnPaymentByHand,
} from "../../../services/refunds/refund_by_hand.ts";
import type { Group } from "../../../domain/messages/messages.ts";
import type { IncomingOrder } from "../../../domain/order/incoming_order.ts";
import { consumeOnce } from "../../../streams/queue/consumer.ts";
import { makeConsumer } from "../../../streams/workflow/consumer.ts";
import { expireReservations } from "../../../streams/recovery/expire_reservations.ts";
import { sweepOrphans } from "../../../streams/recovery/recover.ts";
import { publish } from "../../../streams/workflow/publish.ts";
import { anOrder, openWorkflow, type Workflow } from "../../workflow.ts";
import { observeDatabase, type SentStatement } from "./observed_database.ts";
import { age, archiveAll } from "../../archived.ts";
import { anOperator } from "../../operator.ts";

/** Settled orders in the tables, far more than a batch takes. */
const filled = 6_000;

/** Products and, with five orders to one, customers. */
const products = 3_000;

/** Orders to a batch. */
const batch = 100;

/** Rows above which reading a whole table is a fault. */
const largeTable = 1_000;

/** Rows that a statement of a batch may walk through: its own list of values, a few times over. */
const maxWalked = 15 * batch;

/** What the tables are called that grow with the orders. */
const growing = [
  "customers",
  "products",
  "orders",
  "order_items",
  "order_events",
  "order_adjustments",
  "source_payments",
  "payments",
  "refunds",
  "refund_lines",
  "stock_movements",
  "notification_logs",
  "notification_deliveries",
  "archived_orders",
  ...archivedTables.map(({ name }) => `archived_${name}`),
];

/** The turns that take a batch of orders to its end. */
const stages: readonly [Group, string][] = [
  ["orders", "reserve"],
  ["payments", "charge"],
  ["payments", "settle"],
  ["notifications", "notify"],
];

const stock = { initialStock: 1_000_000, onPendingChange: "update", actor: "test" } as const;

Deno.test("every hot statement finds its rows by an index, whatever the statistics say", async (t) => {
  const flow = await openWorkflow("hot_queries", { consumer: { batchSize: 1_000 } });
  try {
    // The engine believes from here on that the tables are as good as empty.
    await takeAndPublish(flow, flow.db, { from: 0, to: 2 });
    await flow.drain();
    for (const table of growing) {
      await flow.db.query(`alter table ${table} stats_persistent = 1, stats_auto_recalc = 0`);
      await flow.db.query(`analyze table ${table}`);
    }
    await fill(flow);

    const stale = await runHotStatements(flow, filled);
    await t.step("with stale statistics, nothing walks through a large table", () => {
      expectFewWalked(stale);
    });
    await t.step(
      "with stale statistics, every plan uses an index",
      () => expectIndexed(flow, stale),
    );

    for (const table of growing) await flow.db.query(`analyze table ${table}`);
    const fresh = await runHotStatements(flow, filled + batch);
    await t.step("after ANALYZE, nothing walks through a large table", () => {
      expectFewWalked(fresh);
    });
    await t.step("after ANALYZE, every plan uses an index", () => expectIndexed(flow, fresh));

    await age(flow);
    assert.ok(await archiveAll(flow) > filled - 1_000);
    const late = await runHotStatements(flow, filled + 2 * batch);
    await t.step("beside a large archive, nothing walks through it", () => expectFewWalked(late));
    await t.step(
      "beside a large archive, every plan uses an index",
      () => expectIndexed(flow, late),
    );
    for (const table of growing) await flow.db.query(`analyze table ${table}`);
    const known = await runHotStatements(flow, filled + 3 * batch);
    await t.step("beside one that is analyzed, nothing walks through it", () => {
      expectFewWalked(known);
    });
    await t.step(
      "beside one that is analyzed, every plan uses an index",
      () => expectIndexed(flow, known),
    );

    await t.step("the check of the plans can fail", async () => {
      const [whole] = await observed(flow.db, async (db) => {
        await db.query("select max(total_cents) as most from orders");
      });
      assert.throws(() => expectFewWalked([whole!]), /walked/);
      await assert.rejects(expectIndexed(flow, [whole!]), /orders/);
    });
  } finally {
    await flow.close();
  }
});

/** An order with two adjustments, an even amount of them. */
function orderOf(number: number): IncomingOrder {
  const order = syntheticOrder(number, { orders: filled, products });
  const kinds = ["shipping", "tip"] as const;
  const adjustments = kinds.map((kind) => ({
    kind,
    label: null,
    amountCents: 10,
    included: false,
  }));
  return { ...order, adjustments };
}

async function takeAndPublish(
  flow: Workflow,
  db: Database,
  { from, to }: { from: number; to: number },
): Promise<number[]> {
  const orders = Array.from({ length: to - from }, (_, index) => orderOf(from + index));
  const taken = await takeOrders(db, orders, stock);
  await publish(
    flow,
    taken.map(({ orderId, totalCents: amountCents, currency }) => ({
      message: { type: "order.reserve", orderId: orderId!, amountCents, currency },
    })),
    { oncePerOrder: true },
  );
  return taken.map(({ orderId }) => orderId!);
}

async function fill(flow: Workflow): Promise<void> {
  for (let from = 2; from < filled; from += 1_000) {
    await takeAndPublish(flow, flow.db, { from, to: Math.min(from + 1_000, filled) });
  }
  await flow.drain();
  await flow.db.run(
    "insert into source_payments (order_id, provider, reference) select id, 'shop', id from orders",
  );
  const paid = await flow.rows(
    "select id from orders where status = 'PAID' order by id limit 1500",
  );
  const ids = paid.map(({ id }) => Number(id));
  await refundAll(flow, flow.db, ids.slice(0, 750), { amountCents: 1 });
  await refundAll(flow, flow.db, ids.slice(750), { amountCents: null, items: allGoods });
  await flow.drain();
}

/** All that is left, with all its goods. */
const allGoods: RefundItems = { lines: [], adjustments: [], restock: true };

async function refundAll(
  flow: Workflow,
  db: Database,
  orderIds: number[],
  wanted: Pick<RefundRequest, "amountCents" | "items">,
): Promise<void> {
  const requests = orderIds.map((orderId) => ({
    orderId,
    reason: null,
    idempotencyKey: null,
    ...wanted,
  }));
  for (const taken of await requestRefunds(db, requests, "test")) {
    if (taken instanceof Error) throw taken;
    const { refund: { id: refundId, orderId, amountCents }, currency } = taken;
    await publish(flow, [{
      message: { type: "refund.process", orderId, refundId, amountCents, currency },
    }]);
  }
}

/** One batch through every stage by the real handlers, and a page of everything that is read by pages. */
async function runHotStatements(flow: Workflow, from: number): Promise<SentStatement[]> {
  // A sweep reads the timelines from where the one before it ended.
  await sweepOrphans(flow, { olderThanSeconds: 0 });
  return await observed(flow.db, async (db, label) => {
    const seen = { ...flow, db };
    label("intake");
    const ids = await takeAndPublish(flow, db, { from, to: from + batch });
    label("intake of known orders");
    await takeOrders(
      db,
      Array.from({ length: batch }, (_, index) => orderOf(from + index)),
      stock,
    );
    label("intake of changed orders");
    await takeOrders(
      db,
      Array.from({ length: batch }, (_, index) => {
        return { ...orderOf(from + index), placedAt: "2025-06-01 00:00:00.000" };
      }),
      { ...stock, only: { actor: "test", seesOthers: false } },
    );
    label("intake of paid orders");
    await takeOrders(
      db,
      Array.from({ length: batch }, (_, index) => {
        const reference = `R-${index}`;
        const payment = { status: "paid", provider: "shop", reference, paidAt: null } as const;
        return { ...orderOf(from + index), externalOrderId: reference, payment };
      }),
      { ...stock, dryRun: true },
    );
    for (const [group, stage] of stages) {
      label(stage);
      await seenTurn(flow, db, group);
    }
    label("refund");
    const settled = await readStatuses(flow.db, ids);
    assert.deepEqual(
      [...settled.values()].filter(({ status }) => status !== "PAID" && status !== "FAILED"),
      [],
    );
    const paid = ids.filter((id) => settled.get(id)!.status === "PAID");
    await refundAll(flow, db, paid, { amountCents: 1 });
    await seenTurn(flow, db, "refunds");
    label("refund of parts");
    await refundAll(flow, db, paid, { amountCents: null, items: allGoods });
    await seenTurn(flow, db, "refunds");
    label("notify of refunds");
    await seenTurn(flow, db, "notifications");

    label("sweep");
    await expireReservations(seen, { olderThanSeconds: 1 });
    await sweepOrphans(seen, { olderThanSeconds: 1 });
    await payAtSource(flow, db, label, from);
    label("pages");
    await listOpenOrders(db, { afterId: 0, limit: batch });
    await listOpenRefunds(db, { afterId: 0, limit: batch });
    await readSettledOrders(db, { afterId: 1_000, limit: batch });
    label("lists");
    await readOrderDetail(db, ids[0]!);
    await readOrderLines(db, ids, { limit: 20 });
    await readAdjustmentSums(db, ids);
    for (const status of [undefined, "PENDING", "PAID"] as const) {
      await searchOrders(db, { status }, { beforeId: undefined, limit: 50 });
    }
    await searchOrders(db, { customerId: 7 }, { beforeId: undefined, limit: 50 });
    await searchOrders(db, { text: "SKU-000042" }, { beforeId: undefined, limit: 50 });
    for (const status of [undefined, "REQUESTED"] as const) {
      await listRefunds(db, { status }, { beforeId: undefined, limit: 50 });
    }
    const orderId = ids[0]!;
    for (const filter of [{}, { success: false }, { orderId }, { orderId, success: false }]) {
      await listNotifications(db, filter, { beforeId: undefined, limit: 50 });
    }
    await countDeliveries(db);
  });
}

/** Orders that were paid at their source: half of them to their end and a refund by hand, half that run short. */
async function payAtSource(
  flow: Workflow,
  db: Database,
  label: (text: string) => void,
  from: number,
): Promise<void> {
  const orders = Array.from({ length: batch }, (_, index) => {
    const externalOrderId = `source-${from + index}`;
    const qty = index % 2 === 0 ? 1 : 1_000_000;
    const [paidAt, reference] = ["2025-03-01 11:59:00.000", externalOrderId];
    return {
      ...anOrder(externalOrderId, [{ sku: "source", qty }]),
      payment: { status: "paid" as const, provider: "shop", reference, paidAt },
    };
  });
  label("payments at the source");
  const ids = (await flow.add(orders, 4 * batch)).map(({ orderId }) => orderId!);
  for (const [group] of stages) await seenTurn(flow, db, group);
  label("reversals by hand");
  await seenTurn(flow, db, "refunds");
  label("refunds by hand");
  await refundAll(flow, db, ids.filter((_, index) => index % 2 === 0), { amountCents: 1 });
  await seenTurn(flow, db, "refunds");
  await sumMoneyByHand(db);
  await sumGivenTwice(db);
  await listGivenTwice(db, 50);
  const waiting = await listMoneyByHand(db, { limit: 1_000 });
  const refund = waiting.findLast(({ refundId }) => refundId !== null)!;
  await listMoneyByHand(db, { orderId: refund.orderId, limit: 10 });
  const said = { refundId: refund.refundId!, verdict: "given_back", note: null } as const;
  await decideRefundByHand(db, said, "test");
  const payment = waiting.findLast(({ refundId }) => refundId === null)!;
  await returnPaymentByHand({ ...flow, db }, payment.orderId, null, anOperator());
  await readSourceProviders(db, ["shop"]);
  await flow.drain();
}

/** A turn of a group's consumer with another database. */
async function seenTurn(flow: Workflow, db: Database, group: Group): Promise<void> {
  await consumeOnce(makeConsumer({ ...flow, db }, flow.consumerOf(group).options));
}

async function observed(
  real: Database,
  work: (db: Database, label: (text: string) => void) => Promise<void>,
): Promise<SentStatement[]> {
  const { db, sent, label } = observeDatabase(real);
  await work(db, label);
  return sent;
}

function expectFewWalked(sent: readonly SentStatement[]): void {
  const much = sent.filter(({ walked }) => walked > maxWalked);
  assert.deepEqual(much.map(({ label, sql, walked }) => `${label} walked ${walked}: ${sql}`), []);
}

/** Explains one statement of each shape with the values that it was really sent with. */
async function expectIndexed(flow: Workflow, sent: readonly SentStatement[]): Promise<void> {
  const sizes = new Map<string, number>();
  for (const table of growing) {
    const [row] = await flow.rows(`select count(*) as n from ${table}`);
    sizes.set(table, Number(row!.n));
  }
  const shapes = new Map(
    sent.map((statement) => [`${statement.label} ${statement.sql}`, statement]),
  );
  const faults: string[] = [];
  for (const { label, sql, values } of shapes.values()) {
    if (!/^\s*(select|update|delete|insert|replace)\b/i.test(sql)) continue;
    for (const step of await flow.db.query(`explain format = traditional ${sql}`, values)) {
      const size = sizes.get(String(step.table)) ?? 0;
      const isTarget = String(step.select_type).startsWith("INSERT") || step.rows === null;
      if (size < largeTable || isTarget) continue;
      if (step.key === null || step.type === "ALL") {
        faults.push(`${label}: ${step.table} by ${step.type}, ${step.key}: ${sql}`);
      }
    }
  }
  assert.deepEqual(faults, []);
}
