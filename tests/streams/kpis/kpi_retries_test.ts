import assert from "node:assert/strict";
import fc from "fast-check";
import type { KpiEvent } from "../../../domain/kpi/kpi.ts";
import { retryAndPublish } from "../../../services/orders/retry_orders.ts";
import { reserveOrders } from "../../../streams/handlers/order_reserve.ts";
import { applyKpis, readKpis } from "../../../streams/kpis/kpis.ts";
import { rebuildKpis } from "../../../streams/kpis/kpis_rebuild.ts";
import { settlePayments } from "../../../streams/payments/settle.ts";
import { verify } from "../../../streams/verification/verify.ts";
import type { Outcome } from "../../../streams/workflow/handler.ts";
import { anOrder, withWorkflow, type Workflow } from "../../workflow.ts";
import { anOperator } from "../../operator.ts";

const eventsOf = (outcomes: readonly Outcome[]): KpiEvent[] =>
  outcomes.flatMap((outcome) => outcome.kind === "done" ? outcome.events : []);

/** Handles the reservation of an order, as though it were settled on a day, and tells what is to be counted. */
async function reserve(flow: Workflow, orderId: number, day: string): Promise<KpiEvent[]> {
  const message = {
    type: "order.reserve",
    orderId,
    amountCents: 100,
    currency: "EUR",
  } as const;
  const delivery = { id: `${orderId}-0`, message, attempt: 1 };
  const before = await flow.order(orderId);
  await reserveOrders(flow, [delivery]);
  if (before.settledAt === null) await settleOn(flow, orderId, day);
  return eventsOf(await reserveOrders(flow, [delivery]));
}

/** Handles an answer to the charge of an order, in the same way. */
async function answer(
  flow: Workflow,
  orderId: number,
  outcome: "succeeded" | "declined",
  day: string,
): Promise<KpiEvent[]> {
  const delivery = {
    id: `${orderId}-1`,
    message: {
      type: "payment.callback",
      orderId,
      amountCents: 100,
      currency: "EUR",
      outcome,
      provider: "simulated",
      providerRef: `ref-${orderId}`,
    } as const,
    attempt: 1,
  };
  const before = await flow.order(orderId);
  await settlePayments(flow, [delivery]);
  if (before.settledAt === null) await settleOn(flow, orderId, day);
  return eventsOf(await settlePayments(flow, [delivery]));
}

async function settleOn(flow: Workflow, orderId: number, day: string): Promise<void> {
  await flow.db.run(
    "update orders set settled_time = ? where id = ? and settled_at is not null",
    [`${day} 12:00:00`, orderId],
  );
}

const setStock = (flow: Workflow, units: number) =>
  flow.db.run(
    "update products set received_qty = received_qty - stock_qty + ?, stock_qty = ?",
    [units, units],
  );

/** An order of a product that there is nothing of. */
async function addShort(flow: Workflow): Promise<number> {
  const [taken] = await flow.add([anOrder("1", [{ sku: "a", qty: 1 }])], 0);
  return taken!.orderId!;
}

/** What an order counts on each day. */
async function countsOn(
  flow: Workflow,
  ...days: string[]
): Promise<[failed: number, paid: number][]> {
  return await Promise.all(days.map(async (day): Promise<[number, number]> => {
    const [row] = await readKpis(flow, day, day);
    return [row!.failed_order_count, row!.order_count];
  }));
}

async function assertVerified(flow: Workflow): Promise<void> {
  const { checks } = await verify(flow, { settleMs: 0 });
  assert.deepEqual(checks.filter(({ name, ok }) => name === "kpis" && !ok), []);
}

async function empty(flow: Workflow): Promise<void> {
  const keys = await flow.redis.keys(`${flow.keys.prefix}*`);
  if (keys.length > 0) await flow.redis.del(...keys);
}

const [monday, tuesday, wednesday] = ["2025-03-03", "2025-03-04", "2025-03-05"] as const;

Deno.test("an order that fails, is taken up again and is paid counts on its last day alone", () =>
  withWorkflow("kpi_retry_paid", async (flow) => {
    const orderId = await addShort(flow);
    const failed = await reserve(flow, orderId, monday);
    await applyKpis(flow, failed);
    assert.deepEqual(await countsOn(flow, monday, tuesday), [[1, 0], [0, 0]]);

    await retryAndPublish(flow, orderId, anOperator("test"));
    await setStock(flow, 5);
    const taken = await reserve(flow, orderId, tuesday);
    await applyKpis(flow, taken);
    assert.deepEqual(await countsOn(flow, monday, tuesday), [[0, 0], [0, 0]]);
    await assertVerified(flow);

    const paid = await answer(flow, orderId, "succeeded", tuesday);
    await applyKpis(flow, paid);
    assert.deepEqual(await countsOn(flow, monday, tuesday), [[0, 0], [0, 1]]);
    // Whatever comes once more, and in whichever order.
    for (const events of [failed, taken, paid, taken, failed]) await applyKpis(flow, events);
    assert.deepEqual(await countsOn(flow, monday, tuesday), [[0, 0], [0, 1]]);
    await assertVerified(flow);
  }));

