import assert from "node:assert/strict";
import { messageOfEntry, type OrderMessage } from "../../../domain/messages/messages.ts";
import { gzipSync } from "node:zlib";
import fc from "fast-check";
import { takeOrders } from "../../../streams/intake/take_orders.ts";
import { WorkflowError } from "../../../domain/errors.ts";
import type { ImportProgress } from "../../../streams/imports/orders_import.ts";
import { openRedis } from "../../../streams/redis/redis.ts";
import { contentsOf, csvOf, type CsvOrderRow, manyRows } from "../../csv_orders.ts";
import {
  type Bench,
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

/** Heap that is left to an import of 60 MB; keeping all rows would take five times the file. */
const heapMb = 64;

/** The orders on the stream, by their external ids, as often as they stand there. */
async function publishedOrders({ db, redis, keys }: Bench): Promise<string[]> {
  const entries = await redis.xrange(keys.stream("orders", "bulk"), "-", "+");
  const ids = entries.map(([, fields]) => (messageOfEntry(fields) as OrderMessage).orderId);
  if (ids.length === 0) return [];
  const rows = await db.query("select id, external_order_id from orders where id in (?)", [ids]);
  const names = new Map(rows.map((row) => [Number(row.id), String(row.external_order_id)]));
  return ids.map((id) => names.get(id)!).sort();
}

Deno.test("importOrders() refuses a file in which another one with its columns in another order was put below", () =>
  withBench(async (bench) => {
    const [head, ...rows] = csvOf(mixed).trimEnd().split("\n");
    const turned = (line: string) => {
      const fields = line.split(",");
      return [...fields.slice(0, -2), fields.at(-1), fields.at(-2)].join(",");
    };
    const below = [head!, ...rows.map((row) => row.replaceAll("A", "D"))].map(turned);
    await assert.rejects(
      run(bench, [head, ...rows, ...below].join("\n")),
      /line 7.* is a second header, with other columns or in another order/,
    );
    assert.deepEqual(await publishedOrders(bench), []);
  }));

Deno.test("importOrders() takes orders whose rows are scattered over the file and publishes each once", () =>
  withBench(async (bench) => {
    const progress: ImportProgress[] = [];
    const report = await counted(
      run(bench, csvOf(mixed), { onProgress: (now) => progress.push({ ...now }) }),
    );
    assert.deepEqual(report, { ...nothing, rows: 5, orders: 3, orders_new: 3, published: 3 });
    assert.deepEqual(await publishedOrders(bench), ["A", "B", "C"]);
    const books = await contentsOf(bench.db);
    assert.deepEqual(books.items, [
      "A|x|10|1|10",
      "A|y|7|3|21",
      "B|x|100|2|200",
      "B|z|100|5|500",
      "C|x|100|4|400",
    ]);
    assert.equal(books.customers!.length, 2);
    assert.deepEqual(books.events, ["A|created", "B|created", "C|created"]);
    assert.equal(progress[0]!.phase, "reading");
    const last = progress.at(-1)!;
    assert.deepEqual([last.phase, last.rowsRead, last.rowsDone, last.ordersDone], [
      "writing",
      5,
      5,
      3,
    ]);
    assert.equal(last.bytesRead, csvOf(mixed).length);
  }));

Deno.test("importOrders() gives the same books whatever the form of the file", () =>
  withBench(async (bench) => {
    const quoted = mixed.map((row) => ({ ...row, customer_name: 'Zoë,\n"two" lines' }));
    const plain = csvOf(quoted);
    await run(bench, plain);
    const expected = await contentsOf(bench.db);
    const [header, ...rest] = plain.split("\n");
    const forms: Record<string, string | Uint8Array> = {
      "byte order mark": `\ufeff${plain}`,
      CRLF: plain.replaceAll(/(?<!"Zoë,)\n/g, "\r\n"),
      "capital letters": [header!.toUpperCase(), ...rest].join("\n"),
      "no line break at the end": plain.slice(0, -1),
      "empty lines": `\n${plain.replace("\n", "\n\r\n\n")}\n\n`,
      gzip: gzipSync(plain),
    };
    for (const [form, content] of Object.entries(forms)) {
      const report = await counted(run(bench, content));
      const unchanged = { ...nothing, rows: 5, orders: 3, orders_unchanged: 3 };
      assert.deepEqual(report, unchanged, form);
      await withBench(async (other) => {
        await run(other, content);
        assert.deepEqual(await contentsOf(other.db), expected, form);
      });
    }
  }));

Deno.test("importOrders() takes columns in any order and ignores others", () =>
  withBench(async (bench) => {
    const lines = csvOf(mixed).trimEnd().split("\n").map((line) => line.split(","));
    const turned = lines.map((fields) => ["note", ...fields.reverse(), "x"].join(",")).join("\n");
    const report = await counted(run(bench, turned));
    assert.equal(report.orders_new, 3);
    assert.equal((await contentsOf(bench.db)).items!.length, 5);
  }));

Deno.test("importOrders() recognises a file that it took before and touches no stock", () =>
  withBench(async (bench) => {
    await run(bench, csvOf(mixed));
    await bench.db.run("update products set stock_qty = 3");
    const books = await contentsOf(bench.db);
    const again = await counted(run(bench, csvOf(mixed.toReversed()), { initialStock: 999 }));
    assert.deepEqual(again, { ...nothing, rows: 5, orders: 3, orders_unchanged: 3 });
    assert.deepEqual(await contentsOf(bench.db), books);
    assert.deepEqual(await publishedOrders(bench), ["A", "B", "C"]);
  }));

Deno.test("importOrders() updates pending orders, and lists changed ones that are past that as rejects", () =>
  withBench((bench) =>
    withRejects(async (path, rejects) => {
      await run(bench, csvOf(mixed));
      await bench.db.run("update orders set status = 'RESERVED' where external_order_id = 'B'");
      const changed = mixed.map((row) => ({ ...row, qty: Number(row.qty) + 1 }));
      const report = await counted(run(bench, csvOf(changed), { rejectsPath: path }));
      assert.deepEqual(report, {
        ...nothing,
        rows: 5,
        rows_rejected: 2,
        orders: 3,
        orders_updated: 2,
        orders_conflict: 1,
      });
      const books = await contentsOf(bench.db);
      assert.deepEqual(books.items, [
        "A|x|10|2|20",
        "A|y|7|4|28",
        "B|x|100|2|200",
        "B|z|100|5|500",
        "C|x|100|5|500",
      ]);
      assert.deepEqual(books.events, [
        "A|created",
        "A|updated",
        "B|created",
        "C|created",
        "C|updated",
      ]);
      assert.deepEqual((await rejects()).slice(1).map((line) => line.split(",").at(-3)), [
        "3",
        "6",
      ]);
      assert.deepEqual((await rejects()).slice(1).map(reasonOf), [
        knownAsReserved,
        knownAsReserved,
      ]);
    })
  ));

Deno.test("importOrders() refuses a row with an item and no order, and changes nothing", () =>
  withBench(async (bench) => {
    const rows: CsvOrderRow[] = [
      { external_order_id: "S00041", product_sku: "CHAIR" },
      { external_order_id: "", product_sku: "TABLE" },
      { external_order_id: "S00042", product_sku: "LAMP" },
    ];
    const head = csvOf([]);
    const rest = (line: string) => head + csvOf(rows).split("\n")[1]! + "\n" + line + "\n";
    const files = [
      csvOf(rows),
      rest(",,,,,,TABLE,,,"),
      rest(",,,,,,,,89000,"),
      rest(' ,,,,,,"",,,"1"'),
    ];
    for (const keepGoodRows of [false, true]) {
      for (const file of files) {
        await assert.rejects(() => run(bench, file, { keepGoodRows }), (error) => {
          assert.ok(error instanceof WorkflowError && error.code === "invalid");
          assert.match(error.message, /line 3: has an item but no external_order_id/);
          assert.match(
            error.message,
            /write the id on every row of an order, or remove the row; fill_down: /,
          );
          return true;
        });
      }
    }
    for (const table of Object.values(await contentsOf(bench.db))) assert.deepEqual(table, []);
    assert.deepEqual(await bench.db.query("select id from imports"), []);
  }));

Deno.test("importOrders() passes over blank rows, wherever they are and however long", () =>
  withBench(async (bench) => {
    const [head, ...lines] = csvOf(mixed).trimEnd().split("\n");
    const blank = ",,,,,,,,,";
    const content = [head, blank, lines[0], `" "${blank.slice(1)}`, ...lines.slice(1), ",,", blank];
    const report = await counted(run(bench, content.join("\r\n")));
    assert.deepEqual(report, { ...nothing, rows: 5, orders: 3, orders_new: 3, published: 3 });
  }));

Deno.test("importOrders() rejects orders that were placed more than a day ahead", () =>
  withBench((bench) =>
    withRejects(async (path, rejects) => {
      const ahead = (hours: number) => new Date(Date.now() + hours * 3_600_000).toISOString();
      const rows = [ahead(23), ahead(25), "9999-12-31T23:59:59Z"].map((time, index) => ({
        external_order_id: `t-${index}`,
        order_placed_at: time,
      }));
      const report = await run(bench, csvOf(rows), { rejectsPath: path });
      assert.deepEqual([report.orders_new, report.orders_rejected], [1, 2]);
      for (const line of (await rejects()).slice(1)) {
        assert.match(
          line,
          /order_placed_at: must not be more than a day ahead, but is ""[^"]+"""$/,
        );
      }
    })
  ));

Deno.test("importOrders() counts in a dry run what it would do, and changes nothing", () =>
  withBench((bench) =>
    withRejects(async (path, rejects) => {
      await run(bench, csvOf(mixed));
      const books = await contentsOf(bench.db);
      const [a, b] = mixed;
      const content = csvOf([...mixed.slice(2), { ...a, qty: 9 }, b!, ...faulty]);
      const report = await counted(run(bench, content, { dryRun: true, rejectsPath: path }));
      assert.deepEqual(report, {
        ...nothing,
        rows: 13,
        rows_rejected: 7,
        orders: 7,
        orders_new: 1,
        orders_updated: 1,
        orders_unchanged: 2,
        orders_rejected: 3,
        money: [
          {
            currency: "EUR",
            orders: 3,
            sum_cents: 111 + 400 + 200,
            smallest_cents: 111,
            median_cents: 200,
            largest_cents: 400,
          },
          {
            currency: "GBP",
            orders: 1,
            sum_cents: 700,
            smallest_cents: 700,
            median_cents: 700,
            largest_cents: 700,
          },
        ],
      });
      assert.deepEqual(await contentsOf(bench.db), books);
      assert.equal((await publishedOrders(bench)).length, 3);
      assert.equal((await rejects()).length, 8);
      const [imports] = await bench.db.query("select count(*) as n from imports");
      assert.equal(imports!.n, 1);
    })
  ));

const refusals: [what: string, content: string | Uint8Array, message: RegExp][] = [
  ["an empty file", "", /line 1: the header is missing/],
  [
    "a file without some columns",
    "qty,note\n1,x\n",
    /line 1: columns external_order_id, .* are missing/,
  ],
  [
    "a needed column that stands there twice",
    csvOf(mixed).replaceAll("\n", ",1\n").replace(",1\n", ",QTY\n"),
    /line 1: .*the column "qty" stands there twice/,
  ],
  [
    "Latin-1 bytes",
    Buffer.from(csvOf([...mixed, { customer_name: "Zoë" }]), "latin1"),
    /line 7: is not UTF-8.*; file\.encoding: /,
  ],
  [
    "gzip data that is cut off",
    gzipSync(csvOf(mixed)).subarray(0, 100),
    /line \d: the gzip data is damaged/,
  ],
];

Deno.test("importOrders() refuses what is no CSV of orders, names the line and changes nothing", (test) =>
  withBench(async (bench) => {
    for (const [what, content, message] of refusals) {
      await test.step(what, () =>
        withRejects(async (path) => {
          await assert.rejects(() => run(bench, content, { rejectsPath: path }), (error) => {
            assert.ok(error instanceof WorkflowError);
            assert.equal(error.code, "invalid");
            assert.match(error.message, /^Cannot import orders\.csv: line \d+: /);
            assert.match(error.message, message);
            return true;
          });
          const books = await contentsOf(bench.db);
          for (const rows of Object.values(books)) assert.deepEqual(rows, []);
          assert.deepEqual(await bench.db.query("select id from imports"), []);
          assert.equal(await bench.redis.exists(bench.keys.stream("orders", "bulk")), 0);
          await assert.rejects(() => Deno.stat(path), Deno.errors.NotFound);
        }));
    }
  }));

Deno.test("importOrders() takes a file that has only a header", () =>
  withBench(async (bench) => {
    assert.deepEqual(await counted(run(bench, csvOf([]))), nothing);
  }));

Deno.test("importOrders() publishes what an earlier run had committed and not published", () =>
  withBench(async (bench) => {
    await run(bench, csvOf(mixed.slice(0, 2)));
    const order = {
      externalOrderId: "C",
      placedAt: "2010-12-01 08:26:00.000",
      currency: "EUR",
      customer: { externalId: "1", email: "1@example.com", name: "Customer 1" },
      items: [{ sku: "x", name: "Product x", unitPriceCents: 100, qty: 4 }],
    };
    await takeOrders(bench.db, [order], {
      initialStock: 50,
      onPendingChange: "update",
      actor: "test",
    });
    const report = await counted(run(bench, csvOf(mixed)));
    assert.deepEqual([report.orders_updated, report.orders_unchanged, report.published], [2, 1, 1]);
    assert.deepEqual(await publishedOrders(bench), ["A", "B", "C"]);
  }));

Deno.test("importOrders() marks its run as failed when Redis fails, and the same run repairs it", () =>
  withBench(async (bench) => {
    const away = await openRedis(bench.context.redisUrl);
    away.disconnect();
    await withRejects(async (path) => {
      await assert.rejects(() =>
        run({ ...bench, redis: away }, csvOf(mixed), { rejectsPath: path })
      );
      await assert.rejects(() => Deno.stat(`${path}.partial`), Deno.errors.NotFound);
    });
    const [failed] = await bench.db.query("select status, error, finished_at from imports");
    assert.equal(failed!.status, "FAILED");
    assert.ok(failed!.error !== null && failed!.finished_at !== null);
    const report = await counted(run(bench, csvOf(mixed)));
    assert.equal(report.published, 3);
    assert.deepEqual(await publishedOrders(bench), ["A", "B", "C"]);
  }));

Deno.test("importOrders() writes its counts into the table of imports", () =>
  withBench(async (bench) => {
    const report = await counted(
      run(bench, csvOf([...mixed, ...faulty]), { name: "x".repeat(300) }),
    );
    const [row] = await bench.db.query("select * from imports");
    assert.deepEqual(
      [row!.status, row!.error, String(row!.source).length, row!.finished_at !== null],
      ["DONE", null, 255, true],
    );
    const { rows, ...others } = report;
    assert.equal(row!.row_count, rows);
    for (const [name, value] of Object.entries(others)) assert.equal(row![name], value, name);
  }));

Deno.test("importOrders() gives the same books when the same file is imported several times at once", () =>
  withBench(async (bench) => {
    const rows = manyRows(300);
    const limits = { batch: { orders: 20, items: 100, rows: 200 } };
    const reports = await Promise.all(
      [rows, rows.toReversed(), rows].map((part) => run(bench, csvOf(part), { limits })),
    );
    const sum = (name: "orders_new" | "orders_unchanged" | "published") =>
      reports.reduce((total, one) => total + one[name], 0);
    assert.equal(sum("orders_new"), 300);
    assert.equal(sum("orders_unchanged"), 600);
    assert.equal(sum("published"), 300);
    const books = await contentsOf(bench.db);
    await withBench(async (other) => {
      await run(other, csvOf(rows));
      assert.deepEqual(books, await contentsOf(other.db));
    });
  }));

Deno.test("importOrders() gives the same books for any order of the rows, in memory and on disk", async () => {
  const rows = manyRows(60);
  let expected: Awaited<ReturnType<typeof contentsOf>> | undefined;
  const shuffled = fc.shuffledSubarray(rows, { minLength: rows.length });
  const file = fc.constantFrom(
    undefined,
    {
      spool: 1_000,
      store: { file: 2_000, partition: 100_000, block: 300 },
      orderRows: 3,
    },
    {
      spool: 100_000,
      store: { file: 100, partition: 1_500, block: 100 },
      orderRows: 100,
    },
  );
  const batch = fc.constantFrom(undefined, { orders: 7, items: 30, rows: 50 });
  const catalogEntries = fc.constantFrom(undefined, 20, 60);
  await withBench((bench) =>
    run(bench, csvOf(rows)).then(async () => {
      expected = await contentsOf(bench.db);
    })
  );
  await fc.assert(
    fc.asyncProperty(
      shuffled,
      file,
      batch,
      catalogEntries,
      (own, file, batch, catalogEntries) =>
        withBench(async (bench) => {
          const report = await run(bench, csvOf(own), { limits: { file, batch, catalogEntries } });
          assert.equal(report.orders_new, 60);
          assert.equal(report.published, 60);
          assert.deepEqual(await contentsOf(bench.db), expected);
        }),
    ),
    { numRuns: 8 },
  );
});

for (const scattered of ["all", "few"]) {
  Deno.test(`importOrders() needs no more memory for a file with ${scattered} orders scattered that is larger than what it is given`, () =>
    withBench(async ({ context }) => {
      const rows = 600_000;
      const { code, stdout } = await new Deno.Command(Deno.execPath(), {
        args: [
          "run",
          "--quiet",
          "--allow-all",
          `--v8-flags=--max-old-space-size=${heapMb}`,
          new URL("../../import_stream.ts", import.meta.url).href,
          context.databaseUrl,
          context.redisUrl,
          context.redisPrefix,
          String(rows),
          scattered,
        ],
        stderr: "inherit",
      }).output();
      assert.equal(code, 0);
      const { report, bytes, peakRssBytes } = JSON.parse(new TextDecoder().decode(stdout));
      assert.deepEqual([report.rows, report.orders_new], [rows, rows / 3]);
      assert.ok(bytes > heapMb * 1024 * 1024 * 0.75, `the file has only ${bytes} bytes`);
      assert.ok(peakRssBytes < 400 * 1024 * 1024, `${peakRssBytes} bytes were resident`);
    }));
}

Deno.test("importOrders() finds in a month of real orders what an independent program found", () =>
  withBench((bench) =>
    withRejects(async (path, rejects) => {
      const samples = new URL("../../../tools/samples/", import.meta.url);
      const expected = JSON.parse(
        await Deno.readTextFile(new URL("online-retail-2010-12.expected.json", samples)),
      );
      const content = await Deno.readFile(new URL("online-retail-2010-12.csv.gz", samples));
      const report = await run(bench, content, { initialStock: 1_000_000, rejectsPath: path });
      assert.deepEqual(
        [
          report.rows,
          report.rows_rejected,
          report.orders,
          report.orders_new,
          report.orders_rejected,
        ],
        [
          expected.rows,
          expected.rows_bad,
          expected.orders,
          expected.orders_accepted,
          expected.orders_rejected,
        ],
      );
      const lines = (await rejects()).slice(1);
      for (const [column, count] of Object.entries(expected.bad_by_column)) {
        const named = lines.filter((line) => new RegExp(`[,; "]${column}: `).test(line));
        assert.equal(named.length, count, column);
      }
      const figures = async (sql: string) =>
        Object.values((await bench.db.query(sql))[0]!).map(Number);
      assert.deepEqual(
        await figures(
          `select (select count(*) from customers), (select count(*) from products),
             (select count(*) from order_items), (select sum(qty) from order_items),
             (select sum(total_cents) from orders), (select max(total_cents) from orders),
             (select count(*) from orders where total_cents = 0)`,
        ),
        [
          expected.customers,
          expected.products,
          expected.rows_in_accepted_orders,
          expected.units,
          expected.total_cents,
          expected.largest_order_cents,
          expected.zero_total_orders,
        ],
      );
    })
  ));

Deno.test("importOrders() lets the file of another shop that has the same ids change nothing", () =>
  withBench(async (bench) => {
    const header = "external_order_id,order_placed_at,currency,customer_id,customer_email," +
      "customer_name,product_sku,product_name,unit_price_cents,qty\n";
    const own = "#1001,2026-01-05 10:00:00,EUR,c1,ann@example.com,Ann,MUG,Mug,1250,1\n";
    // The same item once more: nothing is taken away.
    const other = "#1001,2026-02-07 11:00:00,EUR,c9,bob@example.com,Bob,MUG,Mug,1250,2\n";
    await run(bench, header + own);
    const report = await run(bench, header + other);
    assert.equal(report.orders_conflict, 1);
    assert.equal(report.orders_updated, 0);
    assert.equal((await run(bench, header + other, { replace: true })).orders_updated, 1);
  }));
