import assert from "node:assert/strict";
import { Buffer } from "node:buffer";
import { importProgressLine } from "../../commands/import_progress.ts";
import { openDatabase } from "../../db/connection/database.ts";
import { openRedis } from "../../streams/redis/redis.ts";
import { contentsOf, csvOf, manyRows } from "../csv_orders.ts";
import { migrateTest } from "../migrated.ts";
import { type TestContext, testContext } from "../support.ts";
import { typedTask } from "../typed_task.ts";
import { typed } from "../../runtime/typed.ts";

const root = new URL("../../", import.meta.url);

let context: TestContext;
let folder: string;

Deno.test.beforeAll(async () => {
  context = await testContext("import_command");
  await migrateTest(context.databaseUrl);
  folder = await Deno.makeTempDir();
});
Deno.test.afterAll(async () => {
  await Deno.remove(folder, { recursive: true });
  await context.close();
});

function environment(own: TestContext): Record<string, string> {
  return {
    DATABASE_URL: own.databaseUrl,
    REDIS_URL: own.redisUrl,
    REDIS_PREFIX: own.redisPrefix,
    LOG_LEVEL: "error",
  };
}

/** The task as it is typed, with the permissions that it has. */
function task(args: string[], own = context): Deno.Command {
  return new Deno.Command(Deno.execPath(), {
    args: typedTask("import", ...args),
    cwd: root,
    env: environment(own),
    stdin: "piped",
    stdout: "piped",
    stderr: "piped",
  });
}

async function run(args: string[], input = "", own = context) {
  const child = task(args, own).spawn();
  const writer = child.stdin.getWriter();
  await writer.write(new TextEncoder().encode(input)).catch(() => {});
  await writer.close().catch(() => {});
  const { code, stdout, stderr } = await child.output();
  const text = (bytes: Uint8Array) => new TextDecoder().decode(bytes);
  return { code, out: text(stdout), lines: text(stderr).trimEnd().split("\n") };
}

Deno.test("import reads standard input and prints the counts as the last line", async () => {
  const { code, out } = await run(["-", "--json", "--initial-stock=7"], csvOf(manyRows(3)));
  assert.equal(code, 0);
  const report = JSON.parse(out.trimEnd().split("\n").at(-1)!);
  assert.deepEqual(Object.keys(report), [
    "rows",
    "rows_rejected",
    "orders",
    "orders_new",
    "orders_updated",
    "orders_unchanged",
    "orders_rejected",
    "orders_conflict",
    "published",
    "seconds",
  ]);
  assert.deepEqual([report.rows, report.orders_new, report.published], [6, 3, 3]);
  const db = await openDatabase(context.databaseUrl);
  const [stock] = await db.query("select min(received_qty) as least from products");
  await db.close();
  assert.equal(stock!.least, 7);
});

Deno.test("import succeeds where rows were rejected and says why in words", async () => {
  const path = `${folder}/some.csv`;
  const rejects = `${folder}/some.rejects.csv`;
  await Deno.writeTextFile(path, csvOf([...manyRows(2), { external_order_id: "bad", qty: 0 }]));
  const { code, out } = await run([path, "--dry-run", `--rejects=${rejects}`]);
  assert.equal(code, 0);
  assert.match(out, /^Dry run, nothing was changed: 4 rows, 3 orders in /);
  assert.match(out, /\n {2}rejected +1\n/);
  assert.match(
    out,
    /\n1 row is a reject, for this reason:\n {2}1 × qty: must be an integer 1…1000000, not "0" \(line 5\)\n/,
  );
  assert.match(
    await Deno.readTextFile(rejects),
    /,5,"qty: must be an integer 1…1000000, not ""0"""/,
  );
});

