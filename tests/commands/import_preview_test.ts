import assert from "node:assert/strict";
import { openDatabase } from "../../db/connection/database.ts";
import { migrateTest } from "../migrated.ts";
import { type TestContext, testContext } from "../support.ts";
import { csvOf } from "../csv_orders.ts";
import { typedTask } from "../typed_task.ts";

const root = new URL("../../", import.meta.url);

let context: TestContext;
let folder: string;

Deno.test.beforeAll(async () => {
  context = await testContext("import_preview");
  await migrateTest(context.databaseUrl);
  folder = await Deno.makeTempDir();
});
Deno.test.afterAll(async () => {
  await Deno.remove(folder, { recursive: true });
  await context.close();
});

async function run(...args: string[]) {
  const { code, stdout, stderr } = await new Deno.Command(Deno.execPath(), {
    args: typedTask("import", ...args),
    cwd: root,
    env: {
      DATABASE_URL: context.databaseUrl,
      REDIS_URL: context.redisUrl,
      REDIS_PREFIX: context.redisPrefix,
      LOG_LEVEL: "error",
    },
  }).output();
  const text = (bytes: Uint8Array) => new TextDecoder().decode(bytes).trimEnd();
  return { code, out: text(stdout), err: text(stderr) };
}

async function countOrders(): Promise<number> {
  const db = await openDatabase(context.databaseUrl);
  try {
    const [row] = await db.query("select count(*) as orders from orders");
    return Number(row!.orders);
  } finally {
    await db.close();
  }
}

/** An export as Shopify makes it: order columns on the first row alone, decimals, statuses. */
const shopify =
  `Name,Email,Financial Status,Paid at,Currency,Subtotal,Shipping,Taxes,Total,Discount Amount,\
Lineitem quantity,Lineitem name,Lineitem price,Lineitem sku,Created at,Billing Name,Payment Reference
#2001,mara@shop.example,paid,2026-01-05 10:22:31 -0500,EUR,54.00,4.90,0.00,53.50,5.40,2,Mug blue,12.00,MUG-B,2026-01-05 10:22:31 -0500,Mara Lind,pay-1
#2001,mara@shop.example,,,,,,,,,1,Teapot,30.00,POT-1,2026-01-05 10:22:31 -0500,,
#2002,otto@shop.example,refunded,2026-01-05 11:00:00 -0500,EUR,18.00,0.00,0.00,18.00,0.00,1,Saucer set,18.00,SAU-4,2026-01-05 11:00:00 -0500,Otto Berg,pay-2
`;

Deno.test("import refuses a file that needs a profile, says what it looks like and what to type", async () => {
  const path = `${folder}/shop.csv`;
  await Deno.writeTextFile(path, shopify);
  const { code, err } = await run(path);
  assert.equal(code, 1);
  assert.match(err, /it looks like a file of the profile shopify/);
  assert.match(err, /--preview.*--plan=HASH.*--profile=shopify --yes/);
  assert.equal(await countOrders(), 0);
});

Deno.test("import shows a preview for people, as JSON, and takes the file by its plan alone", async () => {
  const path = `${folder}/shop.csv`;
  await Deno.writeTextFile(path, shopify);
  const shown = await run(path, "--preview");
  assert.equal(shown.code, 0, shown.err);
  assert.match(shown.out, /^Preview of .*shop\.csv, nothing was changed: 3 rows, utf-8/);
  assert.match(shown.out, /\nProfile: shopify, by its columns /);
  assert.match(shown.out, /\n {4}2 × €12\.00 = €24\.00 {2}MUG-B {2}Mug blue\n/);
  assert.match(shown.out, /\n {4}€53\.50 is recorded as paid\n/);
  assert.match(shown.out, /\n1 order is skipped: .*refunded/);
  assert.match(shown.out, /\n1 of 1 total of the file agrees/);
  const plan = /\nPlan: ([0-9a-f]{64})\n/.exec(shown.out)![1]!;

  const json = JSON.parse((await run(path, "--preview", "--json")).out.split("\n").at(-1)!);
  assert.equal(json.plan, plan);
  assert.equal(json.profile.name, "shopify");
  assert.equal(json.profile.settings.money.in, "by_decimals");
  assert.equal(json.counts.orders_skipped, 1);
  assert.equal(await countOrders(), 0);

  const wrong = await run(path, `--plan=${"0".repeat(64)}`);
  assert.equal(wrong.code, 1);
  assert.match(wrong.err, /is not the plan of this file as it is read now/);
  const taken = await run(path, `--plan=${plan}`, "--json");
  assert.equal(taken.code, 0, taken.err);
  const report = JSON.parse(taken.out);
  assert.deepEqual([report.orders_new, report.orders_skipped], [1, 1]);
});

