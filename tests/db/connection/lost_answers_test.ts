import assert from "node:assert/strict";
import { type Proxy, startProxy, withPort } from "../../../tools/chaos/harness/proxy.ts";
import { type Database, openDatabase } from "../../../db/connection/database.ts";
import { emptyCatalog } from "../../../db/catalog/catalog.ts";
import { keptCustomers } from "../../../db/catalog/kept_customers.ts";
import { keptProducts } from "../../../db/catalog/kept_products.ts";
import { takeOrders } from "../../../streams/intake/take_orders.ts";
import { requestRefund } from "../../../services/refunds/request_refunds.ts";
import { changeStock } from "../../../services/catalog/change_stock.ts";
import { WorkflowError } from "../../../domain/errors.ts";
import { rejectLate } from "../../../streams/timing/deadline.ts";
import { type SettledWorkflow, withSettled } from "../../settled_workflow.ts";
import { anOrder } from "../../workflow.ts";
import { anOperator } from "../../operator.ts";

/** Runs a test whose database lies behind a relay that can lose answers. */
function withRelay(
  name: string,
  options: Parameters<typeof openDatabase>[1],
  work: (flow: SettledWorkflow, db: Database, proxy: Proxy) => Promise<void>,
): Promise<void> {
  return withSettled(name, async (flow) => {
    const { databaseUrl } = flow.test;
    const proxy = startProxy(Number(new URL(databaseUrl).port));
    const db = await openDatabase(withPort(databaseUrl, proxy.port), options);
    try {
      await work(flow, db, proxy);
    } finally {
      proxy.thaw();
      await db.close();
      proxy.end();
    }
  });
}

const countOf = async (flow: SettledWorkflow, table: string): Promise<number> =>
  Number((await flow.rows(`select count(*) as n from ${table}`))[0]!.n);

Deno.test("requestRefund() without a key takes one refund when the answer to its commit is lost", () =>
  withRelay("lost_refund", {}, async (flow, db, proxy) => {
    const before = await countOf(flow, "refunds");
    proxy.loseCommitAnswers(1);
    const taken = await requestRefund(
      db,
      { orderId: flow.ids.paid, amountCents: 10, reason: null, idempotencyKey: null },
      "test",
    );
    assert.equal(proxy.lost, 1);
    assert.equal(await countOf(flow, "refunds"), before + 1);
    assert.deepEqual([taken.replayed, taken.refund.idempotencyKey], [false, null]);
    assert.equal(
      (await flow.rows("select id from order_events where refund_id = ?", [taken.refund.id]))
        .length,
      1,
    );
  }));

Deno.test("changeStock() never adds twice: it tells when the answer to its commit is lost", () =>
  withRelay("lost_stock", {}, async (flow, db, proxy) => {
    const before = await flow.stock("a");
    proxy.loseCommitAnswers(1);
    await assert.rejects(
      changeStock({ ...flow, db }, "a", { add: 5 }, { operator: anOperator("cli") }),
      (error) =>
        error instanceof WorkflowError && error.code === "unavailable" &&
        /look up whether the change was made/.test(error.message),
    );
    assert.equal(await flow.stock("a"), before + 5);
    proxy.loseCommitAnswers(1);
    await changeStock({ ...flow, db }, "a", { set: 9 }, { operator: anOperator("cli") });
    assert.equal(proxy.lost, 2);
    assert.equal(await flow.stock("a"), 9);
  }));

