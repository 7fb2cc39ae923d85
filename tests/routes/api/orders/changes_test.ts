import assert from "node:assert/strict";
import { openDatabase, type Queryable } from "../../../../db/connection/database.ts";
import { decodeCursor } from "../../../../domain/paging.ts";
import { addOrderEvents } from "../../../../db/orders/timelines.ts";
import { findStepBefore } from "../../../../db/orders/order_changes.ts";
import { type Api, ask, assertProblem, openApi, orderBodyOf, storeOrder } from "../../api.ts";

let api: Api;
Deno.test.beforeAll(async () => {
  api = await openApi("order_changes");
});
Deno.test.afterAll(() => api.close());

/** Steps count at once: their time is put back as far as tests need. */
async function age(seconds = 10): Promise<void> {
  await api.deps.db.run(
    "update order_events set created_at = created_at - interval ? second",
    [seconds],
  );
}

interface Page {
  ids: number[];
  cursor: string;
}

async function changes(cursor?: string, more = ""): Promise<Page> {
  const { status, body } = await ask(
    api,
    "GET",
    `/orders?updated_since=2020-01-01${cursor === undefined ? "" : `&cursor=${cursor}`}${more}`,
  );
  assert.equal(status, 200, JSON.stringify(body));
  return { ids: body.data.map(({ id }: { id: number }) => id), cursor: body.next_cursor };
}

async function place(): Promise<number> {
  return (await ask(api, "POST", "/orders", orderBodyOf())).body.id;
}

function step(tx: Queryable, orderId: number): Promise<void> {
  return addOrderEvents(tx, [{ orderId, event: "updated" }], "test");
}

Deno.test("GET /orders?external_order_id= finds exactly that order, together with other filters", async () => {
  const order = orderBodyOf({ external_order_id: "Exact-1" });
  const { body: { id } } = await ask(api, "POST", "/orders", order);
  await ask(api, "POST", "/orders", orderBodyOf({ external_order_id: "exact-1" }));
  const found = async (query: string) =>
    (await ask(api, "GET", `/orders?${query}`)).body.data.map((one: { id: number }) => one.id);
  assert.deepEqual(await found("external_order_id=Exact-1"), [id]);
  assert.deepEqual(
    await found("external_order_id=Exact-1&status=PENDING&customer=C-1&currency=EUR"),
    [id],
  );
  assert.deepEqual(await found("external_order_id=Exact-1&status=PAID"), []);
  assert.deepEqual(await found("external_order_id=Exact-1&customer=C-2"), []);
  assert.deepEqual(await found("external_order_id=Exact-1&q=C-1"), [id]);
  assert.deepEqual(await found("external_order_id=Exact"), []);
  const csv = await (await api.app.request("/orders.csv?external_order_id=Exact-1")).text();
  assert.equal(csv.trimEnd().split("\n").length, 2);
});

Deno.test("updated_since gives each changed order once, and by its cursor what has changed since", async () => {
  const start = await changes();
  const [a, b, c] = [await place(), await place(), await place()];
  await age();
  const first = await changes(start.cursor);
  assert.deepEqual(first.ids.slice(-3), [a, b, c]);
  assert.deepEqual(await changes(first.cursor), { ids: [], cursor: first.cursor });

  await ask(api, "POST", `/orders/${b}/cancel`);
  await ask(api, "POST", `/orders/${a}/cancel`);
  await age();
  const second = await changes(first.cursor);
  assert.deepEqual(second.ids, [b, a]);
  const { body } = await ask(api, "GET", `/orders?updated_since=2020-01-01&cursor=${first.cursor}`);
  assert.deepEqual(body.data.map(({ status }: { status: string }) => status), [
    "CANCELLED",
    "CANCELLED",
  ]);
  assert.deepEqual((await changes(second.cursor)).ids, []);
});

Deno.test("an erasure changes the orders of the person, and those of others that were sent to them", async () => {
  const gone = { external_id: "Gone-1", email: "gone@example.com", name: "Gone Berg" };
  const placed: number[] = [];
  for (const customer of [gone, undefined, { ...gone, external_id: "C-1" }]) {
    const body = orderBodyOf(customer && { customer });
    const { body: { id } } = await ask(api, "POST", "/orders", body);
    await ask(api, "POST", `/orders/${id}/cancel`);
    placed.push(id);
  }
  await age();
  let { cursor } = await changes();
  const erased = await ask(api, "DELETE", "/customers/Gone-1");
  assert.equal(erased.status, 200, JSON.stringify(erased.body));
  await age();
  const found = await changes(cursor);
  assert.deepEqual(found.ids, [placed[0], placed[2]]);
  const { body } = await ask(api, "GET", `/orders/${placed[0]}`);
  assert.equal(body.timeline.at(-1).event, "customer_erased");
  // Nothing changes where it was done before.
  ({ cursor } = found);
  await ask(api, "DELETE", "/customers/Gone-1");
  await age();
  assert.deepEqual(await changes(cursor), { ids: [], cursor });
});

Deno.test("pages of changes end where their limit is, and filters leave none out", async () => {
  const start = await changes();
  const ids: number[] = [];
  for (let n = 0; n < 7; n++) ids.push(await place());
  for (const id of [ids[1]!, ids[4]!]) await ask(api, "POST", `/orders/${id}/cancel`);
  await age();
  const walk = async (more: string) => {
    const found: number[] = [];
    for (let { cursor } = start, turns = 0; turns < 20; turns++) {
      const page = await changes(cursor, more);
      found.push(...page.ids);
      if (page.cursor === cursor) return found;
      cursor = page.cursor;
    }
    throw new Error("it comes to no end");
  };
  assert.deepEqual(await walk("&limit=3"), [...ids, ids[1], ids[4]]);
  assert.deepEqual(await walk("&limit=1&status=CANCELLED"), [ids[1], ids[4], ids[1], ids[4]]);
  assert.deepEqual(await walk("&status=PAID"), []);
  assert.deepEqual(await walk("&customer=nobody"), []);
});

