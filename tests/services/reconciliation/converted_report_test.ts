import assert from "node:assert/strict";
import type { ReportLine } from "../../../commands/provider_report.ts";
import { readTrialBalance } from "../../../db/ledger/ledger_list.ts";
import { approveReport } from "../../../services/reconciliation/approve_report.ts";
import { goOnWithReports } from "../../../services/reconciliation/go_on_with_reports.ts";
import { reconcile } from "../../../services/reconciliation/reconcile.ts";
import { withdraw } from "../../../services/reconciliation/withdraw_report.ts";
import { verify } from "../../../streams/verification/verify.ts";
import { convertedCsv, type ConvertedLine, holdConverted } from "../../converted_lines.ts";
import { anOperator } from "../../operator.ts";
import {
  all,
  countSteps,
  depsOf,
  dyingAfter,
  emptied,
  operator,
  ownReport,
  paidOrders,
  type Reconciled,
} from "../../reconciled.ts";
import { withWorkflow, type Workflow } from "../../workflow.ts";

const another = anOperator("another");

/** Lines of euros as they are settled in dollars, at a rate that leaves parts of cents; the fee is 25 cents of what was taken. */
function settledIn(lines: readonly ReportLine[], rate = 1.1137): ConvertedLine[] {
  return lines.map((line) => {
    const grossCents = Math.round(line.grossCents * rate);
    const feeCents = grossCents > 0 ? 25 : 0;
    return {
      ...line,
      customerCents: line.grossCents,
      customerCurrency: line.currency,
      grossCents,
      feeCents,
      netCents: grossCents - feeCents,
      currency: "USD",
    };
  });
}

const netOf = (lines: readonly ReportLine[]) =>
  lines.reduce((sum, { netCents }) => sum + netCents, 0);

/** All of it goes to the bank. */
function payoutOf(lines: readonly ConvertedLine[], n = 1): ConvertedLine {
  return {
    ...lines.at(-1)!,
    kind: "payout",
    entryId: `txn_payout_${n}`,
    chargeId: "",
    refundId: "",
    key: "",
    reference: "",
    customerCents: null,
    customerCurrency: "",
    grossCents: -netOf(lines),
    feeCents: 0,
    netCents: -netOf(lines),
  };
}

/** Balances of what is not nothing: `clearing EUR`. */
async function balances({ db }: Workflow): Promise<Record<string, number>> {
  const rows = await readTrialBalance(db);
  return Object.fromEntries(
    rows.filter(({ balanceCents }) => Number(balanceCents) !== 0)
      .map((row) => [`${row.account} ${row.currency}`, Number(row.balanceCents)]),
  );
}

/** Each currency comes to nothing by itself, and in each movement; the proof agrees, but for what is open. */
async function assertProven(flow: Workflow): Promise<void> {
  const uneven = await flow.rows(
    "select source_id from ledger_entries group by order_id, source, source_id, step having sum(amount_cents) <> 0 or count(distinct currency) > 1",
  );
  assert.deepEqual(uneven, []);
  for (const incremental of [true, false]) {
    const report = await verify(flow, { settleMs: 0, incremental });
    assert.deepEqual(report.checks.find(({ name }) => name === "ledger")!.drift, []);
  }
}

const bookings = ({ rows }: Workflow) =>
  rows(
    "select source_id, step, account, amount_cents, currency from ledger_entries where source = 9 order by source_id, step, account",
  );

const withPaid = (
  name: string,
  orders: number,
  work: (provided: Reconciled, lines: ConvertedLine[]) => Promise<void>,
) =>
  withWorkflow(name, async (flow) => {
    const provided: Reconciled = { flow, name: "simulated" };
    await paidOrders(provided, orders);
    await work(provided, settledIn(await ownReport(flow)));
  });

Deno.test("what is settled in another currency is converted in the ledger: clearing comes to nothing in both once it is paid out", () =>
  withPaid("converted_booked", 10, async (provided, lines) => {
    const { flow } = provided;
    const paid = (await balances(flow))["clearing EUR"]!;
    const half = lines.length >> 1;
    const [first, second] = [lines.slice(0, half), lines.slice(half)];
    const part = (some: readonly ConvertedLine[]) =>
      some.reduce((sum, { customerCents }) => sum + customerCents!, 0);
    await holdConverted(provided, [...first, payoutOf(first, 1)]);
    const between = await balances(flow);
    assert.equal(between["clearing EUR"], paid - part(first));
    assert.deepEqual([between["clearing USD"], between["bank USD"]], [undefined, netOf(first)]);
    const told = [...second, payoutOf(second, 2)];
    const { found } = await holdConverted(provided, told);
    assert.equal(found, 0);
    const after = await balances(flow);
    const gross = lines.reduce((sum, { grossCents }) => sum + grossCents, 0);
    assert.deepEqual(
      Object.fromEntries(Object.entries(after).filter(([name]) => !/^(sales|refunds)/.test(name))),
      {
        "fees USD": 25 * lines.filter(({ kind }) => kind === "charge").length,
        "bank USD": netOf(lines),
        "conversion EUR": paid,
        "conversion USD": -gross,
      },
    );
    assert.ok(lines.some(({ kind }) => kind === "refund"));
    assert.deepEqual(await all(provided, "open"), []);
    // Told again, in whichever order, nothing is booked.
    const booked = await bookings(flow);
    await holdConverted(provided, told);
    await holdConverted(provided, told.toReversed());
    assert.deepEqual(await bookings(flow), booked);
    assert.deepEqual(await balances(flow), after);
    await assertProven(flow);
  }));

