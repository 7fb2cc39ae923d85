import { hostname } from "node:os";
import assert from "node:assert/strict";
import { keepDatabase } from "../../tools/chaos/harness/older_database.ts";
import { deadLetterMessages } from "../../db/dead_letters/dead_letters.ts";
import { entryOf } from "../../domain/messages/messages.ts";
import { csvOf } from "../csv_orders.ts";
import { loseRedis, openSettled, type SettledWorkflow } from "../settled_workflow.ts";
import { anOrder, openWorkflow } from "../workflow.ts";
import { typed } from "../../runtime/typed.ts";
import { formatKpis } from "../../commands/kpis.ts";
import { emptyKpiRow } from "../../domain/kpi/kpi.ts";
import { envOf, type Ran, run } from "./run_command.ts";

/** A test on settled books; `type` runs a command on them. */
async function withCommands(
  name: string,
  work: (
    flow: SettledWorkflow,
    type: (...args: string[]) => Promise<Ran>,
  ) => Promise<void>,
): Promise<void> {
  const flow = await openSettled(name);
  try {
    await work(flow, (...args) => run(envOf(flow), ...args));
  } finally {
    await flow.close();
  }
}

/** What a terminal would obey: another colour and title, in one character as well, and text that runs backwards. */
const escapes = "\x1b[31m\x1b]0;title\x07\x9b2J\r\u202e";

async function storeDeadOrder(
  flow: SettledWorkflow,
  error = `first line\nsecond line ${"x".repeat(200)}`,
): Promise<number> {
  const [order] = await flow.add([anOrder("dead", [{ sku: "a", qty: 1 }])]);
  await flow.redis.xtrim(flow.keys.stream("orders"), "MAXLEN", 0);
  const orderId = order!.orderId!;
  await deadLetterMessages(flow.db, [{
    group: "orders",
    messageId: "5-0",
    orderId,
    refundId: null,
    amountCents: 123_456,
    currency: "EUR",
    payload: JSON.stringify(
      entryOf({ type: "order.reserve", orderId, amountCents: 100, currency: "EUR" }),
    ),
    error,
    attempts: 5,
    firstSeenMs: 0,
  }]);
  return orderId;
}

Deno.test("every operator's command has --help and refuses unknown options", async () => {
  for (const name of ["verify", "recover", "kpis", "dead", "stock", "migrate", "doctor"]) {
    const help = await run({}, name, "--help");
    assert.equal(help.code, 0);
    assert.match(help.out, new RegExp(`Usage: ${typed(name)}`));
    const wrong = await run({}, name, "--nonsense");
    assert.equal(wrong.code, 2);
    assert.equal(wrong.err, `${name}: Unknown option --nonsense`);
  }
});

Deno.test("a command names the argument that is missing, and the option that was meant", async () => {
  const cases: [args: string[], says: string][] = [
    [["import"], "FILE is missing; --help shows what to type"],
    [["refund"], "ORDER_ID is missing; --help shows what to type"],
    [["token"], "NAME is missing; --help shows what to type"],
    [["import", "a.csv", "--previw"], "Unknown option --previw; did you mean --preview?"],
    [["kpis", "--dat=2026-01-05"], "Unknown option --dat=2026-01-05; did you mean --date?"],
  ];
  for (const [[name = "", ...args], says] of cases) {
    const { code, err } = await run({}, name, ...args);
    assert.equal(code, 2);
    assert.equal(err, `${name}: ${says}`);
  }
});

Deno.test("verify exits 0 on sound books and says what it proved", () =>
  withCommands("cli_verify", async (_, type) => {
    const { code, out, err } = await type("verify");
    assert.deepEqual([code, err], [0, ""]);
    assert.match(out, /^stock +3 {2}ok {6}units/m);
    assert.match(out, /^All agree \(\d+\.\d s\)$/m);
    const json = await type("verify", "--json");
    const report = JSON.parse(json.out);
    assert.equal(report.ok, true);
    assert.deepEqual(
      report.checks.map(({ name }: { name: string }) => name),
      ["stock", "money", "kpis", "notifications", "homes", "ledger", "provider"],
    );
  }));

