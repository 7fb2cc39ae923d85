import assert from "node:assert/strict";
import fc from "fast-check";
import { cancelAndPublish } from "../../../services/orders/cancel_order.ts";
import { publishStockArrived } from "../../../services/catalog/publish_stock_arrived.ts";
import { takeOrders } from "../../../streams/intake/take_orders.ts";
import { importOrders } from "../../../streams/imports/orders_import.ts";
import { lanes } from "../../../domain/messages/lane.ts";
import { consumeOnce } from "../../../streams/queue/consumer.ts";
import { recover, sweepOrphans } from "../../../streams/recovery/recover.ts";
import { verify } from "../../../streams/verification/verify.ts";
import { anOrder, openWorkflow, type Workflow, type WorkflowOptions } from "../../workflow.ts";
import { assertConsistent, messagesOf } from "../consistent.ts";
import { anOperator } from "../../operator.ts";

async function withFlow(
  name: string,
  work: (flow: Workflow) => Promise<void>,
  options: WorkflowOptions = { onShortage: "wait" },
): Promise<void> {
  const flow = await openWorkflow(name, options);
  try {
    await work(flow);
  } finally {
    await flow.close();
  }
}

type Items = Record<string, number>;

/** Adds orders of items, placed in their order unless it says otherwise. */
async function add(
  flow: Workflow,
  orders: { name: string; items: Items; minute?: number }[],
  stock = 0,
): Promise<number[]> {
  const taken = await flow.add(
    orders.map(({ name, items, minute = 0 }) =>
      anOrder(
        name,
        // Even totals are paid.
        Object.entries(items).map(([sku, qty]) => ({ sku, qty, unitPriceCents: 100 })),
        { placedAt: `2025-03-01 12:${String(minute).padStart(2, "0")}:00.000` },
      )
    ),
    stock,
  );
  return taken.map(({ orderId }) => orderId!);
}

const statuses = (flow: Workflow, ids: number[]) =>
  Promise.all(ids.map(async (id) => {
    const { status, backordered } = await flow.order(id);
    return backordered ? `${status} waiting` : status;
  }));

async function receive(flow: Workflow, stock: Items, tell = true): Promise<void> {
  const ids: number[] = [];
  for (const [sku, units] of Object.entries(stock)) {
    await flow.db.run(
      "update products set stock_qty = stock_qty + ?, received_qty = received_qty + ? where sku = ?",
      [units, units, sku],
    );
    const [row] = await flow.rows("select id from products where sku = ?", [sku]);
    ids.push(Number(row!.id));
  }
  if (tell) await publishStockArrived(flow, ids);
}

const shortages = (flow: Workflow) =>
  flow.rows(`
    select orders.external_order_id as name, sku, missing_qty as missing, waiting
    from order_shortages
    join orders on orders.id = order_shortages.order_id
    join products on products.id = order_shortages.product_id
    order by orders.id, sku`);

Deno.test("an order that runs short waits, is nobody's lost work, and is taken up when units arrive", () =>
  withFlow("backorders", async (flow) => {
    const ids = await add(flow, [
      { name: "1", items: { a: 2 } },
      { name: "2", items: { b: 1 } },
    ]);
    await receive(flow, { a: 1, b: 1 });
    await flow.drain();
    assert.deepEqual(await statuses(flow, ids), ["PENDING waiting", "PAID"]);
    assert.deepEqual(await shortages(flow), [{ name: "1", sku: "a", missing: 1, waiting: 1 }]);
    const told = await flow.rows("select event from notification_logs");
    assert.deepEqual(told, [{ event: "order.paid" }]);
    // It has no message, and nothing looks for one.
    assert.deepEqual(await messagesOf(flow), []);
    await assertConsistent(flow);
    await flow.rows("update orders set updated_at = '2025-01-01'");
    await sweepOrphans(flow, { olderThanSeconds: 60 });
    assert.deepEqual((await messagesOf(flow)).map(({ type }) => type), ["stock.arrived"]);
    await flow.drain();

    await receive(flow, { a: 1 });
    await flow.drain();
    assert.deepEqual(await statuses(flow, ids), ["PAID", "PAID"]);
    assert.deepEqual(await shortages(flow), []);
    const steps = await flow.rows(
      "select event from order_events where order_id = ? order by id",
      [ids[0]!],
    );
    const events = steps.map(({ event }) => event);
    assert.deepEqual(events, ["created", "backordered", "reserved", "paid"]);
    await assertConsistent(flow);
  }));