Deno.test("import takes no file by the plan of a preview with other options, and the preview says with which", async () => {
  const path = `${folder}/options.csv`;
  const rows = csvOf([{ external_order_id: "op-1" }, { external_order_id: "op-1", qty: "many" }]);
  await Deno.writeTextFile(path, rows);
  const before = await countOrders();
  const planOf = (out: string) => /^Plan: (\w+)$/m.exec(out)![1]!;
  const whole = await run(path, "--preview");
  const kept = await run(path, "--preview", "--keep-good-rows", "--initial-stock=7");
  assert.match(kept.out, / --keep-good-rows --initial-stock=7 --plan=\w+$/);
  for (
    const args of [["--keep-good-rows", `--plan=${planOf(whole.out)}`], [
      `--plan=${planOf(kept.out)}`,
    ]]
  ) {
    const { code, err } = await run(path, ...args);
    assert.equal(code, 1);
    assert.match(err, /the file, its profile or an option was changed, preview it again/);
  }
  assert.equal((await run(path, "--replace", `--plan=${planOf(whole.out)}`)).code, 1);
  assert.equal(await countOrders(), before);
  assert.equal((await run(path, "--keep-good-rows", `--plan=${planOf(kept.out)}`)).code, 0);
  assert.equal(await countOrders(), before + 1);
});

Deno.test("import takes a file by a pinned profile and --yes, and saves what it detected only where nothing is", async () => {
  const path = `${folder}/pinned.csv`;
  const mine = `${folder}/mine.json`;
  await Deno.writeTextFile(path, shopify.replaceAll("#200", "#300").replaceAll("pay-", "pin-"));
  assert.equal((await run(path, "--preview", `--save-profile=${mine}`)).code, 0);
  const saved = JSON.parse(await Deno.readTextFile(mine));
  assert.deepEqual([saved.name, saved.fill_down, saved.money.decimal], ["shopify", "order", "."]);
  assert.deepEqual(saved.file, { encoding: "utf-8", delimiter: "," });
  const again = await run(path, "--preview", `--save-profile=${mine}`);
  assert.equal(again.code, 1);
  assert.match(again.err, /it is there already/);
  const byFile = await run(path, `--profile=${mine}`);
  assert.equal(byFile.code, 1);
  assert.match(byFile.err, /with the plan that ends its preview/);
  const taken = await run(path, `--profile=${mine}`, "--yes", "--json");
  assert.equal(taken.code, 0, taken.err);
  assert.equal(JSON.parse(taken.out).orders_new, 1);
});

Deno.test("import refuses options that contradict each other and profiles that are not there", async () => {
  const path = `${folder}/plain.csv`;
  await Deno.writeTextFile(path, csvOf([{ external_order_id: "plain" }]));
  for (
    const [args, why] of [
      [["--yes"], /--yes needs --profile/],
      [["--save-profile=x.json"], /--save-profile needs --preview/],
      [["--preview", "--dry-run"], /--dry-run has no meaning with --preview/],
      [["--preview", "--rejects=x.csv"], /--rejects has no meaning with --preview/],
      [["--plan=12"], /--plan must be the 64 digits/],
      [["--profile=shopfy"], /There is no profile "shopfy".*did you mean shopify\?/],
      [["--profile=none.json"], /--profile=none\.json: there is no such file/],
    ] as const
  ) {
    const { code, err } = await run(path, ...args);
    assert.equal(code, 2, args.join(" "));
    assert.match(err, why);
  }
});