Deno.test("Stripe's report books conversions by what the customer was shown, also of what is of nothing here", () =>
  withPaid("converted_stripe", 3, async ({ flow }, lines) => {
    const provided: Reconciled = { flow, name: "simulated" };
    const units = (cents: number) => (cents / 100).toFixed(2);
    const unknown = {
      ...lines.find(({ kind }) => kind === "charge")!,
      entryId: "txn_unknown",
      chargeId: "ch_unknown",
      customerCents: 500,
      customerCurrency: "JPY",
      grossCents: 330,
      feeCents: 30,
      netCents: 300,
    };
    const told = [...lines, unknown];
    const all = [...told, payoutOf(told)];
    const csv = [
      "balance_transaction_id,reporting_category,created_utc,charge_id,source_id,gross,fee,net,currency,customer_facing_amount,customer_facing_currency\n",
      ...all.map((line) =>
        [
          line.entryId,
          line.kind,
          line.createdUtc,
          line.chargeId,
          line.refundId,
          units(line.grossCents),
          units(line.feeCents),
          units(line.netCents),
          "usd",
          line.customerCents === null
            ? ""
            : line.customerCurrency === "JPY"
            ? line.customerCents
            : units(line.customerCents),
          line.customerCurrency.toLowerCase(),
        ].join(",") + "\n"
      ),
    ].join("");
    await reconcile(depsOf(provided), {
      provider: "simulated",
      report: { source: new Blob([csv]).stream(), name: "stripe.csv" },
      period: {},
      operator,
    });
    const now = await balances(flow);
    assert.deepEqual(
      [now["clearing EUR"], now["clearing USD"], now["clearing JPY"], now["conversion JPY"]],
      // What nobody has recorded stays until somebody does.
      [undefined, undefined, -500, 500],
    );
    await assertProven(flow);
  }));

Deno.test("a report of conversions that is taken back is booked back, and what two reports tell stays with the other", () =>
  withPaid("converted_withdrawn", 6, async (provided, lines) => {
    const { flow } = provided;
    const before = await balances(flow);
    const first = await holdConverted(provided, lines);
    const booked = await balances(flow);
    assert.equal(booked["clearing EUR"], undefined);
    const second = await holdConverted(provided, lines.toReversed());
    await withdraw(depsOf(provided), first.id, operator);
    assert.deepEqual(await balances(flow), booked);
    await withdraw(depsOf(provided), second.id, operator);
    assert.deepEqual(await balances(flow), before);
    await assertProven(flow);
    await holdConverted(provided, lines);
    assert.deepEqual(await balances(flow), booked);
    await assertProven(flow);
  }));

Deno.test("a conversion that is told with other amounts is found, and booked once the report before is taken back", () =>
  withPaid("converted_otherwise", 4, async (provided, lines) => {
    const { flow } = provided;
    const first = await holdConverted(provided, lines);
    const booked = await balances(flow);
    // What the customer paid, what it was settled for, and in what they paid: of a charge each.
    const other = lines.filter(({ kind }) => kind === "charge").slice(0, 3).map((line, place) =>
      [
        { ...line, customerCents: line.customerCents! - 7 },
        { ...line, grossCents: line.grossCents - 3, netCents: line.netCents - 3 },
        { ...line, customerCurrency: "GBP" },
      ][place]!
    );
    const names = other.map(({ entryId }) => entryId);
    const otherwise = [...other, ...lines.filter(({ entryId }) => !names.includes(entryId))];
    const kinds = async () => (await all(provided, "open")).map(({ kind }) => kind).sort();
    for (let time = 0; time < 2; time++) {
      await holdConverted(provided, otherwise);
      assert.deepEqual(await kinds(), ["amount_differs", "amount_differs", "currency_differs"]);
      assert.deepEqual(await balances(flow), booked);
    }
    await withdraw(depsOf(provided), first.id, operator);
    await holdConverted(provided, otherwise);
    const now = await balances(flow);
    const gross = otherwise.reduce((sum, { grossCents }) => sum + grossCents, 0);
    const pounds = other[2]!.customerCents!;
    assert.deepEqual(
      [now["conversion USD"], now["clearing EUR"], now["clearing GBP"]],
      [-gross, 7 + pounds, -pounds],
    );
    assert.deepEqual(await kinds(), ["amount_differs", "currency_differs"]);
    await assertProven(flow);
  }));

