import assert from "node:assert/strict";
import { parseConfig } from "../../config/config.ts";
import { emptyCatalog, writeDescriptions } from "../../db/catalog/catalog.ts";
import { keptProducts } from "../../db/catalog/kept_products.ts";
import { inParts, StatementTooLarge } from "../../db/connection/packet_size.ts";
import { openDatabase } from "../../db/connection/database.ts";
import { readPacked } from "../../db/connection/packed_rows.ts";
import { takeOrders } from "../../streams/intake/take_orders.ts";
import { publish } from "../../streams/workflow/publish.ts";
import { makeApp } from "../../routes/app.ts";
import { ownDatabase } from "../own_engines.ts";
import { ask, orderBodyOf } from "../routes/api.ts";
import { verifyNow } from "../settled_workflow.ts";
import { anOrder, withWorkflow } from "../workflow.ts";

const packet = 1_048_576;

Deno.test("batches are split by what the server takes at once, and none is lost", async () => {
  await using server = await ownDatabase([`--max-allowed-packet=${packet}`]);
  await withWorkflow("packet_size", async (flow) => {
    const long = (text: string) => text.padEnd(255, "ö'");
    const orders = Array.from(
      { length: 2_000 },
      (_, at) =>
        anOrder(`${at}`, [{ sku: `s${at % 700}`, qty: 1, unitPriceCents: 100 }], {
          customer: { externalId: `${at}`, email: long(`${at}@example.com`), name: long(`${at}`) },
        }),
    ).map((order) => ({
      ...order,
      items: order.items.map((item) => ({ ...item, name: long(item.sku) })),
    }));
    const catalog = emptyCatalog();
    const options = { initialStock: 50, onPendingChange: "update", actor: "test" } as const;
    const taken = await takeOrders(flow.db, orders, { ...options, catalog });
    await writeDescriptions(flow.db, catalog, { everyDate: true });
    assert.deepEqual(new Set(taken.map(({ outcome }) => outcome)), new Set(["new"]));
    assert.deepEqual(
      taken.map(({ externalOrderId }) => externalOrderId),
      orders.map((_, at) => `${at}`),
    );
    const huge = anOrder("huge", []);
    huge.items = Array.from({ length: 4_000 }, (_, at) => ({
      sku: `l${at}`,
      name: long(`${at}`),
      qty: 1,
      unitPriceCents: 100,
    }));
    await assert.rejects(
      takeOrders(flow.db, [huge], options),
      /does not take order huge: .*max_allowed_packet, 1048576 bytes; raise that/,
    );
    const again = await takeOrders(flow.db, orders, options);
    assert.deepEqual(new Set(again.map(({ outcome }) => outcome)), new Set(["unchanged"]));
    await publish(
      flow,
      taken.map((order) => ({
        message: {
          type: "order.reserve",
          orderId: order.orderId!,
          amountCents: order.totalCents,
          currency: order.currency,
        },
      })),
    );
    await flow.drain();
    const report = await verifyNow(flow);
    assert.ok(report.ok, JSON.stringify(report.checks.filter(({ ok }) => !ok)));
    assert.deepEqual(await flow.rows("select count(*) as n from orders where status = 'PAID'"), [
      { n: 2_000 },
    ]);
  }, { databaseUrl: server.url });
});

Deno.test("orders that go in parts hold products that were lent for all of them against their rows", async () => {
  await using server = await ownDatabase([`--max-allowed-packet=${packet}`]);
  await withWorkflow("packet_lent", async (flow) => {
    const options = { initialStock: 50, onPendingChange: "conflict", actor: "test" } as const;
    const kept = { ...options, products: keptProducts() };
    const items = ["a", "b"].map((sku) => ({ sku, qty: 1 }));
    await takeOrders(flow.db, [anOrder("created", items)], options);
    await takeOrders(flow.db, [anOrder("read", items)], kept);
    for (const [from, to] of [["a", "aside"], ["b", "a"], ["aside", "b"]]) {
      await flow.db.run("update products set sku = ? where sku = ?", [to!, from!]);
    }
    const name = "".padEnd(255, "ö'");
    const orders = Array.from(
      { length: 2_000 },
      (_, at) =>
        anOrder(`${at}`, items, { customer: { externalId: "c1", email: "c1@example.com", name } }),
    );
    await takeOrders(flow.db, orders, kept);
    const bought = await flow.rows(`
      select skus, count(*) as n
      from (
        select group_concat(sku order by order_items.id) as skus
        from order_items join products on products.id = product_id join orders on orders.id = order_id
        where external_order_id regexp '^[0-9]+$'
        group by order_id) ordered
      group by skus`);
    assert.deepEqual(bought, [{ skus: "a,b", n: 2_000 }]);
  }, { databaseUrl: server.url });
});