Deno.test("import names reasons with a line, the value there, and how many are like it", async () => {
  const path = `${folder}/reasons.csv`;
  await Deno.writeTextFile(
    path,
    csvOf([
      { external_order_id: "good" },
      { external_order_id: "bad-1", qty: 0 },
      { external_order_id: "bad-2", qty: -3 },
      { external_order_id: "bad-3", unit_price_cents: "12.50" },
    ]),
  );
  const { out, code } = await run(path, "--dry-run");
  assert.equal(code, 0);
  assert.match(
    out,
    /\n3 rows are rejects, for these reasons:\n {2}2 × qty: must be an integer 1…1000000, not "0" \(line 3, 1 more like it\)\n {2}1 × unit_price_cents: 12\.50: write 1250, minor units \(line 5\)\n/,
  );
});

Deno.test("import offers no import of a file of which nothing would be taken, and says how amounts in units are read", async () => {
  const path = `${folder}/units.csv`;
  await Deno.writeTextFile(
    path,
    csvOf([{ external_order_id: "un-1", unit_price_cents: "12.50" }, {
      external_order_id: "un-2",
      unit_price_cents: "3.25",
    }]),
  );
  const { code, out } = await run(path, "--preview");
  assert.equal(code, 1);
  assert.match(out, /\nPlan: \w+\nNothing of the file would be taken: mend it first\.$/);
  assert.doesNotMatch(out, /To import exactly this/);
  assert.match(out, /12\.50: write 1250, minor units/);
  assert.match(out, /is read by --profile=native: see --preview --profile=native/);
  const read = await run(path, "--preview", "--profile=native");
  assert.equal(read.code, 0, read.out + read.err);
  assert.match(read.out, /amounts are in units of the currency/);
});

const tillHead = "order,at,who,sku,qty,price,paid sum,Order Amount";
const till = {
  version: 1,
  name: "till",
  columns: {
    external_order_id: ["order"],
    order_placed_at: ["at"],
    customer_name: ["who"],
    product_sku: ["sku"],
    product_name: ["sku"],
    price: ["price"],
    qty: ["qty"],
  },
  constants: { currency: "EUR" },
  money: { in: "units", decimal: ".", price_per: "unit" },
};

Deno.test("import tells an unused total that contradicts what is booked, and does not take it by --yes", async () => {
  const path = `${folder}/totals.csv`, profile = `${folder}/totals.json`;
  const at = "2026-01-05 10:00:00Z";
  await Deno.writeTextFile(
    path,
    `${tillHead}\nT-1,${at},Ann,MUG,3,30.00,90.00,30.00\nT-2,${at},Ann,MUG,1,5.00,5.00,5.00\n`,
  );
  const columns = { ...till.columns, order_total: ["paid sum"] };
  await Deno.writeTextFile(profile, JSON.stringify({ ...till, columns }));
  const before = await countOrders();
  const { err, code } = await run(path, `--profile=${profile}`, "--yes");
  assert.equal(code, 1);
  assert.match(
    err,
    /column Order Amount looks like a total .* 1 of 2 orders .* 60\.00 EUR, of T-1/,
  );
  assert.equal(await countOrders(), before);
  const shown = await run(path, `--profile=${profile}`, "--preview");
  assert.match(
    shown.out,
    /! Order Amount is not used, and 1 of 2 orders would be booked otherwise/,
  );
  const plan = /^Plan: (\w+)$/m.exec(shown.out)![1]!;
  const json = await run(path, `--profile=${profile}`, "--preview", "--json");
  assert.deepEqual(JSON.parse(json.out).unused_totals, [{
    column: "Order Amount",
    named: 2,
    agree: 1,
    largest_difference: { external_order_id: "T-1", currency: "EUR", difference_cents: 6000 },
  }]);
  await Deno.writeTextFile(profile, JSON.stringify({ ...till, columns, ignore: ["Order Amount"] }));
  const ignored = await run(path, `--profile=${profile}`, "--yes", "--json");
  assert.equal(JSON.parse(ignored.out).orders_new, 2, ignored.err);
  await Deno.writeTextFile(profile, JSON.stringify({ ...till, columns }));
  assert.equal((await run(path, `--profile=${profile}`, `--plan=${plan}`)).code, 0);
});