Deno.test("a report told as it was read before conversions were known is completed by the next one that says what was paid", () =>
  withPaid("converted_completed", 5, async (provided, lines) => {
    const { flow } = provided;
    await holdConverted(provided, lines);
    const booked = await balances(flow);
    await flow.rows(
      "update provider_movements set customer_cents = null, customer_currency = null",
    );
    await flow.rows("delete from provider_conversions");
    await flow.rows("delete from ledger_entries where source = 9");
    assert.ok((await balances(flow))["clearing EUR"]! > 0);
    const { found } = await holdConverted(provided, lines);
    assert.deepEqual([found, await balances(flow)], [0, booked]);
    assert.deepEqual(await all(provided, "open"), []);
    await assertProven(flow);
  }));

for (const isKilled of [false, true]) {
  const when = isKilled ? ", also after it was killed" : "";
  Deno.test(`what was paid is booked on the day of what was settled for it where another day's report tells it${when}`, () =>
    withPaid(`converted_other_day_${isKilled}`, 1, async (provided, lines) => {
      const { flow } = provided;
      const bringOn = (told: readonly ConvertedLine[], day: string, both: boolean) =>
        reconcile(depsOf(provided), {
          provider: "simulated",
          report: { source: new Blob([convertedCsv(told, { both })]).stream(), name: "report.csv" },
          period: { from: day, to: day },
          operator,
        });
      const today = lines[0]!.createdUtc.slice(0, 10);
      const before = new Date(Date.parse(today) - 86_400_000).toISOString().slice(0, 10);
      const unsaid = lines.map((line) => ({ ...line, createdUtc: `${before} 23:30:00.000` }));
      await bringOn(unsaid, before, false);
      assert.deepEqual(await bookings(flow), []);
      if (isKilled) {
        await flow.rows("rename table provider_days to kept_days");
        await assert.rejects(bringOn(lines, today, true));
        await flow.rows("rename table kept_days to provider_days");
      }
      const { id } = await bringOn(lines, today, true);
      assert.equal((await balances(flow))["clearing EUR"], undefined);
      await assertProven(flow);
      await withdraw(depsOf(provided), id, operator);
      assert.deepEqual(await balances(flow).then((now) => now["conversion EUR"]), undefined);
      await assertProven(flow);
    }));
}

Deno.test("what the provider's list told in the customer's currency is converted by the report that comes later", () =>
  withPaid("converted_listed", 3, async (provided, lines) => {
    const { flow } = provided;
    await holdConverted(provided, lines);
    const booked = await balances(flow);
    // As the list tells it: without ids, fees, and what it is settled for.
    await flow.rows(
      "update provider_movements set entry = null, currency = 'EUR', gross_cents = customer_cents, net_cents = customer_cents, fee_cents = 0",
    );
    await flow.rows(
      "update provider_movements set customer_cents = null, customer_currency = null",
    );
    for (const table of ["provider_days", "provider_conversions"]) {
      await flow.rows(`delete from ${table}`);
    }
    await flow.rows("delete from ledger_entries where source > 4");
    const { found } = await holdConverted(provided, lines);
    assert.deepEqual([found, await balances(flow)], [0, booked]);
    await assertProven(flow);
  }));

Deno.test("a report that names what was settled alone books no conversion until one says what was paid", () =>
  withPaid("converted_unsaid", 3, async (provided, lines) => {
    const { flow } = provided;
    await holdConverted(provided, lines, { both: false });
    assert.ok((await all(provided, "open")).every(({ kind }) => kind === "currency_differs"));
    assert.deepEqual(await bookings(flow), []);
    const second = await holdConverted(provided, lines);
    assert.equal((await balances(flow))["clearing EUR"], undefined);
    // One that does not say it says nothing else of it.
    const booked = await balances(flow);
    const open = (await all(provided, "open")).length;
    await holdConverted(provided, lines.toReversed(), { both: false });
    assert.deepEqual([await balances(flow), (await all(provided, "open")).length], [booked, open]);
    await withdraw(depsOf(provided), second.id, operator);
    await assertProven(flow);
  }));

