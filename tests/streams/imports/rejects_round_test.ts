import assert from "node:assert/strict";
import { type Database, openDatabase } from "../../../db/connection/database.ts";
import type { ImportProfile } from "../../../domain/import/profile/profile.ts";
import { native } from "../../../domain/import/profile/shipped/native.ts";
import { silentLog } from "../../../domain/operation/log.ts";
import { importOrders } from "../../../streams/imports/orders_import.ts";
import { keysFor } from "../../../streams/redis/keys.ts";
import { openRedis, type RedisClient } from "../../../streams/redis/redis.ts";
import { sourceOf } from "../../csv_orders.ts";
import { migrateTest } from "../../migrated.ts";
import { testContext } from "../../support.ts";
import { textSheet, workbookOf } from "../../zip_archive.ts";

interface Bench {
  db: Database;
  redis: RedisClient;
  prefix: string;
  folder: string;
}

async function withBench(work: (bench: Bench) => Promise<void>): Promise<void> {
  const context = await testContext("rejects_round");
  await migrateTest(context.databaseUrl);
  const db = await openDatabase(context.databaseUrl);
  const redis = await openRedis(context.redisUrl);
  const folder = await Deno.makeTempDir();
  try {
    await work({ db, redis, prefix: context.redisPrefix, folder });
  } finally {
    await Deno.remove(folder, { recursive: true });
    redis.disconnect();
    await db.close();
    await context.close();
  }
}

/** Imports a file and gives back its rejects. */
async function take(
  { db, redis, prefix, folder }: Bench,
  content: string | Uint8Array<ArrayBuffer>,
  options: { profile?: ImportProfile; keepGoodRows?: boolean } = {},
) {
  const rejectsPath = `${folder}/${crypto.randomUUID()}.csv`;
  const report = await importOrders(
    { db, redis, keys: keysFor(prefix, "EUR"), log: silentLog },
    sourceOf(content),
    { name: "orders.csv", initialStock: 50, rejectsPath, yes: true, ...options },
  );
  return { report, bytes: await Deno.readFile(rejectsPath) };
}

async function totals({ db }: Bench): Promise<string[]> {
  const rows = await db.query(
    "select external_order_id, total_cents from orders order by external_order_id",
  );
  return rows.map((row) => `${row.external_order_id} ${row.total_cents}`);
}

/** Text with its mark, as it stands in the file. */
const textOf = (bytes: Uint8Array) =>
  new TextDecoder("utf-8", { ignoreBOM: true, fatal: true }).decode(bytes);

const profile: ImportProfile = {
  version: 1,
  name: "till",
  columns: {
    external_order_id: ["Beleg"],
    order_placed_at: ["Datum"],
    customer_name: ["Kunde"],
    product_sku: ["Artikel"],
    product_name: ["Text"],
    price: ["Preis"],
    qty: ["Menge"],
  },
  constants: { currency: "EUR" },
  time: { order: "dmy", zone: "Europe/Berlin" },
};

