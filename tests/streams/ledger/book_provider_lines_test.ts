import assert from "node:assert/strict";
import { readTrialBalance } from "../../../db/ledger/ledger_list.ts";
import { coverDays } from "../../../db/reconciliation/reconciled_days.ts";
import { bookDays } from "../../../streams/reconciliation/book_days.ts";
import { verify } from "../../../streams/verification/verify.ts";
import { meddled } from "../../meddled_database.ts";
import { untilWaiting } from "../../until_waiting.ts";
import { withWorkflow, type Workflow } from "../../workflow.ts";

const day = "2026-03-01";
const span = { from: `${day} 00:00:00`, until: "2026-03-02 00:00:00" };

/** A movement that a report tells of. */
async function told(
  flow: Workflow,
  kind: string,
  part: number,
  grossCents: number,
  { currency = "EUR", feeCents = 0, provider = "stripe" } = {},
): Promise<void> {
  await flow.rows(
    `insert into provider_movements (kind, subject_id, part, provider, happened_at, currency, gross_cents, fee_cents, net_cents)
    values (?, 0, unhex(?), ?, ?, ?, ?, ?, ?)`,
    [
      kind,
      String(part).padStart(32, "0"),
      provider,
      `${day} 10:00:00`,
      currency,
      grossCents,
      feeCents,
      grossCents - feeCents,
    ],
  );
}

const book = ({ db }: Workflow) =>
  bookDays(db, "stripe", { first: span.from, last: `${day} 23:59:59.999` });

/** What stands on each account, in short. */
async function balances({ db }: Workflow): Promise<string[]> {
  const rows = await readTrialBalance(db);
  return rows.map(({ account, currency, balanceCents }) =>
    `${account} ${balanceCents} ${currency}`
  );
}

async function ledgerDrift(flow: Workflow) {
  const found = [];
  for (const incremental of [true, false]) {
    const report = await verify(flow, { settleMs: 0, incremental });
    const { drift } = report.checks.find(({ name }) => name === "ledger")!;
    const named = drift.filter(({ subject }) => !/^[A-Z]{3}$/.test(subject));
    found.push(
      named.map(({ subject, what, expected, found }) =>
        `${subject}: ${what}: ${expected}, ${found}`
      ),
    );
  }
  assert.deepEqual(found[0], found[1]);
  return found[1]!;
}

const withDay = (name: string, work: (flow: Workflow) => Promise<void>) =>
  withWorkflow(name, async (flow) => {
    // Whoever writes a provider's days does so behind the row of its first report.
    await flow.rows(
      `insert into reconciliations (provider, source, name, digest, period_from, period_to, state, actor)
       values ('stripe', 'report', 'report.csv', unhex(?), ?, ?, 'DONE', 'test')`,
      ["00".repeat(32), span.from, span.until],
    );
    await coverDays(flow.db, "stripe", [{ day, ...span }]);
    await work(flow);
  });

Deno.test("what a provider has paid out is booked to the bank, once, and by what it is told to be", () =>
  withDay("payouts_booked", async (flow) => {
    await told(flow, "charge", 1, 5_000, { feeCents: 150 });
    await told(flow, "payout", 2, -4_000);
    await told(flow, "payout", 3, -70, { currency: "USD" });
    // Of another provider's day nothing is booked here.
    await told(flow, "payout", 6, -900, { provider: "http" });
    for (let time = 0; time < 2; time++) {
      await book(flow);
      assert.deepEqual(await balances(flow), [
        "clearing -4150 EUR",
        "fees 150 EUR",
        "bank 4000 EUR",
        "clearing -70 USD",
        "bank 70 USD",
      ]);
    }
    // One comes back from the bank, and another one is told of no more.
    await told(flow, "payout", 4, 1_000);
    await flow.rows("delete from provider_movements where currency = 'USD'");
    await told(flow, "charge", 5, 1, { currency: "USD" });
    await book(flow);
    assert.deepEqual((await balances(flow)).filter((text) => text.startsWith("bank")), [
      "bank 3000 EUR",
      "bank 0 USD",
    ]);
    assert.deepEqual(await ledgerDrift(flow), []);
  }));

