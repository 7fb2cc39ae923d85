import assert from "node:assert/strict";
import type { ImportProfile } from "../../../domain/import/profile/profile.ts";
import { isMarked, previewText } from "../../../commands/import_preview.ts";
import { type Database, openDatabase } from "../../../db/connection/database.ts";
import { silentLog } from "../../../domain/operation/log.ts";
import { importOrders } from "../../../streams/imports/orders_import.ts";
import { amazon } from "../../../domain/import/profile/shipped/amazon.ts";
import { shopify } from "../../../domain/import/profile/shipped/shopify.ts";
import { previewOrders } from "../../../streams/imports/preview.ts";
import { keysFor } from "../../../streams/redis/keys.ts";
import { openRedis, type RedisClient } from "../../../streams/redis/redis.ts";
import { csvOf, type CsvOrderRow, manyRows, sourceOf } from "../../csv_orders.ts";
import { migrateTest } from "../../migrated.ts";
import { testContext } from "../../support.ts";

interface Bench {
  db: Database;
  redis: RedisClient;
  prefix: string;
}

async function withBench(work: (bench: Bench) => Promise<void>): Promise<void> {
  const context = await testContext("preview");
  await migrateTest(context.databaseUrl);
  const db = await openDatabase(context.databaseUrl);
  const redis = await openRedis(context.redisUrl);
  try {
    await work({ db, redis, prefix: context.redisPrefix });
  } finally {
    redis.disconnect();
    await db.close();
    await context.close();
  }
}

const depsOf = ({ db, redis, prefix }: Bench) => ({
  db,
  redis,
  keys: keysFor(prefix, "EUR"),
  log: silentLog,
});

function preview(bench: Bench, content: string | Uint8Array, initialStock = 50) {
  return previewOrders(depsOf(bench), sourceOf(content), { name: "orders.csv", initialStock });
}

function take(bench: Bench, content: string | Uint8Array, initialStock = 50) {
  return importOrders(depsOf(bench), sourceOf(content), { name: "orders.csv", initialStock });
}

/** Every row of every table, with the counters from which ids are given. */
async function dump({ db }: Bench): Promise<Record<string, unknown>> {
  const tables = await db.query(
    "select table_name as name, auto_increment as next from information_schema.tables " +
      "where table_schema = database() and table_type = 'BASE TABLE' order by table_name",
  );
  const rows: Record<string, unknown> = {};
  for (const { name, next } of tables) {
    rows[String(name)] = [next, await db.query(`select * from \`${name}\` order by 1, 2`)];
  }
  return rows;
}

const priced = (
  external_order_id: string,
  unit_price_cents: number,
  more: CsvOrderRow = {},
): CsvOrderRow => ({ external_order_id, unit_price_cents, qty: 1, ...more });

Deno.test("previewOrders() shows the first orders and the largest of each currency as they would be booked", () =>
  withBench(async (bench) => {
    const shown = await preview(
      bench,
      csvOf([
        priced("A", 1_200, {
          qty: 2,
          product_sku: "MUG",
          shipping_cents: 490,
          discount_cents: 240,
        }),
        priced("A", 3_000, { product_sku: "POT", shipping_cents: 490, discount_cents: 240 }),
        priced("B", 500, {
          payment_status: "paid",
          payment_provider: "paypal",
          payment_reference: "P-1",
        }),
        priced("C", 700),
        priced("D", 99_000),
        priced("E", 2_500, { currency: "JPY" }),
      ]),
    );
    assert.deepEqual(shown.first_orders.map(({ external_order_id }) => external_order_id), [
      "A",
      "B",
      "C",
    ]);
    assert.deepEqual(shown.first_orders[0], {
      external_order_id: "A",
      line: 2,
      placed_at: "2010-12-01T08:26:00.000Z",
      currency: "EUR",
      customer: {
        external_id: "customer",
        email: "customer@example.com",
        name: "Customer customer",
        guest: false,
      },
      items: [
        { sku: "MUG", name: "Product MUG", unit_price_cents: 1_200, qty: 2 },
        { sku: "POT", name: "Product POT", unit_price_cents: 3_000, qty: 1 },
      ],
      item_count: 2,
      adjustments: [
        { kind: "shipping", label: null, amount_cents: 490, included: false },
        { kind: "discount", label: null, amount_cents: -240, included: false },
      ],
      payment: "due",
      total_cents: 5_650,
      outcome: "new",
    });
    assert.deepEqual(
      shown.largest_orders.map(({ currency, external_order_id, line }) => [
        currency,
        external_order_id,
        line,
      ]),
      [["EUR", "D", 6], ["JPY", "E", 7]],
    );
    assert.deepEqual(shown.money[0], {
      currency: "EUR",
      orders: 4,
      sum_cents: 105_850,
      smallest_cents: 500,
      median_cents: 3_175,
      largest_cents: 99_000,
    });
    assert.deepEqual(shown.payments, [
      {
        currency: "EUR",
        charged: { orders: 3, sum_cents: 105_350 },
        recorded_as_paid: { orders: 1, sum_cents: 500 },
        free: 0,
      },
      {
        currency: "JPY",
        charged: { orders: 1, sum_cents: 2_500 },
        recorded_as_paid: { orders: 0, sum_cents: 0 },
        free: 0,
      },
    ]);
  }));

