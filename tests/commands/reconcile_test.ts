import assert from "node:assert/strict";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { openSettled } from "../settled_workflow.ts";
import { envOf, run } from "./run_command.ts";

Deno.test("reconcile takes no day that does not exist, and asks no database about it", async () => {
  for (const [option, day] of [["from", "2026-02-30"], ["to", "2026-02-31"], ["to", "31.1.2026"]]) {
    const said = await run({}, "reconcile", "report.csv", "--provider=http", `--${option}=${day}`);
    assert.equal(said.code, 2);
    assert.equal(said.err, `reconcile: --${option} must be a day such as 2026-01-31, not "${day}"`);
  }
});

Deno.test("reconcile does one thing at a time, and leaves out no option without a word", async () => {
  for (
    const [args, says] of [
      [
        ["report.csv", "--provider=http", "--list"],
        /^reconcile: --list takes no file, "report.csv"/,
      ],
      [["--list", "--mend=7"], /^reconcile: --list and --mend are two things/],
      [["--mend=7", "--withdraw=3"], /^reconcile: --mend and --withdraw are two things/],
      [["--withdraw=3", "--seen=2026-01-05"], /^reconcile: --seen does not go with --withdraw$/],
      [["--reports", "--provider=http"], /^reconcile: --provider does not go with --reports$/],
      [
        ["report.csv", "--provider=http", "--note=x"],
        /--note does not go with reading a report or/,
      ],
      [["--mend=7", "--provider=http"], /^reconcile: --provider goes with --mend=all$/],
      [
        ["--provider=http", "--from=2026-01-05", "--sheet=Lines"],
        /^reconcile: --sheet goes with a FILE$/,
      ],
      [
        ["--provider=http", "--from=2026-01-05", "--profile=a.json"],
        /^reconcile: --profile goes with/,
      ],
    ] as const
  ) {
    const { code, err } = await run({}, "reconcile", ...args);
    assert.equal(code, 2, args.join(" "));
    assert.match(err, says);
  }
});

Deno.test("reconcile lists and mends the discrepancies of the provider that is named, and no others", async () => {
  const flow = await openSettled("cli_reconcile_of");
  try {
    for (const provider of ["one", "other"]) {
      await flow.rows(
        `insert into discrepancies
           (reconciliation_id, provider, kind, identity, day, movement, their_cents, their_currency)
         values (999, ?, 'fee_differs', unhex(left(sha2(?, 256), 32)), '2026-02-03', 'charge', 100, 'EUR')`,
        [provider, provider],
      );
    }
    const list = await run(envOf(flow), "reconcile", "--list", "--provider=one");
    assert.match(list.out, /^\d+ {2}open .*\n1 open$/);
    const mend = ["--mend=all", "--action=explain", "--note=so", "--provider=one"];
    assert.equal((await run(envOf(flow), "reconcile", ...mend)).code, 0);
    assert.deepEqual(
      await flow.rows("select provider, state from discrepancies order by id"),
      [{ provider: "one", state: "EXPLAINED" }, { provider: "other", state: "OPEN" }],
    );
  } finally {
    await flow.close();
  }
});

