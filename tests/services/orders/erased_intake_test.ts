import assert from "node:assert/strict";
import { eraseCustomer } from "../../../services/customers/erase_customer.ts";
import { retryAndPublish } from "../../../services/orders/retry_orders.ts";
import {
  emptyCatalog,
  forgetCatalog,
  refreshCatalog,
  writeDescriptions,
} from "../../../db/catalog/catalog.ts";
import type { Database, Queryable } from "../../../db/connection/database.ts";
import { guestOf } from "../../../domain/order/guest.ts";
import { importOrders } from "../../../streams/imports/orders_import.ts";
import { takeOrders } from "../../../streams/intake/take_orders.ts";
import { anOperator } from "../../operator.ts";
import { meddled } from "../../meddled_database.ts";
import { mara, namesOfMara, placesNaming } from "../../person.ts";
import { assertConsistent } from "../../streams/consistent.ts";
import { anOrder, withWorkflow, type Workflow } from "../../workflow.ts";

const config = { erasureSecret: "" };
const erase = (flow: Workflow, externalId = mara.externalId) =>
  eraseCustomer({ ...flow, config }, { externalId }, anOperator("desk"));
const one = [{ sku: "a", qty: 1 }];
const options = { initialStock: 50, onPendingChange: "update", actor: "test" } as const;
const later = "2999-01-01 00:00:00.000";

/** Does something when orders are about to be inserted for the first time, whose customers are settled by then. */
function beforeOrders(db: Database, work: () => Promise<unknown>): Database {
  let done: Promise<unknown> | undefined;
  const within = (tx: Queryable): Queryable => ({
    ...tx,
    async query(sql, values) {
      await done;
      return await tx.query(sql, values);
    },
    async run(sql, values) {
      if (sql.includes("insert into orders")) done ??= work();
      await done;
      return await tx.run(sql, values);
    },
  });
  return { ...db, transaction: (write, own) => db.transaction((tx) => write(within(tx)), own) };
}

/** Mara with one order that is over. */
async function settled(flow: Workflow): Promise<void> {
  await flow.add([anOrder("M-1", one, { customer: mara })]);
  await flow.drain();
}

Deno.test("an old file finds the orders of somebody who was erased, and brings no name back", async () => {
  await withWorkflow("erased_file", async (flow) => {
    await settled(flow);
    const { customerId } = await erase(flow);
    const guest = guestOf(mara.email, mara.name, "M-3");
    const taken = await flow.add([
      anOrder("M-1", one, { customer: mara }),
      anOrder("M-2", one, { customer: mara }),
      anOrder("M-3", one, { customer: guest }),
    ]);
    assert.deepEqual(taken.map(({ outcome }) => outcome), ["unchanged", "new", "new"]);
    assert.deepEqual(await placesNaming(flow, namesOfMara), []);
    const rows = await flow.rows("select distinct customer_id as id from orders");
    assert.deepEqual(rows.map(({ id }) => Number(id)), [customerId]);
    await flow.drain();
    await assertConsistent(flow);
  });
});

Deno.test("whoever orders after the erasure is a new customer, and is not mixed up with the one before", async () => {
  await withWorkflow("erased_return", async (flow) => {
    await settled(flow);
    const { customerId } = await erase(flow);
    // One batch, one catalogue.
    const catalog = emptyCatalog();
    await takeOrders(flow.db, [
      anOrder("M-2", one, { customer: mara }),
      anOrder("M-3", one, { customer: mara, placedAt: later }),
      anOrder("M-4", one, { customer: mara }),
    ], { ...options, catalog });
    await writeDescriptions(flow.db, catalog, { everyDate: true });
    const rows = await flow.rows(
      "select external_order_id as id, customer_id, recipient_email from orders order by id",
    );
    const of = Object.fromEntries(rows.map((row) => [row.id, Number(row.customer_id)]));
    assert.equal(of["M-2"], customerId);
    assert.equal(of["M-4"], customerId);
    assert.notEqual(of["M-3"], customerId);
    assert.deepEqual(rows.map(({ recipient_email }) => recipient_email), [
      null,
      null,
      mara.email,
      null,
    ]);
    const [left] = await flow.rows("select name from customers where id = ?", [customerId]);
    assert.equal(left!.name, "(erased)");
    // Who came back can go again.
    await flow.rows(
      "update orders set status = 'CANCELLED', settled_time = now() where status = 'PENDING'",
    );
    const again = await erase(flow);
    assert.equal(again.changed, true);
    // The first erasure is still found by its row, whose keys are those of the second one now.
    const first = await erase(flow, `erased:${customerId}`);
    assert.deepEqual([first.customerId, first.changed], [customerId, false]);
    assert.deepEqual(await placesNaming(flow, namesOfMara), []);
  });
});