Deno.test("previewOrders() tells how the totals of the file agree, and the largest difference", () =>
  withBench(async (bench) => {
    const { totals, counts, reasons } = await preview(
      bench,
      csvOf([
        priced("A", 100, { order_total_cents: 100 }),
        priced("B", 100, { order_total_cents: 90 }),
        priced("C", 100, { order_total_cents: 500 }),
        priced("D", 100),
      ]),
    );
    assert.deepEqual(totals, {
      named: 3,
      agree: 1,
      largest_difference: { external_order_id: "C", currency: "EUR", difference_cents: -400 },
    });
    assert.deepEqual([counts.orders, counts.orders_new, counts.orders_rejected], [4, 2, 2]);
    assert.equal(reasons[0]!.rows, 2);
  }));

Deno.test("previewOrders() counts orders that are of another customer, and the terminal says so in bold", () =>
  withBench(async (bench) => {
    const numbers = Array.from({ length: 12 }, (_, at) => `#${1001 + at}`);
    const fileOf = (shop: string, hour: number) =>
      csvOf(numbers.map((external_order_id, at) =>
        priced(external_order_id, 100 + hour, {
          customer_id: `${shop}-${at}`,
          customer_name: `${shop} ${at}`,
          customer_email: `${shop}-${at}@example.com`,
          order_placed_at: `2026-01-05 ${hour}:00:00`,
        })
      ));
    await take(bench, fileOf("north", 10));
    const shown = await preview(bench, fileOf("south", 12));
    assert.deepEqual([shown.conflicts.orders, shown.conflicts.of_other_customers], [12, 12]);
    const marked = previewText(shown).split("\n").filter(isMarked);
    assert.equal(marked.length, 1);
    assert.match(
      marked[0]!,
      /12 orders are of another customer here: two shops\? .*order_id_prefix/,
    );
  }));

Deno.test("previewOrders() tells what is known, what changes from what to what, and what can't", () =>
  withBench(async (bench) => {
    const order = (external_order_id: string, qty: number, more: CsvOrderRow = {}) =>
      priced(external_order_id, 100, { qty, customer_id: external_order_id, ...more });
    await take(bench, csvOf([order("same", 1), order("more", 1), order("less", 5)]));
    const { counts, changed, conflicts, money } = await preview(
      bench,
      csvOf([order("same", 1), order("more", 3), order("less", 2), order("new", 1)]),
    );
    assert.deepEqual(
      [counts.orders_new, counts.orders_unchanged, counts.orders_updated, counts.orders_conflict],
      [1, 1, 1, 1],
    );
    const both = { currency: "EUR", recipient: "Customer more", email: "more@example.com" };
    assert.deepEqual(changed, {
      orders: 1,
      examples: [{
        external_order_id: "more",
        before: { ...both, total_cents: 100, units: 1, payment: "due" },
        after: { ...both, total_cents: 300, units: 3, payment: "due" },
      }],
    });
    assert.equal(conflicts.orders, 1);
    assert.deepEqual(
      conflicts.examples.map(({ external_order_id, status }) => [external_order_id, status]),
      [["less", "PENDING"]],
    );
    assert.match(conflicts.examples[0]!.reason, /items that are missing or other here/);
    assert.equal(money[0]!.orders, 3);
  }));