Deno.test("a file that changes an order which waits has it ask anew at once, and those behind it", () =>
  withFlow("backorders_file", async (flow) => {
    const ids = await add(flow, [
      { name: "1", items: { a: 4 } },
      { name: "2", items: { a: 2 }, minute: 1 },
    ], 2);
    await flow.drain();
    assert.deepEqual(await statuses(flow, ids), ["PENDING waiting", "PENDING waiting"]);
    const csv = "external_order_id,order_placed_at,currency,customer_id,customer_email," +
      "customer_name,product_sku,product_name,unit_price_cents,qty\n" +
      "1,2025-03-01 12:00:00,EUR,c1,c1@example.com,Customer 1,b,Product b,100,2\n";
    const report = await importOrders(flow, new Blob([csv]).stream(), {
      name: "orders.csv",
      initialStock: 2,
      replace: true,
    });
    assert.equal(report.orders_updated, 1);
    // Neither is in the hands of the next sweep.
    const messages = (await messagesOf(flow)).map(({ type }) => type).sort();
    assert.deepEqual(messages, ["order.reserve", "stock.arrived"]);
    await flow.drain();
    assert.deepEqual(await statuses(flow, ids), ["PAID", "PAID"]);
    assert.deepEqual(await shortages(flow), []);
    await assertConsistent(flow);
  }));

Deno.test("those that were placed first are served first, and nobody overtakes them", () =>
  withFlow("backorders_turn", async (flow) => {
    const [late, early] = await add(flow, [
      { name: "late", items: { a: 2 }, minute: 9 },
      { name: "early", items: { a: 3 }, minute: 1 },
    ]);
    await flow.drain();
    await receive(flow, { a: 2 });
    await flow.drain();
    assert.deepEqual(await statuses(flow, [late!, early!]), ["PENDING waiting", "PENDING waiting"]);
    // One that comes now waits behind them, although what there is would be enough for it.
    const [new_] = await add(flow, [{ name: "new", items: { a: 1 }, minute: 20 }]);
    await flow.drain();
    assert.deepEqual(await statuses(flow, [new_!]), ["PENDING waiting"]);
    // And one that was placed before all of them does not.
    const [first] = await add(flow, [{ name: "first", items: { a: 2 } }]);
    await flow.drain();
    assert.deepEqual(await statuses(flow, [first!]), ["PAID"]);

    await receive(flow, { a: 4 });
    await flow.drain();
    const all = [early!, late!, new_!];
    assert.deepEqual(await statuses(flow, all), ["PAID", "PENDING waiting", "PENDING waiting"]);
    await receive(flow, { a: 2 });
    await flow.drain();
    assert.deepEqual(await statuses(flow, all), ["PAID", "PAID", "PAID"]);
    await assertConsistent(flow);
  }));

Deno.test("an order that waits for something else as well holds nothing back", () =>
  withFlow("backorders_both", async (flow) => {
    const ids = await add(flow, [
      { name: "both", items: { a: 1, b: 1 }, minute: 1 },
      { name: "a", items: { a: 1 }, minute: 2 },
      { name: "b", items: { b: 1 }, minute: 3 },
    ]);
    await flow.drain();
    await receive(flow, { a: 1 });
    await flow.drain();
    assert.deepEqual(await statuses(flow, ids), ["PENDING waiting", "PAID", "PENDING waiting"]);
    // Units of a are gone: what comes of b is for the next.
    await receive(flow, { b: 1 });
    await flow.drain();
    assert.deepEqual(await statuses(flow, ids), ["PENDING waiting", "PAID", "PAID"]);
    await receive(flow, { a: 1, b: 1 });
    await flow.drain();
    assert.deepEqual(await statuses(flow, ids), ["PAID", "PAID", "PAID"]);
    await assertConsistent(flow);
  }));

Deno.test("units that come back take up orders that wait for them", () =>
  withFlow("backorders_back", async (flow) => {
    // An odd total is declined.
    const [declined] = await add(flow, [{ name: "declined", items: { a: 1 } }], 1);
    await flow.rows("update orders set total_cents = 101");
    await flow.rows("update order_items set unit_price_cents = 101, subtotal_cents = 101");
    await flow.turn("orders");
    const [waiting] = await add(flow, [{ name: "waiting", items: { a: 1 } }]);
    await flow.turn("orders");
    assert.deepEqual(await statuses(flow, [declined!, waiting!]), ["RESERVED", "PENDING waiting"]);
    await flow.drain();
    assert.deepEqual(await statuses(flow, [declined!, waiting!]), ["FAILED", "PAID"]);
    await assertConsistent(flow);
  }));