Deno.test("an import that knew the customer before the erasure finds that out", async () => {
  await withWorkflow("erased_beside", async (flow) => {
    await settled(flow);
    const catalog = emptyCatalog();
    await takeOrders(flow.db, [anOrder("M-1", one, { customer: mara })], { ...options, catalog });
    assert.ok(catalog.customers.has(mara.externalId));
    await erase(flow);
    const [taken] = await takeOrders(flow.db, [anOrder("M-2", one, { customer: mara })], {
      ...options,
      catalog,
    });
    assert.equal(taken!.outcome, "new");
    await writeDescriptions(flow.db, catalog, { everyDate: true });
    assert.deepEqual(await placesNaming(flow, namesOfMara), []);
  });
});

Deno.test("a batch that knew the customer before the erasure finds that out where another one has refreshed the catalogue", async () => {
  await withWorkflow("erased_refreshed", async (flow) => {
    await settled(flow);
    const catalog = emptyCatalog();
    await takeOrders(flow.db, [anOrder("M-1", one, { customer: mara })], { ...options, catalog });
    const db = beforeOrders(flow.db, async () => {
      await erase(flow);
      await refreshCatalog(flow.db, catalog);
    });
    const [taken] = await takeOrders(db, [anOrder("M-2", one, { customer: mara })], {
      ...options,
      catalog,
    });
    assert.equal(taken!.outcome, "new");
    assert.deepEqual(await placesNaming(flow, namesOfMara), []);
  });
});

Deno.test("a batch whose products another one has forgotten looks them up again", async () => {
  await withWorkflow("forgotten", async (flow) => {
    await settled(flow);
    const catalog = emptyCatalog();
    await takeOrders(flow.db, [anOrder("M-1", one, { customer: mara })], { ...options, catalog });
    const db = beforeOrders(flow.db, () => Promise.resolve(forgetCatalog(catalog)));
    const [taken] = await takeOrders(db, [anOrder("M-2", one, { customer: mara })], {
      ...options,
      catalog,
    });
    assert.equal(taken!.outcome, "new");
    const items = await flow.rows(`
      select external_order_id as id, sku
      from order_items
      join orders on orders.id = order_items.order_id
      join products on products.id = order_items.product_id
      order by orders.id`);
    assert.deepEqual(items.map(({ id, sku }) => [id, sku]), [["M-1", "a"], ["M-2", "a"]]);
  });
});

Deno.test("a guest of the same address who is created while the customer is erased is nobody either", async () => {
  await withWorkflow("erased_guest", async (flow) => {
    await settled(flow);
    const db = meddled(flow.db, /insert into customers/, () => erase(flow));
    const customer = guestOf(mara.email, mara.name, "M-2");
    const other = { externalId: "C-9", email: "nina@example.com", name: "Nina" };
    const taken = await takeOrders(db, [
      anOrder("M-2", one, { customer }),
      anOrder("N-1", one, { customer: other }),
    ], options);
    assert.deepEqual(taken.map(({ outcome }) => outcome), ["new", "new"]);
    assert.deepEqual(await placesNaming(flow, namesOfMara), []);
    const [row] = await flow.rows(
      "select external_id as id from customers join orders on customer_id = customers.id where external_order_id = 'N-1'",
    );
    assert.equal(row!.id, "C-9");
  });
});