Deno.test("import --preview does not mark columns that look like money and are empty", async () => {
  const path = `${folder}/empty.csv`;
  const text = shopify.split("\n").map((line, at) =>
    line === "" ? "" : `${line}${at === 0 ? ",Lineitem requires shipping,Gift Card" : ",,5.00"}`
  );
  await Deno.writeTextFile(path, text.join("\n"));
  const { out } = await run(path, "--preview");
  assert.match(out, /^ {4}Lineitem requires shipping \(empty\)$/m);
  assert.match(out, /^ {2}! Gift Card \(5\.00\): looks like a credit/m);
});

Deno.test("import --set answers a question in the preview and in the import, and is part of the plan", async () => {
  const path = `${folder}/etsy.csv`;
  await Deno.writeTextFile(
    path,
    "Sale Date,Item Name,Buyer,Quantity,Price,Discount Amount,Shipping Discount,Order Shipping,Order Sales Tax," +
      "Currency,Transaction ID,Listing ID,Date Paid,Ship Name,Order ID,SKU\n" +
      "01/05/26,Mug,ann,2,12.00,0.00,0.00,4.00,0.00,EUR,1,2,01/05/2026,Ann,E-900,MUG\n",
  );
  const asked = await run(path, "--preview");
  assert.match(asked.out, /say so by --set SETTING=VALUE[^]*time\.zone: /);
  const refused = await run(path);
  assert.match(refused.err, /--set time\.zone=UTC/);
  const zone = "time.zone=Europe/Berlin";
  const shown = await run(path, "--preview", "--set", zone);
  assert.equal(shown.code, 0, shown.err + shown.out);
  const plan = /^Plan: (\w+)$/m.exec(shown.out)![1]!;
  assert.match(shown.out, new RegExp(`import .* --set ${zone} --plan=${plan}$`));
  const other = await run(path, "--preview", "--set=time.zone=UTC");
  assert.notEqual(/^Plan: (\w+)$/m.exec(other.out)![1], plan);
  assert.equal((await run(path, "--set=time.zone=UTC", `--plan=${plan}`)).code, 1);
  for (
    const [said, why] of [
      ["time.zone=Nowhere", /time\.zone=Nowhere can't be used: time\.zone: must be a zone/],
      ["time.zon=UTC", /time\.zon: is not known; did you mean zone\?/],
      ["zone", /must be SETTING=VALUE/],
      ["__proto__.x=1", /can't be used|must be SETTING=VALUE/],
    ] as const
  ) {
    const { code, err } = await run(path, "--preview", "--set", said);
    assert.equal(code, 1, said);
    assert.match(err, why);
  }
  const taken = await run(path, "--set", zone, `--plan=${plan}`, "--json");
  assert.equal(JSON.parse(taken.out).orders_new, 1, taken.err);
  const byName = await run(path, "--profile=etsy", "--set", zone, "--yes", "--json");
  assert.equal(JSON.parse(byName.out).orders_unchanged, 1, byName.err);
  assert.match((await run("--help")).out, /--set SETTING=VALUE/);
});