Deno.test("verify exits 1 on drift and names it", () =>
  withCommands("cli_verify_drift", async (flow, type) => {
    await flow.rows("update products set stock_qty = stock_qty - 1 where sku = 'a'");
    const { code, out } = await type("verify");
    assert.equal(code, 1);
    assert.match(out, /^stock +3 {2}DRIFT {3}1 found$/m);
    assert.match(out, /^ {2}product 1 \(a\): units that are gone: expected 2, found 3$/m);
    const json = await type("verify", "--json");
    assert.equal(json.code, 1);
    assert.equal(JSON.parse(json.out).checks[0].drift[0].found, 3);
  }));

Deno.test("recover brings lost work back and tells how much", () =>
  withCommands("cli_recover", async (flow, type) => {
    await flow.add([anOrder("lost", [{ sku: "a", qty: 1 }])]);
    await loseRedis(flow);
    const { code, out } = await type("recover");
    assert.equal(code, 0);
    assert.match(out, /^Republished 1 orders, 0 refunds, 0 reversals and 0 notifications$/m);
    assert.match(out, /^Rebuilt the KPIs from 4 orders and 1 refund in \d+\.\d s$/m);
    assert.equal((await type("verify")).code, 0);
  }));

Deno.test("kpis shows a day for people and as the API does", () =>
  withCommands("cli_kpis", async (flow, type) => {
    const { out } = await type("kpis");
    assert.deepEqual(out.split("\n"), [
      "date        currency  revenue  orders  average  failed  refunds  refunded",
      `${flow.day}  EUR          3.00       1     3.00       2        1      1.00`,
      `${flow.day}  USD          3.00       1     3.00       0        0      0.00`,
    ]);
    const json = JSON.parse((await type("kpis", `--date=${flow.day}`, "--json")).out);
    assert.deepEqual(json.kpis[0], {
      date: flow.day,
      currency: "EUR",
      revenue_cents: 300,
      order_count: 1,
      avg_order_value_cents: 300,
      failed_order_count: 2,
      refund_count: 1,
      refund_amount_cents: 100,
      chargeback_count: 0,
      chargeback_amount_cents: 0,
    });
    const empty = JSON.parse((await type("kpis", "--date=1999-01-01", "--json")).out);
    assert.equal(empty.kpis[0].order_count, 0);
    assert.equal((await type("kpis", "--date=2026-02-30")).code, 2);
  }));

Deno.test("kpis --rebuild counts anew from the database", () =>
  withCommands("cli_kpis_rebuild", async (flow, type) => {
    await loseRedis(flow);
    const json = JSON.parse((await type("kpis", "--rebuild", "--json")).out);
    assert.equal(json.kpis[0].revenue_cents, 300);
  }));

Deno.test("dead lists letters a line each, and says when there are none", () =>
  withCommands("cli_dead_list", async (flow, type) => {
    assert.deepEqual(await type("dead"), { code: 0, out: "No dead letters", err: "" });
    const orderId = await storeDeadOrder(flow);
    const { out } = await type("dead", "list");
    const lines = out.split("\n");
    assert.equal(lines.filter((line) => /^ *\d+ /.test(line)).length, 1);
    assert.match(
      out,
      /An unexpected error \(1\)\n {2}Its handler failed .*\n {2}Check: .*\n {2}Then: .* retry --id=ID/,
    );
    const row = new RegExp(`^ 1  orders +${orderId} +- +1,234\\.56  EUR +5  .* first line second`);
    assert.match(lines[1]!, row);
    assert.equal((await type("dead", "--group=refunds")).out, "No dead letters");
  }));

Deno.test("dead retry and discard need to be told which, and act once", () =>
  withCommands("cli_dead", async (flow, type) => {
    const orderId = await storeDeadOrder(flow);
    for (
      const args of [
        ["retry"],
        ["discard"],
        ["bury"],
        ["list", "more"],
        ["retry", "--id=0"],
        ["retry", "--id=1", "--all"],
        ["--group=nobody"],
      ]
    ) {
      assert.equal((await type("dead", ...args)).code, 2, args.join(" "));
    }
    assert.deepEqual(await type("dead", "retry", "--id=99"), {
      code: 1,
      out: "",
      err: "dead: No dead letter 99 waits for a decision",
    });
    assert.equal((await type("dead", "retry", "--all")).out, "Retried 1 dead letters");
    assert.equal((await type("dead", "retry", "--all")).out, "Retried 0 dead letters");
    const [row] = await flow.rows("select resolved_by from dead_letters");
    assert.equal(row!.resolved_by, `cli:ann@${hostname()}`);
    await flow.drain();
    assert.equal((await flow.order(orderId)).status, "PAID");
  }));