Deno.test("an order that somebody else had sent to the erased does not name the sender by them again", async () => {
  await withWorkflow("erased_gift", async (flow) => {
    const otto = { externalId: "C-8", email: "otto@example.net", name: "Otto Berg" };
    await flow.add([anOrder("O-1", one, { customer: otto, placedAt: "2025-01-01 12:00:00.000" })]);
    await flow.add([anOrder("O-2", one, { customer: { ...mara, externalId: "C-8" } })]);
    await settled(flow);
    await erase(flow);
    const catalog = emptyCatalog();
    await takeOrders(flow.db, [anOrder("O-2", one, { customer: { ...mara, externalId: "C-8" } })], {
      ...options,
      catalog,
    });
    await writeDescriptions(flow.db, catalog, { everyDate: true });
    assert.deepEqual(await placesNaming(flow, namesOfMara), []);
    const [row] = await flow.rows("select name, email from customers where external_id = 'C-8'");
    assert.deepEqual({ ...row }, { name: "Otto Berg", email: "otto@example.net" });
  });
});

Deno.test("rows of the erased that are not taken are left out of the rejects and of what is said of them", async () => {
  await withWorkflow("erased_rejects", async (flow) => {
    await settled(flow);
    await erase(flow);
    const path = await Deno.makeTempFile();
    const csv = [
      "external_order_id,order_placed_at,currency,customer_id,customer_email,customer_name,product_sku,product_name,unit_price_cents,qty",
      `M-7,2025-01-01 10:00:00,EUR,${mara.externalId},,Mara,a,A,100,none`,
      `M-8,2025-01-01 10:00:00,EUR,,${mara.email.toLowerCase()},M. Zweig,a,A,100,none`,
      `M-9,2025-01-01 10:00:00,EUR,C-9,nine@example.com,Nina,a,A,100,none`,
    ].join("\n");
    const said: string[] = [];
    const report = await importOrders(flow, new Blob([csv]).stream(), {
      name: "old.csv",
      initialStock: 50,
      rejectsPath: path,
      onRejected: (rows) => said.push(...rows.map((row) => JSON.stringify(row))),
    });
    assert.equal(report.rows_rejected, 3);
    const rejects = await Deno.readTextFile(path);
    assert.match(rejects, /Nina/);
    for (const text of [rejects, ...said]) assert.doesNotMatch(text, /mara|zweig/i);
    assert.deepEqual(await placesNaming(flow, namesOfMara), []);
    await Deno.remove(path);
  });
});

Deno.test("rows of somebody who shares an address with the erased can be mended", async () => {
  await withWorkflow("erased_sharer", async (flow) => {
    await settled(flow);
    await flow.add([anOrder("M-2", one, {
      customer: { externalId: "C-9", email: mara.email, name: "Nina" },
    })]);
    await erase(flow);
    const path = await Deno.makeTempFile();
    const header =
      "external_order_id,order_placed_at,currency,customer_id,customer_email,customer_name,product_sku,product_name,unit_price_cents,qty";
    const row = (order: string, id: string, qty: string) =>
      `${order},2025-01-01 10:00:00,EUR,${id},${mara.email.toLowerCase()},Nina,a,A,100,${qty}`;
    const bring = (csv: string, rejectsPath?: string) =>
      importOrders(flow, new Blob([csv]).stream(), {
        name: "x.csv",
        initialStock: 50,
        rejectsPath,
      });
    const csv = [header, row("M-7", "C-9", "none"), row("M-8", "C-10", "none")].join("\n");
    assert.equal((await bring(csv, path)).rows_rejected, 2);
    const rejects = await Deno.readTextFile(path);
    assert.match(rejects, /M-7/);
    assert.doesNotMatch(rejects, /M-8/, "a customer whom nobody knows may be the erased");
    const mended = await bring(rejects.replace("none", "3"));
    assert.deepEqual([mended.orders_new, mended.rows_rejected], [1, 0]);
    await Deno.remove(path);
  });
});