Deno.test("import fails where none of the file's orders was taken, and says so", async () => {
  const path = `${folder}/nothing.csv`;
  await Deno.writeTextFile(path, csvOf([{ external_order_id: "none", qty: 0 }]));
  for (const args of [[path], [path, "--dry-run"], [path, "--json"]]) {
    const { code, out } = await run(args);
    assert.equal(code, 1, args.join(" "));
    if (args.includes("--json")) assert.equal(JSON.parse(out).orders_rejected, 1);
    else assert.match(out, /\nNone of the file's orders (was|would be) taken\n$/);
  }
  // Known orders are taken, and a shop may have had none today.
  for (
    const [name, rows] of [["again", manyRows(1)], ["again", manyRows(1)], ["none", []]] as const
  ) {
    const own = `${folder}/${name}.csv`;
    await Deno.writeTextFile(own, csvOf(rows));
    assert.equal((await run([own])).code, 0, name);
  }
});

Deno.test("import tells the money by currency in a dry run", async () => {
  const path = `${folder}/money.csv`;
  const order = (external_order_id: string, unit_price_cents: number, currency = "EUR") => ({
    external_order_id: `money-${external_order_id}`,
    unit_price_cents,
    currency,
    qty: 1,
  });
  await Deno.writeTextFile(
    path,
    csvOf([order("a", 1_200), order("b", 165_000), order("c", 2_400), order("d", 30, "GBP")]),
  );
  const { code, out } = await run([path, "--dry-run"]);
  assert.equal(code, 0);
  assert.match(
    out,
    /Money of the orders that would be taken or are known:\n {2}currency +orders +sum +smallest +median +largest\n/,
  );
  assert.match(out, /\n {2}EUR +3 +€1,686\.00 +€12\.00 +€24\.00 +€1,650\.00\n/);
  assert.match(out, /\n {2}GBP +1 +£0\.30 +£0\.30 +£0\.30 +£0\.30/);
  const json = await run([path, "--dry-run", "--json"]);
  assert.deepEqual(JSON.parse(json.out).money[0], {
    currency: "EUR",
    orders: 3,
    sum_cents: 168_600,
    smallest_cents: 1_200,
    median_cents: 2_400,
    largest_cents: 165_000,
  });
});

Deno.test("import takes items away from a pending order only with --replace", async () => {
  const path = `${folder}/less.csv`;
  const rows = ["TV", "CABLE"].map((product_sku) => ({ external_order_id: "less", product_sku }));
  await Deno.writeTextFile(path, csvOf(rows));
  assert.equal((await run([path])).code, 0);
  await Deno.writeTextFile(path, csvOf(rows.slice(1)));
  const refused = await run([path]);
  assert.equal(refused.code, 1);
  assert.match(refused.out, /1 × the order is known with items that are missing or other here/);
  assert.equal((await run([path, "--replace"])).code, 0);
});

Deno.test("import refuses a file that is none of orders with one line that names the line", async () => {
  const path = `${folder}/broken.csv`;
  await Deno.writeTextFile(path, "a,b\n1,2\n");
  const { code, out, lines } = await run([path, "--json"]);
  assert.equal(code, 1);
  assert.equal(out, "");
  assert.equal(lines.length, 1);
  assert.ok(
    lines[0]!.startsWith(`import: Cannot import ${path}: line 1: columns external_order_id, `),
  );
  assert.match(lines[0]!, /are missing; describe its columns in a profile/);
});

Deno.test("import names the columns of a file of no known form, whatever it is written in", async () => {
  const path = `${folder}/till.csv`;
  await Deno.writeFile(path, Buffer.from("Beleg;Gr\xf6\xdfe;Betrag\n1;K\xf6ln;2,50\n", "latin1"));
  const { code, lines } = await run([path]);
  assert.equal(code, 1);
  assert.match(
    lines[0]!,
    /of no known form: the file has Beleg, Größe, Betrag; describe its columns/,
  );
  assert.doesNotMatch(lines[0]!, /UTF-8|commas/);
});

Deno.test("import --preview begins a profile for a file of no known form", async () => {
  const path = `${folder}/shop.csv`;
  await Deno.writeTextFile(path, "Order #;Item;qty\n1;Mug;2\n");
  const profile = `${folder}/shop.json`;
  const { code, out } = await run([path, "--preview", `--save-profile=${profile}`]);
  assert.equal(code, 1);
  assert.match(out, /Order # \(1\)[^]*columns: nothing is said of order_placed_at/);
  const saved = JSON.parse(await Deno.readTextFile(profile));
  assert.deepEqual(saved.columns, {
    external_order_id: ["Order #"],
    product_name: ["Item"],
    qty: ["qty"],
  });
  assert.equal(saved.$schema, "import-profile.schema.json");
  assert.deepEqual(saved.$columns_of_the_file, ["Order #", "Item", "qty"]);
});

Deno.test("import --preview proposes columns by their usual names, and imports nothing by the proposal", async () => {
  const path = `${folder}/usual.csv`, profile = `${folder}/usual.json`;
  await Deno.writeTextFile(
    path,
    "Bestellnummer;Datum;Kunde;E-Mail;SKU;Artikel;Preis;Menge;Währung\n" +
      "U-1;2026-01-05 10:00:00Z;Ann;a@shop.example;MUG;Mug;12,50;2;EUR\n",
  );
  assert.equal((await run([path])).code, 1);
  const first = await run([path, "--preview", `--save-profile=${profile}`]);
  assert.equal(first.code, 1);
  assert.match(first.out, /proposed by their names.*Bestellnummer as external_order_id/);
  assert.doesNotMatch(first.out, /Plan:/);
  assert.deepEqual(JSON.parse(await Deno.readTextFile(profile)).columns, {
    external_order_id: ["Bestellnummer"],
    order_placed_at: ["Datum"],
    currency: ["Währung"],
    customer_email: ["E-Mail"],
    customer_name: ["Kunde"],
    product_sku: ["SKU"],
    product_name: ["Artikel"],
    price: ["Preis"],
    qty: ["Menge"],
  });
  const shown = await run([path, `--profile=${profile}`, "--preview"]);
  assert.equal(shown.code, 0, shown.out);
  assert.match(shown.out, /2 × €12\.50 = €25\.00/);
});

Deno.test("import says in one line that a file is missing or is a folder", async () => {
  const missing = await run([`${folder}/missing.csv`]);
  assert.equal(missing.code, 1);
  assert.deepEqual(missing.lines, [
    `import: Cannot import ${folder}/missing.csv: there is no such file`,
  ]);
  const isFolder = await run([folder]);
  assert.equal(isFolder.code, 1);
  assert.deepEqual(isFolder.lines, [`import: Cannot import ${folder}: it is a folder`]);
});

Deno.test("import overwrites its source with rejects under no name, in no spelling", async () => {
  const path = `${folder}/source.csv`;
  const text = csvOf([...manyRows(1), { ...manyRows(1)[0]!, qty: "none" }]);
  await Deno.writeTextFile(path, text);
  await Deno.writeTextFile(`${path}.partial`, text);
  await Deno.symlink(path, `${folder}/link.csv`);
  await Deno.link(path, `${folder}/hard.csv`);
  await Deno.mkdir(`${folder}/below`);
  const pairs = [
    [path, path],
    [path, `${folder}/below/../source.csv`],
    [path, `${folder}/link.csv`],
    [`${folder}/link.csv`, path],
    [path, `${folder}/hard.csv`],
    [`${path}.partial`, path],
  ] as const;
  for (const [source, rejects] of pairs) {
    const { code, lines } = await run([source, `--rejects=${rejects}`]);
    assert.deepEqual(
      [code, lines],
      [2, [`import: --rejects=${rejects} names the file that is read: name another`]],
    );
    assert.equal(await Deno.readTextFile(source), text);
  }
  // Standard input may be a file as well.
  const shell = new Deno.Command("sh", {
    args: [
      "-c",
      'exec "$@" < "$0"',
      path,
      Deno.execPath(),
      ...typedTask("import", "-", `--rejects=${path}`),
    ],
    cwd: root,
    env: environment(context),
  });
  assert.equal((await shell.output()).code, 2);
  assert.equal(await Deno.readTextFile(path), text);
});

Deno.test("import uses no socket and no certificate that start may not use", async () => {
  const path = `${folder}/places.csv`;
  await Deno.writeTextFile(path, csvOf([]));
  const url = new URL(context.databaseUrl);
  for (const [name, value] of [["socket", `${folder}/db.sock`], ["ssl-ca", `${folder}/ca.pem`]]) {
    const own = new URL(url);
    own.searchParams.set(name!, value!);
    const { code, lines } = await run([path], "", { ...context, databaseUrl: own.href });
    assert.equal(code, 2);
    assert.ok(lines[0]!.includes(`DATABASE_URL names ${value}, which`), String(lines));
  }
});

Deno.test("import tells wrong usage by exit code 2", async () => {
  const path = `${folder}/usage.csv`;
  await Deno.writeTextFile(path, csvOf([]));
  for (const args of [[], [path, path], [path, "--jsn"], [path, "--initial-stock=-1"]]) {
    const { code, lines } = await run(args);
    assert.equal(code, 2, args.join(" "));
    assert.equal(lines.length, 1);
  }
  const { code, out } = await run(["--help"]);
  assert.equal(code, 0);
  assert.match(out, new RegExp(`Usage: ${typed("import")} FILE`));
});

Deno.test("import killed at any moment and run again gives the result of one run", async () => {
  const orders = 4_000;
  const path = `${folder}/many.csv`;
  await Deno.writeTextFile(path, csvOf(manyRows(orders)));
  const killed = await testContext("import_killed");
  const whole = await testContext("import_whole");
  const args = ["run", "--quiet", "--allow-all", "main.ts", "import", path];
  const start = (own: TestContext) =>
    new Deno.Command(Deno.execPath(), {
      args,
      cwd: root,
      env: environment(own),
      stdout: "null",
      stderr: "inherit",
    }).spawn();
  try {
    await migrateTest(killed.databaseUrl);
    const db = await openDatabase(killed.databaseUrl);
    const redis = await openRedis(killed.redisUrl);
    let kills = 0;
    for (let round = 0; round < 3; round++) {
      const [{ n: before }] = await db.query("select count(*) as n from orders") as [{ n: number }];
      const enough = before + 1 + Math.random() * 1_200;
      const child = start(killed);
      let ended = false;
      child.status.then(() => ended = true);
      for (let n = before; n < enough && !ended;) {
        [{ n }] = await db.query("select count(*) as n from orders") as [{ n: number }];
      }
      if (!ended) child.kill("SIGKILL");
      if (!(await child.status).success) kills++;
    }
    assert.ok(kills > 0);
    assert.equal((await start(killed).status).code, 0);

    assert.equal((await start(whole).status).code, 0);
    const other = await openDatabase(whole.databaseUrl);
    assert.deepEqual(await contentsOf(db), await contentsOf(other));
    const entries = await redis.xrange(`${killed.redisPrefix}orders:bulk`, "-", "+");
    const published = entries.map(([, fields]) => fields[1]);
    assert.equal(published.length, orders);
    assert.equal(new Set(published).size, orders);
    redis.disconnect();
    await db.close();
    await other.close();
  } finally {
    await killed.close();
    await whole.close();
  }
});

Deno.test("importProgressLine() shows share, rate and time left where the end is known", () => {
  const reading = {
    phase: "reading" as const,
    bytesRead: 250,
    unpackedBytes: 250,
    rowsRead: 1_000,
    rowsDone: 0,
    ordersDone: 0,
  };
  assert.equal(
    importProgressLine(reading, 1_000, 2_000),
    "Reading    ██████░░░░░░░░░░░░░░░░░░   25%  1,000 rows  500 rows/s  6 s left",
  );
  assert.equal(
    importProgressLine(reading, undefined, 2_000),
    "Reading   |  1,000 rows  500 rows/s",
  );
  const writing = { ...reading, phase: "writing" as const, rowsDone: 750 };
  assert.equal(
    importProgressLine(writing, undefined, 30_000),
    "Importing  ██████████████████░░░░░░   75%  750 rows  25 rows/s  10 s left",
  );
  assert.match(
    importProgressLine({ ...writing, rowsDone: 0 }, undefined, 0),
    /0% {2}0 rows$/,
  );
});