Deno.test("what a provider holds back or takes off otherwise is booked, so that what it has for us is what its lines come to", () =>
  withDay("reserves_booked", async (flow) => {
    await told(flow, "charge", 1, 10_000, { feeCents: 300 });
    await told(flow, "reserve", 2, -1_000);
    await told(flow, "adjustment", 3, -250, { feeCents: 5 });
    await told(flow, "other", 4, 40);
    await told(flow, "payout", 5, -8_000);
    await told(flow, "fee", 6, -10);
    for (let time = 0; time < 2; time++) {
      await book(flow);
      // The charge itself is booked with its order.
      assert.deepEqual(await balances(flow), [
        "clearing -9525 EUR",
        "fees 315 EUR",
        "bank 8000 EUR",
        "reserves 1000 EUR",
        "suspense 210 EUR",
      ]);
    }
    const [sum] = await flow.rows("select sum(net_cents) as cents from provider_days");
    assert.equal(10_000 - 9_525, Number(sum!.cents));
    assert.deepEqual(await ledgerDrift(flow), []);
    // The reserve is given free, and what was unknown turns out to be a fee.
    await told(flow, "reserve", 7, 1_000);
    await flow.rows("update provider_movements set kind = 'fee' where kind = 'other'");
    await book(flow);
    assert.deepEqual((await balances(flow)).filter((text) => !/^(clearing|bank)/.test(text)), [
      "fees 275 EUR",
      "reserves 0 EUR",
      "suspense 250 EUR",
    ]);
    assert.deepEqual(await ledgerDrift(flow), []);
    await flow.rows("update ledger_entries set amount_cents = -amount_cents where source = 8");
    assert.deepEqual(await ledgerDrift(flow), [
      `stripe ${day}: its adjustments in EUR in the ledger: 250, -250`,
    ]);
  }));

Deno.test("both proofs name the day whose fees or payouts in the ledger are missing, changed or added", (t) =>
  withDay("payouts_proof", async (flow) => {
    await told(flow, "charge", 1, 5_000, { feeCents: 150 });
    await told(flow, "payout", 2, -4_000);
    await book(flow);
    await flow.rows("create table kept_entries as select * from ledger_entries");
    const fees = `stripe ${day}: its fees in EUR in the ledger`;
    const payouts = `stripe ${day}: its payouts in EUR in the ledger`;
    const changes: Record<string, [sql: string, drift: string[]]> = {
      "the fees are gone": ["delete from ledger_entries where source = 5", [`${fees}: 150, 0`]],
      "the payouts are others": [
        "update ledger_entries set amount_cents = sign(amount_cents) * 3999 where source = 6",
        [`${payouts}: 4000, 3999`],
      ],
      "the fees stand elsewhere": [
        "update ledger_entries set account = 9 where source = 5 and account = 8",
        [`${fees}: 150, 0, and on other accounts`],
      ],
      "another pair of rows is told as a fee of the day": [
        `insert into ledger_entries
        select order_id, source, source_id, 9, account + 1, amount_cents, currency, day, booked_at
        from ledger_entries where source = 5`,
        [`${fees}: 150, 150, and on other accounts`],
      ],
      "there is a fee of an order": [
        `insert into ledger_entries
        select 1, source, source_id, step, account, amount_cents, currency, day, booked_at
        from ledger_entries where source = 5`,
        ["order 1: its fee 1 in the ledger: null, clearing -150 EUR, fees 150 EUR"],
      ],
      "there is a fee of no day": [
        `insert into ledger_entries
        select order_id, source, 99, step, account, amount_cents, currency, day, booked_at
        from ledger_entries where source = 5`,
        ["fee 99: its fees in EUR in the ledger: 0, 150"],
      ],
    };
    for (const [name, [sql, drift]] of Object.entries(changes)) {
      await t.step(name, async () => {
        await flow.rows(sql);
        assert.deepEqual(await ledgerDrift(flow), drift);
      });
      await flow.rows("delete from ledger_entries");
      await flow.rows("insert into ledger_entries select * from kept_entries");
    }
    await flow.rows(
      "update ledger_entries set amount_cents = 151 where source = 5 and account = 8",
    );
    assert.deepEqual(await ledgerDrift(flow), [`${fees}: 150, 151, and on other accounts`]);
  }));

Deno.test("two reports that tell of a day at once book together what both have told", () =>
  withDay("payouts_at_once", async (flow) => {
    await told(flow, "charge", 1, 5_000, { feeCents: 150 });
    await told(flow, "payout", 2, -100);
    let other: Promise<void> | undefined;
    let isDone = false;
    const db = meddled(flow.db, /from provider_days[\s\S]*for update/, async () => {
      await told(flow, "charge", 3, 7_000, { feeCents: 250 });
      await told(flow, "payout", 4, -200);
      other = book(flow).finally(() => isDone = true);
      await untilWaiting(flow, () => isDone);
    });
    await book({ ...flow, db });
    await other;
    assert.deepEqual(await balances(flow), ["clearing -700 EUR", "fees 400 EUR", "bank 300 EUR"]);
    assert.deepEqual(await ledgerDrift(flow), []);
  }));