Deno.test("an order whose transaction ends late, after others that began later, is not lost", async () => {
  const late = await place(), early = await place();
  await age();
  const start = await changes();
  const own = await openDatabase(api.deps.config.databaseUrl);
  const written = Promise.withResolvers<void>(), commit = Promise.withResolvers<void>();
  const old =
    "update order_events set created_at = created_at - interval 1 hour where order_id = ?";
  const open = own.transaction(async (tx) => {
    await step(tx, late);
    await tx.run(old, [late]);
    written.resolve();
    await commit.promise;
  });
  await written.promise;
  await api.deps.db.transaction((tx) => step(tx, early));
  await api.deps.db.run(old, [early]);
  // Both steps are older than any lag; that of the open transaction is lower than the committed one.
  const reading = changes(start.cursor);
  await untilSomebodyWaits();
  commit.resolve();
  await open;
  await own.close();
  assert.deepEqual((await reading).ids, [late, early]);
});

/** Waits until the reading statement has not ended for so many looks at it, each of which takes as long as it would. */
async function untilSomebodyWaits(): Promise<void> {
  let inARow = 0;
  for (let looks = 0; inARow < 200; looks++) {
    assert.ok(looks < 5_000, "Nobody waits for the open transaction: it would be passed over");
    const rows = await api.deps.db.query(
      "select id from information_schema.processlist where info like ? and id <> connection_id()",
      ["%as is_settled%"],
    );
    inARow = rows.length > 0 ? inARow + 1 : 0;
  }
}

Deno.test("many writers that end in any order, some of them not at all, lose no change", async () => {
  const orders: number[] = [];
  for (let n = 0; n < 8; n++) orders.push(await place());
  await age();
  let { cursor } = await changes();
  const own = await openDatabase(api.deps.config.databaseUrl, { connections: 8 });
  const wanted = new Map<number, number>();
  let isDone = false;
  const write = async (orderId: number, turns: number) => {
    for (let turn = 0; turn < turns; turn++) {
      const rollsBack = turn % 5 === 4;
      await own.transaction(async (tx) => {
        await step(tx, orderId);
        for (let waits = (orderId + turn * 7) % 4; waits > 0; waits--) await tx.query("select 1");
        if (rollsBack) throw new Error("changed my mind");
      }).catch((error) => {
        if (!rollsBack) throw error;
      });
      if (!rollsBack) wanted.set(orderId, (wanted.get(orderId) ?? 0) + 1);
    }
  };
  const writing = Promise.all(orders.map((id) => write(id, 30))).then(() => isDone = true);
  const seen = new Map<number, number>();
  for (let quiet = false; !quiet;) {
    const wasDone = isDone;
    const from = decodeCursor("changes", cursor);
    const page = await changes(cursor);
    // An order stands once on a page, however many steps are behind it.
    const steps = await api.deps.db.query(
      "select order_id from order_events where id >= ? and id < ?",
      [from, decodeCursor("changes", page.cursor)],
    );
    for (const row of steps) {
      const id = Number(row.order_id);
      assert.ok(page.ids.includes(id));
      seen.set(id, (seen.get(id) ?? 0) + 1);
    }
    const [row] = await api.deps.db.query(
      "select count(*) as n from order_events where id > ?",
      [decodeCursor("changes", page.cursor) - 1],
    );
    quiet = wasDone && Number(row!.n) === 0;
    cursor = page.cursor;
  }
  await writing;
  await own.close();
  assert.deepEqual([...seen.keys()].sort(), orders.toSorted());
  assert.deepEqual(seen, wanted);
});

Deno.test("updated_since begins at its time, wherever that is", async () => {
  await storeOrder(api.deps.db);
  const { db } = api.deps;
  await db.run("update order_events set created_at = '2021-01-01'");
  const [row] = await db.query("select max(id) as id from order_events");
  const last = Number(row!.id);
  assert.equal(await findStepBefore(db, "2020-06-01 00:00:00"), 0);
  assert.equal(await findStepBefore(db, "2022-01-01 00:00:00"), last);
  const id = await place();
  await db.run("update order_events set created_at = '2023-05-06 07:08:09' where order_id = ?", [
    id,
  ]);
  for (
    const [since, ids] of [
      ["2023-05-06T07:08:09Z", [id]],
      ["2023-05-06T07:08:08.5Z", [id]],
      ["2023-05-06T07:08:10Z", []],
      ["2030-01-01", []],
    ] as const
  ) {
    const { body } = await ask(api, "GET", `/orders?updated_since=${since}`);
    assert.deepEqual(body.data.map((one: { id: number }) => one.id), ids, since);
  }
});

Deno.test("a cursor belongs to its list, and a word can't be looked for among changes", async () => {
  const { cursor } = await changes();
  assertProblem(await ask(api, "GET", `/orders?cursor=${cursor}`), 400, "bad-request");
  const { body } = await ask(api, "GET", "/orders?limit=1");
  assertProblem(
    await ask(api, "GET", `/orders?updated_since=2020-01-01&cursor=${body.next_cursor}`),
    400,
    "bad-request",
  );
  const word = await ask(api, "GET", "/orders?updated_since=2020-01-01&q=TEA");
  assertProblem(word, 400, "bad-request");
  assert.equal(word.body.errors[0].parameter, "q");
});