Deno.test("previewOrders() names customers who would be reached elsewhere, by later orders alone", () =>
  withBench(async (bench) => {
    const order = (id: string, customer_id: string, customer_email: string, year: number) =>
      priced(id, 100, { customer_id, customer_email, order_placed_at: `${year}-01-01 00:00:00` });
    await take(
      bench,
      csvOf([order("1", "ann", "a@x.example", 2012), order("2", "bob", "b@x.example", 2012)]),
    );
    const { addresses } = await preview(
      bench,
      csvOf([
        order("3", "ann", "new@x.example", 2013),
        order("4", "ann", "new@x.example", 2014),
        order("5", "bob", "old@x.example", 2011),
        order("6", "cid", "c@x.example", 2013),
      ]),
    );
    assert.deepEqual(addresses, {
      customers: 1,
      examples: [{
        external_id: "ann",
        before: "a@x.example",
        after: "new@x.example",
        external_order_id: "3",
      }],
    });
  }));

Deno.test("previewOrders() asks the database for no customer whose address can't be told to change", () =>
  withBench(async (bench) => {
    const asked: string[] = [];
    const db = new Proxy(bench.db, {
      get(target, name, receiver) {
        const value = Reflect.get(target, name, receiver);
        if (name !== "query") return typeof value === "function" ? value.bind(target) : value;
        return (sql: string, values?: unknown[]) => {
          if (sql.includes("described_by from customers")) asked.push(JSON.stringify(values));
          return target.query(sql, values as never);
        };
      },
    });
    const rows = [
      { external_order_id: "A", customer_id: "", customer_email: "a@shop.example" },
      { external_order_id: "B", customer_id: "known-shop-id", customer_email: "b@shop.example" },
    ];
    await preview({ ...bench, db }, csvOf(rows));
    assert.deepEqual(asked, ['[["known-shop-id"]]']);
  }));

Deno.test("previewOrders() names rows that stand twice, however far apart, and what would run short", () =>
  withBench(async (bench) => {
    await take(bench, csvOf([priced("0", 100, { product_sku: "known" })]), 3);
    const rows = [
      priced("A", 100, { product_sku: "known", qty: 2 }),
      priced("A", 100, { product_sku: "other", qty: 1 }),
      priced("B", 100, { product_sku: "known", qty: 4 }),
      priced("C", 100, { product_sku: "plenty", qty: 10 }),
      priced("C", 100, { product_sku: "plenty", qty: 10, product_name: "Said otherwise" }),
      priced("A", 100, { product_sku: "other", qty: 1 }),
    ];
    const { repeated, shortages } = await preview(bench, csvOf(rows));
    assert.deepEqual(repeated, {
      rows: 1,
      orders: 1,
      examples: [{ external_order_id: "A", lines: [3, 7] }],
    });
    assert.deepEqual(shortages, {
      products: 1,
      complete: true,
      examples: [{ sku: "known", wanted: 6, available: 3 }],
    });
    const few = await preview(bench, csvOf(rows), 19);
    assert.deepEqual(few.shortages.examples.map(({ sku, wanted }) => [sku, wanted]), [
      ["known", 6],
      ["plenty", 20],
    ]);
  }));

Deno.test("previewOrders() writes nothing: a dump of the database is the same before and after", () =>
  withBench(async (bench) => {
    await take(bench, csvOf(manyRows(20)));
    const before = await dump(bench);
    const rows = manyRows(60).map((row, index) => index % 9 === 0 ? { ...row, qty: 99 } : row);
    const shown = await preview(bench, csvOf([...rows, priced("bad", -1)]));
    assert.ok(shown.counts.orders_new > 0 && shown.counts.orders_updated > 0);
    assert.deepEqual(await dump(bench), before);
  }));

Deno.test("previewOrders() ends with a plan that follows the file's bytes, and an import holds the file to it", () =>
  withBench(async (bench) => {
    const one = csvOf(manyRows(3));
    const { plan } = await preview(bench, one);
    assert.match(plan!, /^[0-9a-f]{64}$/);
    assert.equal((await preview(bench, one)).plan, plan);
    const other = one.replace("order-0", "order-X");
    assert.notEqual((await preview(bench, other)).plan, plan);
    const byPlan = (content: string) =>
      importOrders(depsOf(bench), sourceOf(content), {
        name: "orders.csv",
        initialStock: 50,
        plan: plan!,
      });
    await assert.rejects(
      () => byPlan(other),
      /Cannot import orders\.csv: the plan is not the plan of this file as it is read now/,
    );
    const [none] = await bench.db.query("select count(*) as orders from orders");
    assert.equal(Number(none!.orders), 0);
    assert.equal((await byPlan(one)).orders_new, 3);
    const [row] = await bench.db.query("select profile, plan from imports");
    assert.deepEqual({ ...row }, { profile: null, plan });
  }));