Deno.test("an order over HTTP that the server does not take holds up no other", async () => {
  await using server = await ownDatabase([`--max-allowed-packet=${packet}`]);
  await withWorkflow("packet_alone", async (flow) => {
    const engines = { DATABASE_URL: server.url, REDIS_URL: flow.test.redisUrl };
    const config = parseConfig({ ...engines, REDIS_PREFIX: flow.test.redisPrefix });
    const app = makeApp({ ...flow, config, background: new Set() });
    // Within the limits of a body, and beyond those of the server once each row says by which order it is described.
    const huge = orderBodyOf({
      external_order_id: "界".repeat(64),
      items: Array.from({ length: 1_000 }, (_, at) => ({
        sku: `${at}${"界".repeat(40)}`,
        name: "界".repeat(255),
        unit_price_cents: 1,
        qty: 1,
      })),
    });
    const bodies = [orderBodyOf(), orderBodyOf(), huge, orderBodyOf(), orderBodyOf()];
    const alone = await Promise.all(bodies.map((body) => ask({ app }, "POST", "/orders", body)));
    // Half of a set may be there by the time that the other half fails.
    const areTaken = (answers: readonly { status: number }[]) =>
      answers.map(({ status }) => status === 202 || status === 200 || status);
    assert.deepEqual(areTaken(alone), [true, true, 503, true, true]);
    assert.match(alone[2]!.body.detail, /max_allowed_packet/);
    const batch = [orderBodyOf(), huge, orderBodyOf()].map((body) => JSON.stringify(body));
    const answers = await app.request("/orders/batch", {
      method: "POST",
      body: batch.join("\n"),
      headers: { "content-type": "application/x-ndjson" },
    });
    const lines = (await answers.text()).trim().split("\n").map((line) => JSON.parse(line));
    assert.deepEqual(areTaken(lines), [true, 503, true]);
  }, { databaseUrl: server.url });
});

Deno.test("readPacked() reads rows whose text is longer than the server's packets", async () => {
  await using server = await ownDatabase([`--max-allowed-packet=${packet}`]);
  const db = await openDatabase(server.url, { connections: 1 });
  try {
    await db.runText("create table texts (id int primary key, said text, number int)");
    const said = `[,"]\\ ${"ö".repeat(900)}`;
    const ids = Array.from({ length: 2_000 }, (_, at) => at);
    await inParts(ids, (part) =>
      db.runText(
        `insert into texts values ${part.map(() => "(?, ?, 7)").join(", ")}`,
        part.flatMap((id) => [id, said]),
      ));
    const { rows } = await readPacked(
      db,
      [
        { sql: "id", kind: "number" },
        { sql: "said", kind: "any text" },
        { sql: "'PAID'", kind: "text" },
        { sql: "case id when 3 then null else 'x' end", kind: "text or null" },
        { sql: "concat(number, ',', 1)", kind: "values" },
      ],
      "from texts where id >= ?",
      [0],
    );
    assert.deepEqual(
      rows.sort(([a], [b]) => Number(a) - Number(b)),
      ids.map((id) => [id, said, "PAID", id === 3 ? null : "x", 7, 1]),
    );
    await assert.rejects(
      db.query("select ?", ["x".repeat(packet)]),
      (error) => error instanceof StatementTooLarge,
    );
  } finally {
    await db.close();
  }
});