Deno.test("one that is cancelled leaves its place to the next", () =>
  withFlow("backorders_cancel", async (flow) => {
    const ids = await add(flow, [
      { name: "much", items: { a: 9 }, minute: 1 },
      { name: "little", items: { a: 2 }, minute: 2 },
    ]);
    await flow.drain();
    await receive(flow, { a: 4 });
    await flow.drain();
    assert.deepEqual(await statuses(flow, ids), ["PENDING waiting", "PENDING waiting"]);
    await cancelAndPublish(flow, ids[0]!, anOperator("test"));
    await flow.drain();
    assert.deepEqual(await statuses(flow, ids), ["CANCELLED", "PAID"]);
    assert.deepEqual(await shortages(flow), []);
    await assertConsistent(flow);
  }));

Deno.test("units that nobody was told of are found by the sweep and by a recovery", () =>
  withFlow("backorders_lost", async (flow) => {
    const ids = await add(flow, [
      { name: "1", items: { a: 1 }, minute: 1 },
      { name: "2", items: { a: 1 }, minute: 2 },
    ]);
    await flow.drain();
    await receive(flow, { a: 1 }, false);
    await sweepOrphans(flow, { olderThanSeconds: 60 });
    await flow.drain();
    assert.deepEqual(await statuses(flow, ids), ["PAID", "PENDING waiting"]);
    await receive(flow, { a: 1 }, false);
    await recover(flow);
    await flow.drain();
    assert.deepEqual(await statuses(flow, ids), ["PAID", "PAID"]);
    await assertConsistent(flow);
  }));

Deno.test("a restock frees a thousand orders in few turns, by whichever consumer", () =>
  withFlow("backorders_many", async (flow) => {
    const names = Array.from({ length: 1_000 }, (_, n) => n);
    const ids = await add(flow, names.map((n) => ({ name: `${n}`, items: { a: 1 } })));
    await flow.drain();
    assert.ok((await statuses(flow, ids)).every((status) => status === "PENDING waiting"));
    await receive(flow, { a: 1_000 });
    let turns = 0;
    for (; (await messagesOf(flow)).some(({ type }) => type !== "payment.charge"); turns++) {
      await flow.turn("orders");
    }
    assert.ok(turns <= 6, `${turns} turns of 500 messages each`);
    assert.ok((await statuses(flow, ids)).every((status) => status === "RESERVED"));
    await flow.drain();
    await assertConsistent(flow);
  }));

Deno.test("two consumers at once serve those who were placed first, and leave no unit over", () =>
  withFlow("backorders_two", async (flow) => {
    const count = 300;
    const ids = await add(
      flow,
      Array.from({ length: count }, (_, n): { name: string; items: Items; minute: number } => ({
        name: `${n}`,
        items: n % 3 === 0 ? { a: 1, [`b${n}`]: 1 } : { a: 1 },
        // The last are placed first.
        minute: 59 - Math.floor(n / 6),
      })),
    );
    await flow.drain();
    const plenty = ids.flatMap((_, n) => n % 3 === 0 ? [[`b${n}`, 1]] : []);
    await receive(flow, { ...Object.fromEntries(plenty), a: count / 2 });
    const consumers = ["one", "two"].map((name) =>
      flow.consumerOf("orders", { batchSize: 40 }, name)
    );
    const isLeft = async () => await flow.redis.xlen(flow.keys.stream("orders")) > 0;
    for (let turn = 0; await isLeft(); turn++) {
      assert.ok(turn < 200, "the stream drains");
      await Promise.all(consumers.map((consumer) => consumeOnce(consumer)));
    }
    await flow.drain();
    const inTurn = await flow.rows("select id, status from orders order by placed_at, id");
    const served = inTurn.map(({ status }) => status === "PAID");
    assert.equal(served.filter((one) => one).length, count / 2);
    assert.deepEqual(served, served.toSorted((x, y) => Number(y) - Number(x)));
    await assertConsistent(flow);
  }));

Deno.test("an order that waits asks for its new items where a file changes it", () =>
  withFlow("backorders_changed", async (flow) => {
    const [id] = await add(flow, [{ name: "1", items: { a: 2 } }]);
    const [behind] = await add(flow, [{ name: "2", items: { a: 1 }, minute: 1 }]);
    await flow.drain();
    await receive(flow, { a: 1 });
    await flow.drain();
    assert.deepEqual(await statuses(flow, [id!, behind!]), ["PENDING waiting", "PENDING waiting"]);
    const [changed] = await takeOrders(
      flow.db,
      [anOrder("1", [{ sku: "c", qty: 2 }], { placedAt: "2025-03-01 12:00:00.000" })],
      { initialStock: 5, onPendingChange: "replace", actor: "test" },
    );
    assert.equal(changed!.outcome, "updated");
    await flow.rows("update orders set updated_at = '2025-01-01'");
    await sweepOrphans(flow, { olderThanSeconds: 60 });
    await flow.drain();
    assert.deepEqual(await statuses(flow, [id!, behind!]), ["PAID", "PAID"]);
    await assertConsistent(flow);
  }));

