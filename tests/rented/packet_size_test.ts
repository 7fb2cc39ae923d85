import assert from "node:assert/strict";
import { emptyCatalog, writeDescriptions } from "../../db/catalog/catalog.ts";
import { inParts, StatementTooLarge } from "../../db/connection/packet_size.ts";
import { openDatabase } from "../../db/connection/database.ts";
import { readPacked } from "../../db/connection/packed_rows.ts";
import { takeOrders } from "../../streams/intake/take_orders.ts";
import { publish } from "../../streams/workflow/publish.ts";
import { ownDatabase } from "../own_engines.ts";
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