Deno.test("a failure that was not counted before its order was taken up again never counts", () =>
  withWorkflow("kpi_retry_late", async (flow) => {
    const orderId = await addShort(flow);
    const failed = await reserve(flow, orderId, monday);
    await retryAndPublish(flow, orderId, anOperator("test"));
    const again = await reserve(flow, orderId, tuesday);
    await applyKpis(flow, again);
    assert.deepEqual(await countsOn(flow, monday, tuesday), [[0, 0], [1, 0]]);
    await applyKpis(flow, failed);
    assert.deepEqual(await countsOn(flow, monday, tuesday), [[0, 0], [1, 0]]);
    await assertVerified(flow);
  }));

Deno.test("rebuilt figures know what was taken up again, and old events change nothing", () =>
  withWorkflow("kpi_retry_rebuilt", async (flow) => {
    const orderId = await addShort(flow);
    const events: KpiEvent[][] = [];
    for (const day of [monday, tuesday, wednesday]) {
      events.push(await reserve(flow, orderId, day));
      await applyKpis(flow, events.at(-1)!);
      if (day !== wednesday) await retryAndPublish(flow, orderId, anOperator("test"));
    }
    const expected = [[0, 0], [0, 0], [1, 0]];
    assert.deepEqual(await countsOn(flow, monday, tuesday, wednesday), expected);
    await empty(flow);
    await rebuildKpis(flow);
    assert.deepEqual(await countsOn(flow, monday, tuesday, wednesday), expected);
    for (const old of events) await applyKpis(flow, old);
    assert.deepEqual(await countsOn(flow, monday, tuesday, wednesday), expected);
    await assertVerified(flow);
  }));

Deno.test("verify tells what of a retry is lost, and what is only on its way", () =>
  withWorkflow("kpi_retry_verified", async (flow) => {
    const orderId = await addShort(flow);
    await flow.drain();
    const day = flow.kpiDay((await flow.order(orderId)).settledAt!);
    await retryAndPublish(flow, orderId, anOperator("test"));
    // Its message waits in the stream.
    assert.deepEqual(await countsOn(flow, day), [[1, 0]]);
    await assertVerified(flow);
    await flow.redis.xtrim(flow.keys.stream("orders"), "MAXLEN", 0);
    const { checks } = await verify(flow, { settleMs: 0 });
    const kpis = checks.find(({ name }) => name === "kpis")!;
    assert.deepEqual(kpis.drift.map(({ expected, found }) => [expected, found]), [[0, "1"]]);
    await rebuildKpis(flow);
    await assertVerified(flow);
  }));

/** One thing that happens to one of two orders. */
const step = fc.record({
  what: fc.constantFrom(
    ...["reserve", "reserve", "reserve", "retry", "retry", "answer", "stock", "sold_out"] as const,
    ...["count", "count", "flush", "rebuild", "race"] as const,
  ),
  order: fc.integer({ min: 0, max: 1 }),
  day: fc.constantFrom(monday, tuesday, wednesday),
  pick: fc.nat(),
});

Deno.test("figures are those of the database after any history of failing and being taken up", () =>
  withWorkflow("kpi_retry_any", async (flow) => {
    let runs = 0;
    await fc.assert(
      fc.asyncProperty(fc.array(step, { minLength: 5, maxLength: 25 }), async (steps) => {
        const taken = await flow.add(
          [0, 1].map((n) => anOrder(`${++runs}-${n}`, [{ sku: "a", qty: 1 }])),
          0,
        );
        const ids = taken.map(({ orderId }) => orderId!);
        await setStock(flow, 0);
        await empty(flow);
        await rebuildKpis(flow);
        const known: KpiEvent[][] = [];
        const settle = async (id: number, day: string) => {
          if ((await flow.order(id)).status === "RESERVED") {
            known.push(await answer(flow, id, runs % 2 === 0 ? "succeeded" : "declined", day));
          }
        };
        const any = (pick: number) => known.length === 0 ? [] : known[pick % known.length]!;
        for (const { what, order, day, pick } of steps) {
          const id = ids[order]!;
          if (what === "reserve") known.push(await reserve(flow, id, day));
          if (what === "retry") await retryAndPublish(flow, id, anOperator("test")).catch(() => {});
          if (what === "answer") await settle(id, day);
          if (what === "stock") await setStock(flow, 1);
          if (what === "sold_out") await setStock(flow, 0);
          if (what === "count") await applyKpis(flow, any(pick));
          if (what === "flush") await empty(flow);
          if (what === "flush" || what === "rebuild") await rebuildKpis(flow);
          if (what === "race") await Promise.all([rebuildKpis(flow), applyKpis(flow, any(pick))]);
        }
        for (const id of ids) known.push(await reserve(flow, id, wednesday));
        for (const events of known.toReversed()) await applyKpis(flow, events);
        const rows = await flow.rows(`
          select status, date(settled_at) as day, count(*) as n
          from orders where settled_at is not null group by status, day`);
        const expected = [monday, tuesday, wednesday].map((day) =>
          ["FAILED", "PAID"].map((status) =>
            Number(rows.find((row) => row.status === status && row.day === day)?.n ?? 0)
          )
        );
        assert.deepEqual(await countsOn(flow, monday, tuesday, wednesday), expected);
        await assertVerified(flow);
      }),
      { numRuns: 25 },
    );
  }));
