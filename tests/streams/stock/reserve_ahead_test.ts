import assert from "node:assert/strict";
import type { Queryable } from "../../../db/connection/database.ts";
import type { ReserveMessage } from "../../../domain/messages/messages.ts";
import { reserveOrders } from "../../../streams/handlers/order_reserve.ts";
import type { Delivery, HandlerDeps } from "../../../streams/workflow/handler.ts";
import { anOrder, withWorkflow, type Workflow } from "../../workflow.ts";
import { assertConsistent } from "../consistent.ts";

const deliveryOf = (orderId: number): Delivery<ReserveMessage> => ({
  id: `${orderId}-0`,
  message: { type: "order.reserve", orderId, amountCents: 100, currency: "EUR" },
  attempt: 1,
});

const isProductLock = (sql: string) => /from products[^]*for update/.test(sql);

const takesUnits = (sql: string) => /stock_qty = products.stock_qty -/.test(sql);

/** The workflow with its transactions watched: `before` comes before each of their statements. */
function watched(flow: Workflow, before: (sql: string) => Promise<void>): HandlerDeps {
  const wrap = (tx: Queryable): Queryable => ({
    ...tx,
    query: async (sql, values) => (await before(sql), await tx.query(sql, values)),
    execute: async (sql, values) => (await before(sql), await tx.execute(sql, values)),
    run: async (sql, values) => (await before(sql), await tx.run(sql, values)),
    runText: async (sql, values) => (await before(sql), await tx.runText(sql, values)),
  });
  const transaction: Workflow["db"]["transaction"] = (work, options) =>
    flow.db.transaction((tx) => work(wrap(tx)), options);
  return { ...flow, db: { ...flow.db, transaction } };
}

/** What the transactions did, in their order: locked products, took units of them unlocked, and wrote of orders. */
async function steps(flow: Workflow, ids: readonly number[]): Promise<string[]> {
  const seen: string[] = [];
  const deps = watched(flow, (sql) => {
    if (isProductLock(sql)) seen.push("lock products");
    if (takesUnits(sql)) seen.push("take units");
    if (/update orders/.test(sql)) seen.push("write orders");
    return Promise.resolve();
  });
  await reserveOrders(deps, ids.map(deliveryOf));
  return seen;
}

const eventsOf = async (flow: Workflow, id: number) =>
  (await flow.rows("select event from order_events where order_id = ? order by id", [id]))
    .map(({ event }) => event);

const added = async (flow: Workflow, units: number, orders = 3) =>
  (await flow.add(
    Array.from(
      { length: orders },
      (_, n) => anOrder(`${units} ${n}`, [{ sku: `of ${units}`, qty: 1 }]),
    ),
    units,
  )).map(({ orderId }) => orderId!);

Deno.test("reserveOrders() takes units last where there are plenty, and locks products first where there are not", () =>
  withWorkflow("ahead_order", async (flow) => {
    assert.deepEqual(await steps(flow, await added(flow, 6)), ["write orders", "take units"]);
    assert.deepEqual(await steps(flow, await added(flow, 5)), ["lock products", "write orders"]);
    assert.deepEqual([await flow.stock("of 6"), await flow.stock("of 5")], [3, 2]);
    // More than go to the server together.
    const many = await added(flow, 240, 120);
    assert.deepEqual(await steps(flow, many), ["write orders", "take units"]);
    assert.equal(await flow.stock("of 240"), 120);
    for (const id of many) assert.equal((await flow.order(id)).status, "RESERVED");
    await flow.drain();
    await assertConsistent(flow);
  }));

Deno.test("products are locked last where orders may wait for stock", () =>
  withWorkflow("ahead_order_waits", async (flow) => {
    assert.deepEqual(await steps(flow, await added(flow, 6)), ["write orders", "lock products"]);
    assert.equal(await flow.stock("of 6"), 3);
  }, { onShortage: "wait" }));

Deno.test("nothing is committed of orders that are in another state than was locked", () =>
  withWorkflow("ahead_refused", async (flow) => {
    const [first, second] = await added(flow, 6, 2);
    const deps = watched(flow, () => Promise.resolve());
    const { transaction } = deps.db;
    deps.db.transaction = (work, options) =>
      transaction(
        (tx) =>
          work({
            ...tx,
            // As if they had been changed although they are locked.
            query: (sql, values) =>
              tx.query(
                sql.includes("as is_so") ? sql.replace("status = ?", "status <> ?") : sql,
                values,
              ),
          }),
        options,
      );
    await assert.rejects(
      reserveOrders(deps, [first!, second!].map(deliveryOf)),
      /another state than was locked/,
    );
    assert.equal(await flow.stock("of 6"), 6);
    for (const id of [first!, second!]) assert.equal((await flow.order(id)).status, "PENDING");
  }));

Deno.test("what was written ahead is undone where others took the units before the lock", () =>
  withWorkflow("ahead_vain", async (flow) => {
    const [first, second, third] = await added(flow, 6);
    const others = (await flow.add([anOrder("others", [{ sku: "of 6", qty: 4 }])], 6))
      .map(({ orderId }) => orderId!);
    let takes = 0, locks = 0;
    const deps = watched(flow, async (sql) => {
      if (isProductLock(sql)) locks++;
      if (!takesUnits(sql) || ++takes > 1) return;
      await reserveOrders(flow, others.map(deliveryOf));
    });
    const outcomes = await reserveOrders(deps, [first!, second!, third!].map(deliveryOf));
    assert.deepEqual([takes, locks], [1, 1]);
    assert.deepEqual(outcomes.map(({ kind }) => kind), ["done", "done", "done"]);
    assert.equal(await flow.stock("of 6"), 0);
    assert.deepEqual(await eventsOf(flow, first!), ["created", "reserved"]);
    assert.deepEqual(await eventsOf(flow, third!), ["created", "failed"]);
    assert.equal((await flow.order(third!)).status, "FAILED");
    await flow.drain();
    await assertConsistent(flow);
  }));

Deno.test("nobody who waits for stock is overtaken by what is written ahead", () =>
  withWorkflow("ahead_queue", async (flow) => {
    await flow.add([anOrder("waits", [{ sku: "of 6", qty: 7 }])], 6);
    await flow.turn("orders");
    const ids = await added(flow, 6);
    assert.deepEqual(await steps(flow, ids), ["lock products", "write orders"]);
    for (const id of ids) assert.equal((await flow.order(id)).status, "PENDING");
    assert.equal(await flow.stock("of 6"), 6);
  }, { onShortage: "wait" }));

Deno.test("an order that waits for stock leaves its queue when it is reserved, though orders wait no more by setting", () =>
  withWorkflow("ahead_backordered", async (flow) => {
    const [waits] = await flow.add([anOrder("waits", [{ sku: "a", qty: 7 }])], 6);
    await flow.turn("orders");
    await flow.rows("update products set stock_qty = 100, received_qty = 100");
    await reserveOrders({ ...flow, onShortage: "fail" }, [deliveryOf(waits!.orderId!)]);
    const [row] = await flow.rows("select status, backordered from orders");
    assert.deepEqual({ ...row }, { status: "RESERVED", backordered: 0 });
    assert.deepEqual(await flow.rows("select order_id from order_shortages"), []);
    assert.equal(await flow.stock("a"), 93);
  }, { onShortage: "wait" }));