Deno.test("a process with another secret creates nobody rather than let names come back", async () => {
  await withWorkflow("erased_secret", async (flow) => {
    await settled(flow);
    await erase(flow);
    const orders = [anOrder("N-1", one, { customer: { ...mara, externalId: "C-1" } })];
    await assert.rejects(
      takeOrders(flow.db, orders, { ...options, erasureSecret: "another" }),
      /ERASURE_SECRET/,
    );
    assert.equal((await flow.rows("select id from orders")).length, 1);
  });
});

Deno.test("two processes with different secrets that erase at the same time: only the first may", async () => {
  await withWorkflow("erased_secrets", async (flow) => {
    const people = ["P-1", "P-2", "P-3", "P-4"].map((externalId) => ({ ...mara, externalId }));
    await flow.add(people.map((customer, n) => anOrder(`${n}`, one, { customer })));
    await flow.drain();
    const outcomes = await Promise.allSettled(people.map(({ externalId }, n) => {
      const config = { erasureSecret: `secret ${n}` };
      return eraseCustomer({ ...flow, config }, { externalId }, anOperator("desk"));
    }));
    assert.equal(outcomes.filter(({ status }) => status === "fulfilled").length, 1);
    const prints = await flow.rows("select distinct hex(key_print) as print from erased_keys");
    assert.equal(prints.length, 1);
  });
});

Deno.test("an order of the erased that ran short is not taken up again", async () => {
  await withWorkflow("erased_short", async (flow) => {
    const [short] = await flow.add([anOrder("M-1", [{ sku: "a", qty: 99 }], { customer: mara })]);
    await flow.drain();
    await erase(flow);
    await assert.rejects(
      retryAndPublish(flow, short!.orderId!, anOperator("desk")),
      /its customer's data were erased/,
    );
  });
});

Deno.test("orders that come while their customer is erased are seen, or find the customer erased", async () => {
  await withWorkflow("erased_race", async (flow) => {
    const people = Array.from({ length: 12 }, (_, n) => ({
      externalId: `P-${n}-x`,
      email: `p${n}x@example.com`,
      name: `Person ${n}x Quist`,
    }));
    await flow.add(people.map((customer, n) => anOrder(`a-${n}`, one, { customer })));
    await flow.drain();
    // A catalogue of before, as of a file that is being imported.
    const catalog = emptyCatalog();
    const again = people.map((customer, n) => anOrder(`a-${n}`, one, { customer }));
    await takeOrders(flow.db, again, { ...options, catalog });
    const outcomes = await Promise.all(people.flatMap((customer, n) => [
      erase(flow, customer.externalId).then(() => "erased", (error) => String(error.code)),
      takeOrders(flow.db, [anOrder(`b-${n}`, one, { customer })], { ...options, catalog })
        .then(([taken]) => taken!.outcome),
      takeOrders(flow.db, [anOrder(`c-${n}`, one, { customer })], options)
        .then(([taken]) => taken!.outcome),
    ]));
    await writeDescriptions(flow.db, catalog, { everyDate: true });
    const erased = people.filter((_, n) => outcomes[3 * n] === "erased");
    for (const [at, outcome] of outcomes.entries()) {
      assert.ok(
        at % 3 === 0 ? /^(erased|customer_not_erasable)$/.test(outcome) : outcome === "new",
      );
    }
    const names = erased.flatMap(({ externalId, email, name }) => [externalId, email, name]);
    assert.deepEqual(await placesNaming(flow, names), []);
    await flow.rows(
      "update orders set status = 'CANCELLED', settled_time = now() where unfinished = 1",
    );
    for (const { externalId } of people) await erase(flow, externalId);
    const all = people.flatMap(({ externalId, email, name }) => [externalId, email, name]);
    assert.deepEqual(await placesNaming(flow, all), []);
  });
});