Deno.test("reconcile exits with 1 while anything is open, whichever report has found it", async () => {
  const flow = await openSettled("cli_reconcile");
  const folder = await mkdtemp(join(tmpdir(), "reports_"));
  try {
    const line = "txn_1,charge,2026-01-05 10:00:00,ch_unknown,,,,1250,44,1206,EUR\n";
    const header = "entry_id,kind,created_utc,charge_id,refund_id,key,reference,gross_cents," +
      "fee_cents,net_cents,currency\n";
    const hold = async (name: string, text: string) => {
      const file = join(folder, name);
      await writeFile(file, header + text);
      return await run(envOf(flow), "reconcile", file, "--provider=simulated");
    };
    const first = await hold("one.csv", line);
    assert.match(first.out, /1 discrepancy found, 1 open/);
    assert.equal(first.code, 1);
    const payout = "txn_2,payout,2026-01-05 11:00:00,,,,,-1206,0,-1206,EUR\n";
    const overlapping = await hold("two.csv", line + payout);
    assert.match(
      overlapping.out,
      /^2 lines of simulated: 1 agree, 0 discrepancies found, 0 open\nOpen from before: .*--list/,
    );
    assert.equal(overlapping.code, 1);
    await flow.rows("update discrepancies set charge_ref = 'ch_1\\n99  mended'");
    const list = await run(envOf(flow), "reconcile", "--list");
    assert.match(list.out, /^\d+ {2}open {2}.* charge ch_1\\u000a99 {2}mended: .*\n1 open$/);
    // Whatever the provider says of its order, it is found in the shop by what the shop calls it.
    await flow.rows("update discrepancies set reference = 'invoice 7'");
    const unknown = await run(envOf(flow), "reconcile", "--list");
    assert.match(unknown.out, / charge ch_1\\u000a99 {2}mended of order invoice 7: /);
    await flow.rows("update discrepancies set order_id = (select min(id) from orders)");
    const [order] = await flow.rows(
      "select id, external_order_id as name from orders order by id limit 1",
    );
    const known = await run(envOf(flow), "reconcile", "--list");
    assert.ok(known.out.includes(` order ${order!.name} (our id ${order!.id}): `), known.out);
  } finally {
    await rm(folder, { recursive: true });
    await flow.close();
  }
});

Deno.test("reconcile takes a report back by its number, and says which fees wait for whom", async () => {
  const flow = await openSettled("cli_withdraw");
  const folder = await mkdtemp(join(tmpdir(), "reports_"));
  try {
    const file = join(folder, "one.csv");
    await writeFile(
      file,
      "entry_id,kind,created_utc,charge_id,refund_id,key,reference,gross_cents,fee_cents,net_cents,currency\n" +
        "txn_1,charge,2026-01-05 10:00:00,ch_unknown,,,,1250,44,1206,EUR\n" +
        "txn_2,payout,2026-01-05 11:00:00,,,,,-1000,0,-1000,EUR\n",
    );
    const two = { ...envOf(flow), RECONCILIATION_APPROVALS: "2" };
    const days = ["--from=2026-01-05", "--to=2026-01-06"];
    const { out } = await run(two, "reconcile", file, "--provider=simulated", ...days, "--json");
    const { id, finishedAt } = JSON.parse(out);
    const reports = await run(two, "reconcile", "--reports");
    assert.match(
      reports.out,
      new RegExp(
        `^${id}  done  simulated  one.csv  2026-01-05 – 2026-01-06: .*fees of 0\\.44 EUR, payouts of 10\\.00 EUR, reserves of nothing, adjustments of nothing and conversions of nothing, .* wait for approval: --seen=${finishedAt}$`,
      ),
    );
    const unseen = await run(two, "reconcile", `--approve-report=${id}`);
    assert.equal(unseen.code, 1);
    assert.match(unseen.err, /Name the time at which the report was finished/);
    await flow.rows("update reconciliations set actor = 'ann'");
    const approved = await run(two, "reconcile", `--approve-report=${id}`, `--seen=${finishedAt}`);
    assert.match(approved.out, /approved by cli:/);
    const [found] = await flow.rows("select id from discrepancies");
    await run(two, "reconcile", `--mend=${found!.id}`, "--action=explain", "--note=so");
    const approve = ["reconcile", `--approve=${found!.id}`, "--action=explain"];
    await flow.rows("update discrepancies set proposed_by = 'cli:ann@desk'");
    const same = await run(two, ...approve);
    assert.match(same.err, /it takes two people, and cli:ann@desk proposed it: .*the API or the/);
    await flow.rows("update discrepancies set proposed_by = 'ann'");
    assert.match((await run(two, ...approve)).err, /say which action you approve, and when/);
    const seen = /--seen=(\S+)/.exec((await run(two, "reconcile", "--list")).out)![1];
    assert.match((await run(two, ...approve, `--seen=${seen}`)).out, /explained/);

    await flow.rows(
      `insert into discrepancies
         (reconciliation_id, provider, kind, identity, day, movement, their_cents, their_currency, our_cents, our_currency)
       values (999, 'elsewhere', 'amount_differs', unhex(repeat('7', 32)), '2026-02-03', 'refund', 100, 'EUR', 200, 'EUR')`,
    );
    const [other] = await flow.rows("select id from discrepancies where provider = 'elsewhere'");
    for (const which of [String(other!.id), "all"]) {
      const tried = await run(envOf(flow), "reconcile", `--mend=${which}`, "--action=ask");
      assert.equal(tried.code, 1, "it came to nothing");
      assert.match(tried.out, /open {2}2026-02-03/);
      assert.doesNotMatch(tried.out, /proposed|approved/);
    }
    const listed = await run(envOf(flow), "reconcile", "--list");
    assert.match(listed.out, /^\d+ {2}open {2}2026-02-03.* \[explain\]$/m);
    const first = await run(envOf(flow), "reconcile", `--mend=${other!.id}`);
    assert.match(first.err, /"elsewhere" is not configured here: it can only be explained, with a/);

    await flow.rows(
      "update reconciliations set name = 'one.csv\n99  done  stripe  x.csv: fees of 0.01 EUR'",
    );
    const shown = await run(two, "reconcile", "--reports");
    assert.match(shown.out, /^\d+ {2}done {2}simulated {2}one\.csv\\u000a99 {2}done {2}stripe .*$/);
    const asked = await run(two, "reconcile", `--withdraw=${id}`);
    assert.deepEqual(
      [asked.code, /to be taken back by cli:/.test(asked.out)],
      [0, true],
      asked.out,
    );
    // Nobody is asked for their name here: another one is no second person.
    const another = { ...two, USER: "somebody_else" };
    const still = await run(another, "reconcile", `--withdraw=${id}`);
    assert.deepEqual([still.code, /to be taken back by cli:/.test(still.out)], [0, true]);
    const withdrawn = await run(envOf(flow), "reconcile", `--withdraw=${id}`);
    assert.deepEqual([withdrawn.code, /withdrawn .*taken back by cli:/.test(withdrawn.out)], [
      0,
      true,
    ]);
  } finally {
    await rm(folder, { recursive: true });
    await flow.close();
  }
});

