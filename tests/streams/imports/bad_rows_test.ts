import assert from "node:assert/strict";
import { contentsOf, csvOf, type CsvOrderRow, manyRows } from "../../csv_orders.ts";
import {
  counted,
  faulty,
  knownAsReserved,
  mixed,
  nothing,
  reasonOf,
  run,
  withBench,
  withRejects,
} from "./import_bench.ts";

const noOrder =
  "external_order_id: is missing; product_sku: is missing; product_name: is missing; " +
  "unit_price_cents: must be an integer 0…2147483647; qty: must be an integer 1…1000000";

Deno.test("importOrders() rejects orders with bad rows whole, creates nothing for them, and goes on", () =>
  withBench((bench) =>
    withRejects(async (path, rejects) => {
      const report = await counted(run(bench, csvOf(faulty), { rejectsPath: path }));
      assert.deepEqual(report, {
        ...nothing,
        rows: 8,
        rows_rejected: 7,
        orders: 4,
        orders_new: 1,
        orders_rejected: 3,
        published: 1,
      });
      const books = await contentsOf(bench.db);
      assert.deepEqual(books.customers, ["g|g@example.com|Customer g"]);
      assert.deepEqual(books.products, ["g|Product g|100|50|50"]);
      const file = csvOf(faulty).trimEnd().split("\n");
      assert.deepEqual(await rejects(), [
        `\ufeff${file[0]},line,reason`,
        `${file[2]},3,another row of the order is bad (line 4)`,
        `${file[3]},4,"qty: must be an integer 1…1000000, not ""0"""`,
        `${
          file[4]
        },5,"currency: must be a currency of ISO 4217 such as EUR, not ""EU""; qty: must be an integer 1…1000000, not ""many"""`,
        `${file[5]},6,${noOrder}`,
        `${file[6]},7,${noOrder}`,
        `${
          file[7]
        },8,"rows of the order disagree on customer_id and customer_email and customer_name (lines 8 and 9)"`
          .replaceAll('"', ""),
        `${
          file[8]
        },9,rows of the order disagree on customer_id and customer_email and customer_name (lines 8 and 9)`,
      ]);
    })
  ));

Deno.test("importOrders() leaves out only the bad rows where good ones are to be kept", () =>
  withBench((bench) =>
    withRejects(async (path, rejects) => {
      const options = { rejectsPath: path, keepGoodRows: true };
      const report = await counted(run(bench, csvOf(faulty), options));
      assert.deepEqual(report, {
        ...nothing,
        rows: 8,
        rows_rejected: 7,
        orders: 4,
        orders_new: 2,
        orders_rejected: 2,
        published: 2,
      });
      assert.deepEqual((await contentsOf(bench.db)).items, ["G|g|100|2|200", "H|h1|100|2|200"]);
      const [header, ...others] = await rejects();
      const place = header!.split(",").indexOf("line");
      assert.deepEqual(others.map((line) => line.split(",")[place]), [
        "3",
        "4",
        "5",
        "6",
        "7",
        "8",
        "9",
      ]);
    })
  ));

Deno.test("importOrders() takes a rejects file that was corrected, again and again", () =>
  withBench((bench) =>
    withRejects(async (path, rejects) => {
      await run(bench, csvOf(faulty), { rejectsPath: path });
      const once = await Deno.readTextFile(path);
      await run(bench, once, { rejectsPath: path });
      assert.equal((await rejects())[0], once.split("\n")[0]);
      const mended = (await Deno.readTextFile(path)).replaceAll(
        ",h2,Product h2,100,0,",
        ",h2,P,100,1,",
      );
      const report = await counted(run(bench, mended, { rejectsPath: path }));
      assert.deepEqual(
        [report.orders_new, report.orders_rejected, report.rows_rejected],
        [1, 2, 5],
      );
      assert.deepEqual((await contentsOf(bench.db)).items, [
        "G|g|100|2|200",
        "H|h1|100|2|200",
        "H|h2|100|1|100",
      ]);
    })
  ));

/** A sofa and a table that are right, and a mug whose price is not in cents. */
const oneBadRow: CsvOrderRow[] = [
  { product_sku: "SOFA", unit_price_cents: 120_000, qty: 1 },
  { product_sku: "TABLE", unit_price_cents: 45_000, qty: 1 },
  { product_sku: "MUG", unit_price_cents: "12.50", qty: 2 },
].map((row) => ({ ...row, external_order_id: "G-1" }));