Deno.test("conversions wait for a second person with all else that a report books, who is shown them", () =>
  withPaid("converted_approved", 3, async (provided, lines) => {
    const { flow } = provided;
    const paid = (await balances(flow))["clearing EUR"]!;
    const { id, finishedAt, conversions } = await holdConverted(provided, lines, { approvals: 2 });
    const gross = lines.reduce((sum, { grossCents }) => sum + grossCents, 0);
    assert.deepEqual(conversions, { EUR: paid, USD: -gross });
    assert.deepEqual(await bookings(flow), []);
    const deps = depsOf(provided, 2);
    await approveReport(deps, id, another, { finishedAt: finishedAt! });
    const booked = await balances(flow);
    assert.deepEqual([booked["conversion EUR"], booked["conversion USD"]], [paid, -gross]);
    await withdraw(deps, id, operator);
    await withdraw(deps, id, another);
    assert.equal((await balances(flow))["conversion EUR"], undefined);
    await assertProven(flow);
  }));

Deno.test("conversions are booked once where reading or taking back is killed between any two statements", () =>
  withPaid("converted_killed", 2, async (provided, lines) => {
    const { flow } = provided;
    const told = [...lines, payoutOf(lines)];
    const clean = async () => {
      await emptied(provided);
      await flow.rows("delete from ledger_entries where source > 4");
    };
    const before = await balances(flow);
    const steps = await countSteps(flow, () => holdConverted(provided, told));
    const booked = await balances(flow);
    assert.equal(booked["clearing USD"], undefined);
    const dyingAt = (at: number) => ({
      ...provided,
      flow: { ...flow, db: dyingAfter(flow.db, at) },
    });
    const killed = (error: unknown) => assert.match(String(error), /killed/);
    for (let at = 1; at <= steps; at++) {
      await clean();
      await holdConverted(dyingAt(at), told).catch(killed);
      await holdConverted(provided, told);
      assert.deepEqual(await balances(flow), booked, `read, killed at statement ${at}`);
    }
    const [row] = await flow.rows("select max(id) as id from reconciliations");
    let id = Number(row!.id);
    const back = await countSteps(flow, () => withdraw(depsOf(provided), id, operator));
    assert.deepEqual(await balances(flow), before);
    for (let at = 1; at <= back; at++) {
      ({ id } = await holdConverted(provided, told));
      await withdraw(depsOf(dyingAt(at)), id, operator).catch(killed);
      await goOnWithReports(depsOf(provided));
      await withdraw(depsOf(provided), id, operator);
      assert.deepEqual(await balances(flow), before, `taken back, killed at statement ${at}`);
    }
    await assertProven(flow);
  }));

Deno.test("the proof names the day whose conversions in the ledger are missing, changed, or of no day", (t) =>
  withPaid("converted_proof", 2, async (provided, lines) => {
    const { flow } = provided;
    await holdConverted(provided, lines);
    const paid = lines.reduce((sum, { customerCents }) => sum + customerCents!, 0);
    const gross = lines.reduce((sum, { grossCents }) => sum + grossCents, 0);
    const day = lines[0]!.createdUtc.slice(0, 10);
    const in_ = (currency: string) =>
      `simulated ${day}: its conversions in ${currency} in the ledger`;
    await flow.rows("create table kept_entries as select * from ledger_entries");
    const changes: Record<string, [sql: string, drift: string[]]> = {
      "both sides are gone": ["delete from ledger_entries where source = 9", [
        `${in_("EUR")}: ${paid}, 0`,
        `${in_("USD")}: ${-gross}, 0`,
      ]],
      "one side is another": [
        "update ledger_entries set amount_cents = sign(amount_cents) * 9 where source = 9 and currency = 'USD'",
        [`${in_("USD")}: ${-gross}, -9`],
      ],
      "there is one of no day": [
        `insert into ledger_entries
        select order_id, source, 99, step, account, amount_cents, currency, day, booked_at
        from ledger_entries where source = 9 and currency = 'EUR'`,
        [`conversion 99: its conversions in EUR in the ledger: 0, ${paid}`],
      ],
    };
    for (const [name, [sql, drift]] of Object.entries(changes)) {
      await t.step(name, async () => {
        await flow.rows(sql);
        for (const incremental of [true, false]) {
          const report = await verify(flow, { settleMs: 0, incremental });
          const found = report.checks.find(({ name }) => name === "ledger")!.drift;
          assert.deepEqual(
            found.map((one) => `${one.subject}: ${one.what}: ${one.expected}, ${one.found}`),
            drift,
          );
        }
      });
      await flow.rows("delete from ledger_entries");
      await flow.rows("insert into ledger_entries select * from kept_entries");
    }
  }));