Deno.test("takeOrders() tells of new orders as new when the answer to their commit is lost, and of others as known", () =>
  withRelay("lost_orders", {}, async (flow, db, proxy) => {
    const take = async (names: string[], catalog = emptyCatalog()) => {
      const options = {
        initialStock: 5,
        onPendingChange: "update",
        actor: "test",
        catalog,
      } as const;
      const orders = names.map((name) => anOrder(name, [{ sku: "a", qty: 1 }]));
      return (await takeOrders(db, orders, options)).map(
        ({ externalOrderId, outcome, orderId }) => {
          assert.ok(orderId !== null);
          return `${externalOrderId} ${outcome}`;
        },
      );
    };
    await take(["known"]);
    proxy.loseCommitAnswers(1, "insert into orders");
    assert.deepEqual(await take(["known", "n1", "n2"]), ["known unchanged", "n1 new", "n2 new"]);
    assert.equal(proxy.lost, 1);
    assert.deepEqual(await take(["n1", "n2"]), ["n1 unchanged", "n2 unchanged"]);
    const rows = await flow.rows("select id from orders where external_order_id in ('n1', 'n2')");
    assert.equal(rows.length, 2);
  }));

Deno.test("takeOrders() tells of orders as new that it took for new ones when the answer to their commit is lost", () =>
  withRelay("lost_as_new", {}, async (flow, db, proxy) => {
    const kept = { products: keptProducts(), customers: keptCustomers() };
    const take = async (names: string[]) => {
      const orders = names.map((name) => anOrder(name, [{ sku: "a", qty: 1 }]));
      const options = { initialStock: 5, onPendingChange: "conflict", actor: "test" } as const;
      const taken = await takeOrders(db, orders, { ...options, ...kept });
      return taken.map(({ outcome }) => outcome);
    };
    await take(["first"]);
    proxy.loseCommitAnswers(1, "into order_items");
    assert.deepEqual(await take(["n1", "n2"]), ["new", "new"]);
    assert.equal(proxy.lost, 1);
    const rows = await flow.rows("select id from orders where external_order_id in ('n1', 'n2')");
    assert.equal(rows.length, 2);
  }));

Deno.test("transaction() of a client that stands still gives its locks to others", () =>
  withRelay("lost_silent", { idleTransactionSeconds: 1 }, async (flow, db) => {
    const locked = Promise.withResolvers<void>();
    const woken = Promise.withResolvers<void>();
    let tries = 0;
    const silent = db.transaction(async (tx) => {
      tries++;
      await tx.query("select id from products where sku = 'a' for update");
      if (tries === 1) {
        locked.resolve();
        await woken.promise;
      }
      await tx.runText("update products set name = concat(name, '!') where sku = 'a'");
    });
    await locked.promise;
    await flow.db.transaction((tx) =>
      tx.runText("update products set name = 'another' where sku = 'a'")
    );
    woken.resolve();
    await silent;
    const [row] = await flow.rows("select name from products where sku = 'a'");
    assert.deepEqual([row!.name, tries], ["another!", 2]);
  }));

Deno.test("a statement that is not answered fails in time and is not tried again at once", () =>
  withRelay("lost_hang", { maxStatementMs: 200 }, async (_, db, proxy) => {
    // With an own limit for silence, the connection is given its usual one back on every engine while it may be lent again.
    for (const options of [{}, { idleTransactionSeconds: 5 }]) {
      let tries = 0;
      await db.transaction(async (tx) => {
        await tx.query("select 1");
      }, options);
      proxy.freeze();
      const unanswered = db.transaction(async (tx) => {
        tries++;
        await tx.query("select 1");
      });
      await assert.rejects(
        rejectLate(10_000, unanswered, () => new Error("It waits on")),
        { code: "PROTOCOL_SEQUENCE_TIMEOUT" },
      );
      assert.ok(tries <= 1);
      proxy.thaw();
      assert.equal(Number((await db.query("select 1 as one"))[0]!.one), 1);
    }
  }));

Deno.test("close() ends in time although the server hangs and a statement still runs", () =>
  withRelay("lost_close", {}, async (flow, db, proxy) => {
    await flow.add([anOrder("open", [{ sku: "a", qty: 1 }])]);
    await db.query("select 1");
    proxy.freeze();
    const hanging = assert.rejects(db.query("select 2"));
    const started = performance.now();
    await db.close();
    const ms = performance.now() - started;
    assert.ok(ms < 5_000, `it took ${ms} ms`);
    await hanging;
  }));