Deno.test("dead discard warns of orders that are not finished", () =>
  withCommands("cli_dead_discard", async (flow, type) => {
    await storeDeadOrder(flow);
    const { code, out } = await type("dead", "discard", "--id=1");
    assert.equal(code, 0);
    assert.match(out, /^Discarded 1 dead letters\n1 of their orders are not finished/);
  }));

Deno.test("retry takes up orders that ran short, and refuses others", () =>
  withCommands("cli_retry", async (flow, type) => {
    const { short, declined, paid } = flow.ids;
    for (const args of [[], ["0"], ["x"], ["--sku=c"], ["1", "--short"], ["1", "--sku=c"]]) {
      assert.equal((await type("retry", ...args)).code, 2, args.join(" "));
    }
    const refused = await type("retry", String(short), String(declined), String(paid));
    assert.equal(refused.code, 1);
    assert.equal(refused.out, "Took up 1 order again: 51.00 EUR");
    assert.match(refused.err, new RegExp(`order ${declined}: its payment was declined`));
    assert.match(refused.err, new RegExp(`order ${paid}: it is PAID`));
    assert.deepEqual(await type("retry", String(short)), {
      code: 0,
      out: `Order ${short} was taken up before\nTook up 0 orders again`,
      err: "",
    });
    await flow.drain();
    assert.equal((await type("retry", "--short", "--sku=a")).out, "Took up 0 orders again");
    assert.match((await type("retry", "--short", "--sku=x")).err, /no product "x"/);
    const out = (await type("retry", "--short", "--sku=c")).out;
    assert.equal(out, "Took up 1 order again: 51.00 EUR");
    await flow.drain();
    await type("stock", "c", "--add=1");
    assert.equal((await type("retry", "--short")).out, "Took up 1 order again: 51.00 EUR");
    await flow.drain();
    assert.equal((await flow.order(short)).status, "PAID");
  }));

Deno.test("stock shows and changes units", () =>
  withCommands("cli_stock", async (flow, type) => {
    assert.deepEqual((await type("stock", "a")).out.split("\n"), [
      "a  Product a",
      "  available       48",
      "  held by orders   2",
      "  received        50",
    ]);
    assert.match((await type("stock", "a", "--set=1000")).out, /available +1,000\n.*\n.*1,002\n/);
    assert.match((await type("stock", "a", "--add=-1000")).out, /available +0\n/);
    assert.equal(await flow.stock("a"), 0);
    assert.equal((await type("stock", "a", "--add=-1")).code, 1);
    const unknown = await type("stock", "nothing");
    assert.deepEqual([unknown.code, unknown.err], [1, `stock: There is no product "nothing"`]);
    assert.equal((await type("stock", "a", "--set=-1")).code, 2);
    assert.equal((await type("stock", "a", "--set=1", "--add=1")).code, 2);
    assert.equal((await type("stock")).code, 2);
    assert.equal((await type("verify")).code, 0);
  }));

Deno.test("migrate lists migrations, applies them, and has nothing to do afterwards", () =>
  withCommands("cli_migrate", async (flow, type) => {
    const env = envOf(flow);
    assert.match((await type("migrate", "--status")).out, /^0001_catalog +applied$/m);
    assert.match((await type("migrate")).out, /^Nothing to do: all \d+ migrations are applied$/);
    const url = new URL(env.DATABASE_URL!);
    url.pathname += "_new";
    const fresh = { ...env, DATABASE_URL: url.href };
    try {
      const { out } = await run(fresh, "migrate");
      assert.match(out, /^Applied 0001_catalog$/m);
      assert.match((await run(fresh, "migrate")).out, /^Nothing to do/);
    } finally {
      await flow.rows(`drop database if exists ${url.pathname.slice(1)}`);
    }
  }));