Deno.test("what differs is told so that both sides can be told apart, by the list and by the proof", async () => {
  const flow = await openSettled("cli_reconcile_sides");
  try {
    const add = (identity: string, kind: string, movement: string, more: Record<string, string>) =>
      flow.rows(
        `insert into discrepancies
           (reconciliation_id, provider, identity, kind, movement, day, their_currency, our_currency,
            ${Object.keys(more).join(", ")})
         values (999, 'one', unhex(left(sha2(?, 256), 32)), ?, ?, '2026-02-03', 'EUR', 'EUR', ${
          Object.keys(more).map(() => "?").join(", ")
        })`,
        [identity, kind, movement, ...Object.values(more)],
      );
    await add("fee", "fee_differs", "charge", {
      charge_ref: "ch_1",
      their_cents: "1300",
      our_cents: "1300",
      settled_currency: "EUR",
      their_fee_cents: "50",
      their_net_cents: "1255",
      our_fee_cents: "50",
      our_net_cents: "1250",
    });
    await add("twice", "twice", "charge", {
      charge_ref: "ch_2",
      their_cents: "1500",
      our_cents: "1500",
    });
    await add("unknown", "category_unknown", "other", { entry: "txn_5", their_cents: "120" });
    for (const gross of ["-2000", "2000"]) {
      await add(`bank ${gross}`, "chargeback_without_record", "chargeback", {
        charge_ref: "ch_3",
        their_cents: "2000",
        their_gross_cents: gross,
      });
    }
    const { out } = await run(envOf(flow), "verify");
    assert.match(out, /expected a fee of 0\.50 EUR, net 12\.50 EUR, found .*, net 12\.55 EUR/);
    assert.match(out, /charge ch_2: .* expected 15\.00 EUR, found 15\.00 EUR once more/);
    assert.match(out, /line txn_5: .* category_unknown/);
    const list = (await run(envOf(flow), "reconcile", "--list")).out;
    assert.match(list, /ch_3: A customer's bank took money back, and no chargeback is on record/);
    assert.match(list, /ch_3: A customer's bank gave money again, and no chargeback that was won/);
  } finally {
    await flow.close();
  }
});