Deno.test("what waits goes on waiting where ON_SHORTAGE is fail again", () =>
  withFlow("backorders_off", async (flow) => {
    const [waiting] = await add(flow, [{ name: "1", items: { a: 1, b: 1 } }]);
    await flow.drain();
    flow.onShortage = "fail";
    const consumers = lanes.map((lane) => flow.consumerOf("orders", {}, "failing", lane));
    for (const consumer of consumers) consumer.deps.onShortage = "fail";
    const turns = async () => {
      for (let turn = 0; turn < 4; turn++) {
        for (const consumer of consumers) await consumeOnce(consumer);
      }
    };
    await receive(flow, { a: 1 });
    await turns();
    assert.deepEqual(await statuses(flow, [waiting!]), ["PENDING waiting"]);
    assert.deepEqual((await shortages(flow)).map(({ sku }) => sku), ["b"]);
    // Another fails, and takes what that one can't use.
    const [other, third] = await add(flow, [
      { name: "2", items: { b: 1 } },
      { name: "3", items: { a: 1 } },
    ]);
    await turns();
    assert.deepEqual(await statuses(flow, [other!, third!]), ["FAILED", "RESERVED"]);
    await receive(flow, { a: 1, b: 1 });
    await turns();
    assert.deepEqual(await statuses(flow, [waiting!]), ["RESERVED"]);
  }));

Deno.test("after any arrivals, in any order, nobody waits for what is there", () =>
  withFlow("backorders_any", async (flow) => {
    let run = 0;
    const qty = fc.integer({ min: 0, max: 3 });
    const step = fc.oneof(
      fc.record({ a: qty, b: qty, c: qty, minute: fc.integer({ min: 0, max: 59 }) }),
      fc.record({ arrives: fc.constantFrom("a", "b", "c"), units: fc.integer({ min: 1, max: 6 }) }),
      fc.record({ cancels: fc.nat(20) }),
      fc.constant({ turns: 1 }),
    );
    await fc.assert(
      fc.asyncProperty(fc.array(step, { minLength: 5, maxLength: 20 }), async (steps) => {
        run++;
        await flow.rows(
          "update products set received_qty = received_qty - stock_qty, stock_qty = 0",
        );
        const ids: number[] = [];
        for (const [index, one] of steps.entries()) {
          if ("minute" in one) {
            const items = Object.fromEntries(
              (["a", "b", "c"] as const).filter((sku) => one[sku] > 0)
                .map((sku) => [`${sku}${run}`, one[sku]]),
            );
            if (Object.keys(items).length === 0) continue;
            ids.push(...await add(flow, [{ name: `${run}-${index}`, items, minute: one.minute }]));
          } else if ("arrives" in one) {
            const sku = `${one.arrives}${run}`;
            const [known] = await flow.rows("select id from products where sku = ?", [sku]);
            if (known !== undefined) await receive(flow, { [sku]: one.units });
          } else if ("cancels" in one) {
            const id = ids[one.cancels];
            if (id !== undefined) {
              await cancelAndPublish(flow, id, anOperator("test")).catch(() => {});
            }
          } else await flow.turn("orders");
        }
        await flow.drain();
        // The first of each queue that lacks nothing else could be served: there must be none.
        const waiting = await flow.rows(`
          select orders.id, sku, stock_qty, sum(order_items.qty) as qty
          from orders
          join order_items on order_items.order_id = orders.id
          join products on products.id = order_items.product_id
          where orders.status = 'PENDING'
          group by orders.id, sku, stock_qty, orders.placed_at
          order by orders.placed_at, orders.id`);
        const left = new Map(waiting.map((row) => [String(row.sku), Number(row.stock_qty)]));
        for (const needs of Map.groupBy(waiting, ({ id }) => id).values()) {
          const lacking = needs.filter(({ sku, qty }) => left.get(String(sku))! < Number(qty));
          assert.notEqual(lacking.length, 0, `order ${needs[0]!.id} could be served`);
          // What it lacks it keeps from those behind it.
          for (const { sku } of lacking) left.set(String(sku), -1);
        }
        const { checks } = await verify(flow, { settleMs: 0 });
        assert.deepEqual(checks.filter(({ ok }) => !ok), []);
      }),
      { numRuns: 20 },
    );
  }));