Deno.test("commands that are not there to start anything never migrate, and say what is pending", () =>
  withCommands("cli_pending", async (flow, type) => {
    const versionsOf = async () =>
      (await flow.rows("select version from schema_migrations order by version"))
        .map(({ version }) => Number(version));
    const all = await versionsOf();
    const last = all.at(-1)!;
    // Its statements may run again: only the note that they have run is missing.
    const forget = () => flow.rows(`delete from schema_migrations where version = ${last}`);
    const file = await Deno.makeTempFile({ suffix: ".csv" });
    try {
      await Deno.writeTextFile(
        file,
        "external_order_id,order_placed_at,currency,customer_id,customer_email,customer_name," +
          "product_sku,product_name,unit_price_cents,qty\n" +
          "w-1,2026-01-05 10:00:00,EUR,c,c@example.com,C,a,A,100,1\n",
      );
      await forget();
      for (
        const args of [
          ["verify"],
          ["verify", "--json"],
          ["kpis"],
          ["kpis", "--rebuild"],
          ["recover"],
          ["refund", "1"],
          ["dead"],
          ["dead", "retry", "--all"],
          ["dead", "discard", "--all"],
          ["stock", "a"],
          ["stock", "a", "--set=7"],
          ["import", file, "--dry-run"],
        ]
      ) {
        const { code, out, err } = await type(...args);
        assert.deepEqual([code, out], [1, ""], args.join(" "));
        assert.match(
          err,
          new RegExp(
            `^${args[0]}: The database lacks ${String(last).padStart(4, "0")}_\\w+; ` +
              `back it up and run ${typed("migrate")}$`,
          ),
        );
        assert.deepEqual(await versionsOf(), all.slice(0, -1), args.join(" "));
      }
      assert.match((await type("doctor")).out, /^warning +migrations +\d{4}_\w+ is not applied/m);
      const refusing = await run({ ...envOf(flow), AUTO_MIGRATE: "0" }, "consume", "--drain");
      assert.equal(refusing.code, 1);
      assert.match(refusing.err, /The database lacks \d{4}_\w+;/);
      assert.equal((await type("import", file)).code, 0);
      assert.deepEqual(await versionsOf(), all);
      await forget();
      assert.equal((await type("consume", "--drain")).code, 0);
      assert.deepEqual(await versionsOf(), all);
      assert.equal((await type("verify")).code, 0);
    } finally {
      await Deno.remove(file);
    }
  }));

Deno.test("doctor finds nothing wrong with engines that work, and warns of a Redis without groups", () =>
  withCommands("cli_doctor", async (flow, type) => {
    assert.equal((await type("recover")).code, 0);
    const well = await type("doctor");
    assert.equal(well.code, 0, well.out);
    assert.match(well.out, /^ok +streams +every group exists/m);
    assert.match(well.out, /^0 problems, \d+ warnings?$/m);
    await loseRedis(flow);
    await storeDeadOrder(flow);
    const ill = await type("doctor");
    assert.equal(ill.code, 0);
    assert.match(ill.out, /^warning +streams +no group/m);
    assert.match(ill.out, /→ start the consumers, or run (deno task|bun run) recover$/m);
    assert.match(ill.out, /^warning +dead letters +1 in orders$/m);
  }));

Deno.test("doctor tells of a database that is older than what was published, recover makes it good", () =>
  withCommands("cli_doctor_older", async (flow, type) => {
    assert.equal((await type("recover")).code, 0);
    assert.match((await type("doctor")).out, /^ok +database age +as new as what was published/m);
    const kept = await keepDatabase(flow.test.databaseUrl);
    await flow.add([anOrder("lost", [{ sku: "a", qty: 1 }])]);
    await kept.putBack();
    const older = await type("doctor");
    assert.equal(older.code, 1);
    assert.match(
      older.out,
      /^problem +database age +the database is older than what was published/m,
    );
    const recovered = await type("recover");
    assert.equal(recovered.code, 0);
    assert.match(recovered.out, /^1 acknowledged order .* and 0 refunds were lost between /m);
    const good = await type("doctor");
    assert.equal(good.code, 0, good.out);
    assert.match(
      good.out,
      /^warning +database age +found at \S+: 1 acknowledged order .* were lost between /m,
    );
    assert.equal((await type("verify")).code, 0);
  }));