Deno.test("previewOrders() lists the columns with values, and what is not used and looks as though it mattered", () =>
  withBench(async (bench) => {
    const [head, ...lines] = csvOf([priced("A", 100), priced("B", 200)]).trimEnd().split("\n");
    const more = [`${head},refunded_amount,note`, ...lines.map((line, at) => `${line},${at},n`)];
    const { columns } = await preview(bench, `${more.join("\n")}\n`);
    assert.deepEqual(columns.used[0], {
      name: "external_order_id",
      samples: ["A", "B"],
      fills: ["external_order_id"],
    });
    assert.deepEqual(columns.unused, [
      { name: "refunded_amount", samples: ["0", "1"], looks_like: "refund" },
      { name: "note", samples: ["n"], looks_like: null },
    ]);
  }));

Deno.test("an import in the own columns is held against a total that it makes no use of", () =>
  withBench(async (bench) => {
    const rows = [priced("A", 100), priced("B", 200)];
    const withTotals = (name: string, totals: readonly (string | number)[], bom = "") => {
      const [head, ...lines] = csvOf(rows).trimEnd().split("\n");
      const more = lines.map((line, at) => `${line},${totals[at]}`);
      return `${bom}${[`${head},${name}`, ...more].join("\n")}\n`;
    };
    for (const name of ["Order Total", "Gesamtbetrag", "line total"]) {
      for (const bom of ["", "\ufeff"]) {
        const contradicting = withTotals(name, [100, 205], bom);
        await assert.rejects(take(bench, contradicting), /1 of 2 orders would be booked otherwise/);
        const { unused_totals: [told], plan } = await preview(bench, contradicting);
        assert.deepEqual([told!.column, told!.named, told!.agree], [name, 2, 1]);
        assert.match(plan!, /^[0-9a-f]{64}$/);
      }
      assert.equal((await take(bench, withTotals(name, [100, 200]))).orders_conflict, 0, name);
      // What says nothing contradicts nothing.
      assert.equal((await take(bench, withTotals(name, ["", ""]))).orders_unchanged, 2, name);
    }
  }));

Deno.test("an import with nobody there takes no column of money that its profile says nothing of for nothing", () =>
  withBench(async (bench) => {
    const till: ImportProfile = {
      version: 1,
      name: "till",
      columns: {
        external_order_id: ["Id"],
        order_placed_at: ["When"],
        customer_name: ["Who"],
        product_sku: ["Sku"],
        product_name: ["Item"],
        price: ["Price"],
        qty: ["Qty"],
      },
      constants: { currency: "EUR" },
    };
    const fileOf = (id: string, rabatt: string) =>
      sourceOf(
        "Id,When,Who,Sku,Item,Price,Qty,Rabatt,Summe\n" +
          `${id},2026-01-05T10:00:00Z,Ann,S,Mug,12.50,2,${rabatt},23.00`,
      );
    const deps = depsOf(bench);
    const options = { name: "till.csv", initialStock: 50, yes: true };
    const ignoring = { ...till, ignore: ["Summe"] };
    await assert.rejects(
      importOrders(deps, fileOf("A-1", "2.00"), { ...options, profile: ignoring }),
      {
        code: "invalid",
        message: /column Rabatt \(2\.00\) looks like discount, the profile till says nothing of it/,
      },
    );
    // Without amounts it says nothing, and with the total every order is held to it.
    const none = await importOrders(deps, fileOf("A-2", "0.00"), { ...options, profile: ignoring });
    assert.equal(none.orders_new, 1);
    const total: ImportProfile = { ...till, columns: { ...till.columns, order_total: ["Summe"] } };
    const held = await importOrders(deps, fileOf("A-3", "2.00"), { ...options, profile: total });
    assert.deepEqual([held.orders_new, held.orders_rejected], [0, 1]);
  }));