for (const scattered of [false, true]) {
  Deno.test(`importOrders() makes an order whole by its mended rejects, its rows ${scattered ? "scattered" : "together"}`, () =>
    withBench((bench) =>
      withRejects(async (path, rejects) => {
        const others = manyRows(40);
        const rows = scattered
          ? [
            oneBadRow[0]!,
            ...others,
            oneBadRow[1]!,
            ...others.map((row) => ({ ...row, external_order_id: `x-${row.external_order_id}` })),
            oneBadRow[2]!,
          ]
          : oneBadRow;
        const limits = {
          file: { spool: 500, store: { file: 100, partition: 100_000, block: 100 }, orderRows: 9 },
        };
        const options = { rejectsPath: path, keepGoodRows: true, limits };
        const report = await run(bench, csvOf(rows), options);
        assert.equal(report.rows_rejected, 3);
        const [, ...lines] = await rejects();
        const line = scattered ? rows.length + 1 : 4;
        const taken = `taken although another row of the order was left out (line ${line})`;
        assert.deepEqual(lines.map((line) => [line.split(",")[6], reasonOf(line)]), [
          ["SOFA", taken],
          ["TABLE", taken],
          ["MUG", "unit_price_cents: 12.50: write 1250, minor units"],
        ]);
        const total = async () => {
          const [row] = await bench.db.query(
            "select total_cents from orders where external_order_id = 'G-1'",
          );
          return Number(row!.total_cents);
        };
        assert.equal(await total(), 165_000);

        const mended = (await Deno.readTextFile(path)).replace(",12.50,", ",1250,");
        const alone = mended.split("\n").filter((line) => !/SOFA|TABLE/.test(line)).join("\n");
        for (const dryRun of [true, false]) {
          const conflict = await run(bench, alone, { rejectsPath: path, dryRun });
          assert.deepEqual([conflict.orders_conflict, conflict.orders_updated], [1, 0]);
          assert.match(
            (await rejects())[1]!,
            /only --replace \(replace=true over HTTP\) takes them away$/,
          );
          assert.equal(await total(), 165_000);
        }

        const whole = await run(bench, mended, { rejectsPath: path });
        assert.deepEqual([whole.orders_updated, whole.rows_rejected], [1, 0]);
        assert.equal(await total(), 167_500);

        assert.equal((await run(bench, alone, { replace: true })).orders_updated, 1);
        assert.equal(await total(), 2_500);
      })
    ));
}

Deno.test("importOrders() takes nothing away for a row that was left out, not even where the file replaces", () =>
  withBench((bench) =>
    withRejects(async (path, rejects) => {
      const good = oneBadRow.map((row) => ({ ...row, unit_price_cents: 1_000 }));
      await run(bench, csvOf(good));
      const options = { rejectsPath: path, keepGoodRows: true, replace: true };
      const other = [{ ...good[0]!, external_order_id: "G-2" }];
      await run(bench, csvOf(other));
      const changed = [{ ...other[0]!, unit_price_cents: 500 }];
      const report = await run(
        bench,
        csvOf([...good.slice(0, 2), oneBadRow[2]!, ...changed]),
        options,
      );
      assert.deepEqual([report.orders_conflict, report.orders_updated, report.rows_rejected], [
        1,
        1,
        3,
      ]);
      assert.match(
        (await rejects())[1]!,
        /because another row of the order was left out \(line 4\)/,
      );
      const rows = await bench.db.query(
        "select total_cents from orders order by external_order_id",
      );
      assert.deepEqual(rows.map((row) => Number(row.total_cents)), [4_000, 500]);
    })
  ));

Deno.test("importOrders() lists every row of an order once, where one was left out and the rest is a conflict", () =>
  withBench((bench) =>
    withRejects(async (path, rejects) => {
      await run(bench, csvOf(oneBadRow.slice(0, 2)));
      await bench.db.run("update orders set status = 'RESERVED'");
      const options = { rejectsPath: path, keepGoodRows: true };
      const rows = [{ ...oneBadRow[0]!, qty: 9 }, oneBadRow[1]!, oneBadRow[2]!];
      const report = await run(bench, csvOf(rows), options);
      assert.deepEqual([report.orders_conflict, report.rows_rejected], [1, 3]);
      assert.deepEqual((await rejects()).slice(1).map(reasonOf), [
        knownAsReserved,
        knownAsReserved,
        "unit_price_cents: 12.50: write 1250, minor units",
      ]);
    })
  ));

Deno.test("importOrders() gives the same values from corrected rejects as from the file", () =>
  withBench((bench) =>
    withRejects(async (path) => {
      const odd = [
        "=HYPERLINK(1)",
        "@SUM(A1)",
        "+49 30",
        "-1",
        "'=1",
        "''-1",
        "'s-Hertogenbosch",
        "'",
        "''",
      ];
      const rows = odd.map((value, index): CsvOrderRow => ({
        external_order_id: `${value}o`,
        customer_id: value,
        customer_email: `${value}@x`,
        customer_name: value,
        product_sku: value,
        product_name: value,
        qty: index + 1,
      }));
      const bad = (rows: CsvOrderRow[]) =>
        rows.map((row) => ({ ...row, unit_price_cents: "1.00" }));
      await run(bench, csvOf(bad(rows)), { rejectsPath: path });
      const once = await Deno.readTextFile(path);
      assert.doesNotMatch(once, /(^|,)"?[=+\-@]/m);
      await run(bench, once, { rejectsPath: path });
      assert.equal(await Deno.readTextFile(path), once);
      const report = await run(bench, once.replaceAll(",1.00,", ",100,"), { rejectsPath: path });
      assert.equal(report.orders_new, odd.length);
      const books = await contentsOf(bench.db);
      await withBench(async (other) => {
        await run(other, csvOf(rows));
        assert.deepEqual(books, await contentsOf(other.db));
      });
    })
  ));

Deno.test("importOrders() writes an empty rejects file where nothing was rejected", () =>
  withBench((bench) =>
    withRejects(async (path, rejects) => {
      await run(bench, csvOf(mixed), { rejectsPath: path });
      assert.equal((await rejects()).length, 1);
    })
  ));