Deno.test("doctor names settings and engines that are wrong, and exits 1", () =>
  withCommands("cli_doctor_ill", async (flow) => {
    const settings = await run({ REDIS_URL: "http://x", PORT: "-1" }, "doctor");
    assert.equal(settings.code, 1);
    assert.match(settings.out, /^problem +settings +DATABASE_URL is required$/m);
    assert.match(settings.out, /^problem +settings +PORT must be/m);
    const away = { ...envOf(flow), REDIS_URL: "redis://:secret@127.0.0.1:1" };
    const { code, out } = await run(away, "doctor");
    assert.equal(code, 1);
    assert.match(out, /^problem +redis +Cannot reach Redis at redis:\/\/\*\*\*@127\.0\.0\.1:1/m);
    assert.match(out, /^ok +migrations +all applied$/m);
  }));

Deno.test("no command sends a terminal what it would obey", () =>
  withCommands("cli_escapes", async (flow, type) => {
    await storeDeadOrder(flow, `bad ${escapes}`);
    const answers = [
      await type("dead", "list"),
      await type("dead", `list${escapes}`),
      await type(`dead${escapes}`),
      await type("stock", `a${escapes}`),
      await type("refund", `1${escapes}`),
      await type("import", `/nowhere/${escapes}.csv`),
      await run({ ...envOf(flow), DATABASE_URL: `mysql://host${escapes}/orders` }, "doctor"),
    ];
    for (const { out, err } of answers) {
      assert.doesNotMatch(
        out + err,
        // deno-lint-ignore no-control-regex
        /[\x00-\x09\x0b-\x1f\x7f-\x9f\u202e]/,
        JSON.stringify(out + err),
      );
    }
    assert.match(answers[0]!.out, /bad \\u001b\[31m/);
    const file = await Deno.makeTempFile();
    await Deno.writeTextFile(file, `${csvOf([{ currency: escapes }])}"a\x1b[2J\nb",,,,,,,,,\n`);
    const imported = await type("import", "--dry-run", file);
    await Deno.remove(file);
    // deno-lint-ignore no-control-regex
    assert.doesNotMatch(imported.out + imported.err, /[\x00-\x09\x0b-\x1f\x7f-\x9f]/);
  }));

Deno.test("dead retry says what to type where nobody works on what waits then", () =>
  withCommands("cli_dead_nobody", async (flow) => {
    await storeDeadOrder(flow);
    const env = envOf(flow);
    // Streams that no consumer has ever read.
    const retry = () =>
      run({ ...env, REDIS_PREFIX: `${env.REDIS_PREFIX}n:` }, "dead", "retry", "--all");
    assert.match(
      (await retry()).err,
      new RegExp(`^Nobody works on orders yet: run ${typed("start")}$`, "m"),
    );
    assert.doesNotMatch((await retry()).err, /Nobody works/, "nothing was taken up");
  }));

Deno.test("kpis leaves a currency out in which nothing happened, where something did in another", () => {
  const row = (currency: string, orders: number) => ({
    ...emptyKpiRow("2026-01-31", currency),
    order_count: orders,
  });
  const shown = (...rows: ReturnType<typeof row>[]) =>
    formatKpis(rows).split("\n").slice(1).map((line) => line.split(/ +/)[1]);
  assert.deepEqual(shown(row("EUR", 0), row("GBP", 2)), ["GBP"]);
  assert.deepEqual(shown(row("EUR", 1), row("GBP", 2)), ["EUR", "GBP"]);
  assert.deepEqual(shown(row("EUR", 0)), ["EUR"]);
});

Deno.test("whoever looks at work that nobody does is told what to type", async () => {
  const flow = await openWorkflow("cli_nobody");
  try {
    await flow.add([anOrder("waiting", [{ sku: "a", qty: 1 }])]);
    const type = (...args: string[]) => run(envOf(flow), ...args);
    const told = new RegExp(`^Nobody works on orders yet: run ${typed("start")}$`, "m");
    for (
      const command of ["kpis", "verify", "stock a", "stock a --add=1", "recover"]
    ) {
      assert.match((await type(...command.split(" "))).err, told, command);
    }
    await flow.redis.xtrim(flow.keys.stream("orders"), "MAXLEN", 0);
    assert.equal((await type("kpis")).err, "");
  } finally {
    await flow.close();
  }
});