Deno.test("an import with nobody there takes no new column of money of an export without totals for nothing", () =>
  withBench(async (bench) => {
    const amazonFile = (id: string, [name, value]: [string, string]) =>
      sourceOf(
        "order-id\torder-item-id\tpurchase-date\tpayments-date\tbuyer-email\tbuyer-name\tsku\tproduct-name\t" +
          `quantity-purchased\tcurrency\titem-price\titem-tax\tshipping-price\tshipping-tax\t${name}\n` +
          `${id}\t${id}1\t2026-05-20T10:00:00+00:00\t2026-05-20T10:00:00+00:00\ta@x.example\tAnn\tS\tMug\t1\tEUR\t` +
          `12.00\t1.92\t4.90\t0.78\t${value}\n`,
      );
    const options = { name: "amazon.txt", initialStock: 50, yes: true };
    const take = (id: string, column: [string, string], profile = amazon) =>
      importOrders(depsOf(bench), amazonFile(id, column), { ...options, profile });
    for (const column of [["cod-fee", "3.30"], ["gift-wrap-price (EUR)", "2.00"]] as const) {
      await assert.rejects(
        take("302-1", [...column]),
        (error: Error) => error.message.includes(`column ${column[0]} (${column[1]}) looks like`),
      );
    }
    assert.equal((await take("302-2", ["cod-fee", "0.00"])).orders_new, 1);
    const known = { ...amazon, ignore: ["cod-fee"] };
    assert.equal((await take("302-3", ["cod-fee", "3.30"], known)).orders_new, 1);
  }));

Deno.test("previewOrders() and the import pass over no order that is over at its source and would be charged here", () =>
  withBench(async (bench) => {
    const fileOf = (status: string, ids = ["#1", "#2", "#3"]) =>
      sourceOf([
        "Name,Email,Financial Status,Currency,Total,Created at,Lineitem quantity,Lineitem name,Lineitem price,Billing Name",
        ...ids.map((id) =>
          `${id},a@x.example,${status},EUR,24.00,2026-01-05T10:00:00Z,2,Mug,12.00,Ann`
        ),
      ].join("\n"));
    const options = { name: "shop.csv", initialStock: 50, profile: shopify, yes: true };
    const deps = depsOf(bench);
    await importOrders(deps, fileOf("pending"), options);
    await bench.db.query("update orders set status = 'RESERVED' where external_order_id = '#2'");
    await bench.db.query(
      "update orders set status = 'CANCELLED', settled_time = now(6) where external_order_id = '#3'",
    );

    const later = ["#1", "#2", "#3", "#4"];
    const reason = (status: string) =>
      'the order is not to be charged by its source (Financial Status is "refunded") and is still ' +
      `${status} here: cancel it here`;
    const shown = await previewOrders(deps, fileOf("refunded", later), options);
    assert.deepEqual(shown.conflicts, {
      orders: 2,
      of_other_customers: 0,
      examples: [
        { external_order_id: "#1", status: "PENDING", reason: reason("PENDING") },
        { external_order_id: "#2", status: "RESERVED", reason: reason("RESERVED") },
      ],
    });
    assert.deepEqual(shown.skipped, [{ why: 'Financial Status is "refunded"', orders: 2 }]);

    const own = { ...options, actor: "api:shop", seesOthers: false };
    await importOrders(deps, fileOf("pending", ["#5"]), own);
    const others = await previewOrders(deps, fileOf("refunded", [...later, "#5"]), own);
    assert.deepEqual(others.conflicts.examples, [
      { external_order_id: "#5", status: "PENDING", reason: reason("PENDING") },
    ]);

    const rejected: string[] = [];
    const report = await importOrders(deps, fileOf("refunded", later), {
      ...options,
      onRejected: (rows) => rejected.push(...rows.map(({ reason }) => reason)),
    });
    assert.deepEqual(rejected, [reason("PENDING"), reason("RESERVED")]);
    const { orders, orders_conflict, orders_skipped } = report;
    assert.deepEqual([orders, orders_conflict, orders_skipped], [2, 2, 2]);
  }));

Deno.test("previewOrders() tells of a known order that would be recorded as paid instead of charged", () =>
  withBench(async (bench) => {
    const order = (more: CsvOrderRow) => csvOf([priced("A", 100, more)]);
    await take(bench, order({ payment_status: "due" }));
    const paid = { payment_status: "paid", payment_provider: "shop", payment_reference: "P1" };
    const before = await preview(bench, order(paid));
    const sides = ({ changed }: typeof before) =>
      changed.examples.map(({ before, after }) => [before.payment, after.payment]);
    assert.deepEqual(sides(before), [["due", "paid"]]);
    assert.ok(
      previewText(before).split("\n").some((line) =>
        isMarked(line) && /A: .*, is charged → .*, is recorded as paid/.test(line)
      ),
    );
  }));