Deno.test("rejects of a file of any form are whole orders in its own columns, and complete the work once mended", () =>
  withBench(async (bench) => {
    const file = "Beleg;Datum;Kunde;Artikel;Text;Preis;Menge\r\n" +
      "B-1;05.01.2026 10:15;Jörg;00123;Becher;12,50;2\r\n" +
      'B-2;05.01.2026 10:20;Ann;POT;"Kanne; groß";30,00;x\r\n' +
      "B-2;05.01.2026 10:20;Ann;00123;=Becher;12,50;1\r\n";
    const { report, bytes } = await take(bench, file, { profile });
    assert.deepEqual([report.orders_new, report.orders_rejected, report.rows_rejected], [1, 1, 2]);
    assert.deepEqual([...bytes.subarray(0, 3)], [0xef, 0xbb, 0xbf]);
    const text = textOf(bytes);
    const [header, first, second] = text.slice(1).trimEnd().split("\n");
    assert.equal(header, "Beleg;Datum;Kunde;Artikel;Text;Preis;Menge;line;reason");
    assert.match(first!, /^B-2;05\.01\.2026 10:20;Ann;POT;"Kanne; groß";30,00;x;3;"?Menge: /);
    assert.match(second!, /^B-2;05\.01\.2026 10:20;Ann;'00123;'=Becher;12,50;1;4;/);

    const mended = await take(bench, text.replace(";x;", ";3;"), { profile });
    assert.deepEqual([mended.report.orders_new, mended.report.orders_rejected], [1, 0]);
    assert.deepEqual(await totals(bench), ["B-1 2500", "B-2 10250"]);
    const names = await bench.db.query("select sku, name from products order by sku");
    assert.deepEqual(names.map(({ sku, name }) => [sku, name]), [
      ["00123", "=Becher"],
      ["POT", "Kanne; groß"],
    ]);
  }));

Deno.test("rejects are read by the profile of their file, whichever sheet or line its header was on", () =>
  withBench(async (bench) => {
    const header = "Beleg;Datum;Kunde;Artikel;Text;Preis;Menge";
    const rows =
      `R-1;14.01.2026 10:00;Ann;MUG;Mug;12,50;2\r\nR-2;14.01.2026 10:00;Bo;MUG;Mug;12,50;x\r\n`;
    const pinned = { ...profile, file: { headerLine: 3 } };
    const titled = `Report;;;;;;\r\nof January;;;;;;\r\n${header}\r\n${rows}`;
    const { bytes } = await take(bench, titled, { profile: pinned });
    assert.deepEqual(await totals(bench), ["R-1 2500"]);
    const mended = textOf(bytes).replace(";x;", ";3;");
    await take(bench, mended, {
      profile: { ...profile, file: { headerLine: 3, sheet: "Orders" } },
    });
    assert.deepEqual(await totals(bench), ["R-1 2500", "R-2 3750"]);
    await assert.rejects(
      take(bench, `${header}\r\n${rows}`, { profile: { ...profile, file: { sheet: "Orders" } } }),
      /is no workbook: it has no sheet Orders; leave out --sheet/,
    );
  }));

Deno.test("rejects that were saved as a workbook are read, whichever sheet or line their profile names", () =>
  withBench(async (bench) => {
    const header = ["Beleg", "Datum", "Kunde", "Artikel", "Text", "Preis", "Menge"];
    const row = (
      id: string,
      qty: string,
    ) => [id, "14.01.2026 10:00", "Ann", "MUG", "Mug", "12,50", qty];
    const titled = [["Report"], ["of January"], header, row("W-1", "2"), row("W-2", "x")];
    const orders = workbookOf({
      sheets: [textSheet([["read me"], ["first"]]), textSheet(titled)],
      names: ["Notes", "Orders"],
    });
    for (const sheet of ["Orders", "2"]) {
      const pinned = { ...profile, file: { sheet, headerLine: 3 } };
      await take(bench, orders, { profile: pinned });
      const mended = [[...header, "line", "reason"], [...row("W-2", "3"), "5", "Menge: mended"]];
      const saved = workbookOf({ sheets: [textSheet(mended)], names: ["import-7-rejects"] });
      const { report } = await take(bench, saved, { profile: pinned });
      assert.equal(report.orders_new + report.orders_unchanged, 1, sheet);
    }
    assert.deepEqual(await totals(bench), ["W-1 2500", "W-2 3750"]);

    const pinned = { ...profile, file: { sheet: "Orders" } };
    const twice = [[...header, "line", "reason"], [...row("W-3", "3"), "5", "mended"]];
    const unclear = workbookOf({ sheets: [textSheet(twice), textSheet(twice)], names: ["a", "b"] });
    await assert.rejects(
      take(bench, unclear, { profile: pinned }),
      /without a sheet Orders; it has/,
    );
    const other = workbookOf({ sheets: [textSheet([header, row("W-3", "3")])], names: ["a"] });
    await assert.rejects(
      take(bench, other, { profile: pinned }),
      /without a sheet Orders; it has a/,
    );
  }));

Deno.test("rejects that a spreadsheet has saved are read as what they were, with its times asked about", () =>
  withBench(async (bench) => {
    const head =
      "external_order_id,order_placed_at,currency,customer_id,customer_email,customer_name," +
      "product_sku,product_name,unit_price_cents,qty";
    const row = (sku: string, price: string) =>
      `G-1,2026-01-25 10:00:00,EUR,K1,a@shop.example,Ann,${sku},Thing,${price},1\n`;
    const first = await take(bench, `${head}\n${row("00123", "120000")}${row("1E5", "12.50")}`);
    assert.deepEqual([first.report.orders_rejected, first.report.rows_rejected], [1, 2]);
    const saved = textOf(first.bytes).replaceAll("2026-01-25 10:00:00", "1/25/2026 10:00")
      .replace("12.50", "1250").replaceAll("\n", "\r\n") + ",,,,,,,,,,,\r\n";
    const second = await take(bench, saved, { profile: native });
    assert.equal(second.report.orders_new, 1);
    assert.deepEqual(await totals(bench), ["G-1 121250"]);
    const [order] = await bench.db.query("select cast(placed_at as char) as placed_at from orders");
    assert.match(String(order!.placed_at), /^2026-01-25 10:00:00/);
    const skus = await bench.db.query("select sku from products order by sku");
    assert.deepEqual(skus.map(({ sku }) => sku), ["00123", "1E5"]);

    const unclear = textOf(first.bytes).replaceAll("2026-01-25 10:00:00", "1/5/2026 10:00")
      .replace("12.50,", "1250,");
    await assert.rejects(() => take(bench, unclear, { profile: native }), /time\.order/);
  }));

Deno.test("an order that was left out in part comes back whole, and its rejects never take items away", () =>
  withBench(async (bench) => {
    const head =
      "external_order_id,order_placed_at,currency,customer_id,customer_email,customer_name," +
      "product_sku,product_name,unit_price_cents,qty";
    const row = (sku: string, price: string, qty: number) =>
      `G-1,2026-01-05 10:00:00,EUR,K1,a@shop.example,Ann A,${sku},${sku},${price},${qty}\n`;
    const file = `${head}\n${row("SOFA", "120000", 1)}${row("TABLE", "45000", 1)}${
      row("MUG", "12.50", 2)
    }`;
    const { report, bytes } = await take(bench, file, { keepGoodRows: true });
    assert.deepEqual([report.orders_new, report.rows_rejected], [1, 3]);
    const one = await take(bench, `${head}\n${row("MUG", "1250", 2)}`);
    assert.equal(one.report.orders_conflict, 1);
    assert.deepEqual(await totals(bench), ["G-1 165000"]);
    const mended = await take(bench, textOf(bytes).replace("12.50,", "1250,"));
    assert.equal(mended.report.orders_updated, 1);
    assert.deepEqual(await totals(bench), ["G-1 167500"]);
  }));
