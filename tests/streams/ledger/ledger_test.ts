import assert from "node:assert/strict";
import { accountNames, ledgerAccounts } from "../../../domain/ledger/chart.ts";
import { listLedger, readTrialBalance } from "../../../db/ledger/ledger_list.ts";
import { postMovements, postSales } from "../../../db/ledger/post_movements.ts";
import { decidePayment } from "../../../services/payments/decide_payment.ts";
import { sealAnew } from "../../../services/operation/seal_anew.ts";
import { closeDays, sealPiece } from "../../../streams/ledger/close_days.ts";
import { proveStalestDays } from "../../../streams/ledger/prove_days.ts";
import { verify } from "../../../streams/verification/verify.ts";
import { publish } from "../../../streams/workflow/publish.ts";
import { anOperator } from "../../operator.ts";
import { driftOf, type SettledWorkflow, withSettled } from "../../settled_workflow.ts";
import { anOrder, withWorkflow, type Workflow } from "../../workflow.ts";

/** The rows of an order, in short. */
async function rowsOf(flow: Workflow, orderId: number): Promise<string[]> {
  const { entries } = await listLedger(flow.db, { orderId }, { after: null, limit: 100 });
  return entries.map(({ source, step, account, amountCents, currency }) =>
    `${source} ${step} ${account} ${amountCents} ${currency}`
  );
}

/** Money that an answer of the provider says it took. */
async function answer(flow: Workflow, orderId: number, amountCents: number, more: object = {}) {
  await publish(flow, [{
    message: {
      type: "payment.callback",
      orderId,
      amountCents,
      currency: "EUR",
      outcome: "succeeded",
      provider: "simulated",
      providerRef: `answer ${amountCents} of ${orderId}`,
      ...more,
    },
  }]);
}

/** Both proofs have no drift, and every currency comes to nothing. */
async function expectSound(flow: Workflow): Promise<void> {
  for (const incremental of [true, false]) {
    const report = await verify(flow, { settleMs: 0, incremental });
    const faulty = report.checks.filter(({ ok }) => !ok);
    assert.deepEqual(faulty, [], `incremental: ${incremental}`);
    assert.equal(report.ledger!.waiting, 0, "nothing is left to the duty");
  }
}

/** What the proofs say of the ledger, after something was done to its rows. */
async function driftAfter(flow: Workflow, sql: string, values: (string | number)[] = []) {
  await flow.rows(sql, values);
  const found: string[] = [];
  for (const incremental of [true, false]) {
    const report = await verify(flow, { settleMs: 0, incremental });
    const subjects = new Set(driftOf(report, "ledger").map(({ subject }) => subject));
    found.push([...subjects].filter((subject) => !/^[A-Z]{3}$/.test(subject)).join());
  }
  assert.equal(found[0], found[1]);
  return found[0];
}

Deno.test("an order's payment and its refund are booked in the transactions that move them, whatever ended without money is not", () =>
  withSettled("ledger_settled", async (flow) => {
    const { paid, dollars, declined, short, refund } = flow.ids;
    assert.deepEqual(await rowsOf(flow, paid), [
      "payment 1 clearing 400 EUR",
      "payment 1 sales -400 EUR",
      "refund 1 clearing -100 EUR",
      "refund 1 refunds 100 EUR",
    ]);
    assert.deepEqual(await rowsOf(flow, dollars), [
      "payment 1 clearing 300 USD",
      "payment 1 sales -300 USD",
    ]);
    assert.deepEqual(await rowsOf(flow, declined), []);
    assert.deepEqual(await rowsOf(flow, short), []);
    const [times] = await flow.rows(
      `select count(*) as n from ledger_entries join orders on orders.id = ledger_entries.order_id
        left join refunds on refunds.id = source_id and source = 2
      where booked_at = coalesce(refunds.processed_at, settled_at) and day = date(booked_at)`,
    );
    assert.equal(Number(times!.n), 6);
    assert.ok(refund > 0);
    await expectSound(flow);
  }));

Deno.test("taxes and adjustments of orders have accounts of their own, with what was paid at the source", () =>
  withWorkflow("ledger_parts", async (flow) => {
    const items = [{ sku: "a", qty: 1, unitPriceCents: 1_000 }];
    const adjustments = [
      { kind: "tax", label: null, amountCents: 160, included: true },
      { kind: "shipping", label: null, amountCents: 500, included: false },
      { kind: "discount", label: null, amountCents: -100, included: false },
    ] as const;
    const terms = { adjustments: [...adjustments] };
    const payment = { status: "paid", provider: "paypal", reference: "P-1", paidAt: null } as const;
    const [due, paid, plain, free] = await flow.add([
      anOrder("due", items, terms),
      anOrder("paid", items, { ...terms, payment }),
      anOrder("plain", items),
      anOrder("free", [{ sku: "a", qty: 1, unitPriceCents: 0 }]),
    ]);
    await flow.drain();
    const parts = [
      "payment 1 clearing 1400 EUR",
      "payment 1 sales -840 EUR",
      "payment 1 adjustments -400 EUR",
      "payment 1 tax -160 EUR",
    ];
    assert.deepEqual(await rowsOf(flow, due!.orderId!), parts);
    assert.deepEqual(await rowsOf(flow, paid!.orderId!), parts);
    assert.equal((await rowsOf(flow, plain!.orderId!)).length, 2);
    assert.deepEqual(await rowsOf(flow, free!.orderId!), []);
    await expectSound(flow);
    // From one account of income to the other: only what it follows from tells.
    const swapped = await driftAfter(
      flow,
      "update ledger_entries set amount_cents = amount_cents + if(account = 5, 100, -100) where order_id = ? and account in (3, 5)",
      [due!.orderId!],
    );
    assert.equal(swapped, `order ${due!.orderId}`);
  }));

Deno.test("money that pays no order is the customer's until it went back, or is accepted", () =>
  withSettled("ledger_held", async (flow) => {
    const { paid, declined } = flow.ids;
    const [taken] = await flow.add([anOrder("other", [{ sku: "a", qty: 1, unitPriceCents: 202 }])]);
    const other = taken!.orderId!;
    await flow.turn("orders");
    await answer(flow, other, 250);
    await answer(flow, declined, 101);
    await answer(flow, paid, 77);
    await flow.turn("payments");
    assert.deepEqual(await rowsOf(flow, other), [
      "payment 1 clearing 250 EUR",
      "payment 1 customer -250 EUR",
      "payment 1 clearing 202 EUR",
      "payment 1 customer -202 EUR",
    ]);
    assert.deepEqual((await rowsOf(flow, paid)).slice(2, 4), [
      "payment 1 clearing 77 EUR",
      "payment 1 customer -77 EUR",
    ]);
    // The provider corrects itself about what is in dispute.
    await answer(flow, other, 260, { providerRef: `answer 250 of ${other}` });
    await flow.turn("payments");
    for (
      const [id, verdict] of [[other, "accept"], [other, "dismiss"], [paid, "give_back"]] as const
    ) {
      const { messages } = await decidePayment(flow.db, id, verdict, "test");
      await publish(flow, messages.map((message) => ({ message })));
    }
    await flow.drain();
    await flow.drain();
    const late = await rowsOf(flow, declined);
    assert.deepEqual(late, [
      "payment 1 clearing 101 EUR",
      "payment 1 customer -101 EUR",
      "payment 2 clearing -101 EUR",
      "payment 2 customer 101 EUR",
    ]);
    const { totalCents } = await flow.order(other);
    const balances = await readTrialBalance(flow.db);
    const of = (account: string) =>
      balances.find((row) => row.account === account && row.currency === "EUR")?.balanceCents;
    assert.equal(of("customer"), 0n);
    assert.equal(of("clearing"), 300n + BigInt(totalCents));
    await expectSound(flow);
  }));

Deno.test("what was paid at the source of an order that comes to nothing is the customer's until it is back", () =>
  withWorkflow("ledger_source", async (flow) => {
    const payment = {
      status: "paid",
      provider: "simulated",
      reference: "S-1",
      paidAt: null,
    } as const;
    const [short] = await flow.add([anOrder("short", [{ sku: "a", qty: 51 }], { payment })]);
    await flow.turn("orders");
    const held = ["payment 1 clearing 5100 EUR", "payment 1 customer -5100 EUR"];
    assert.deepEqual(await rowsOf(flow, short!.orderId!), held);
    await flow.drain();
    assert.deepEqual(await rowsOf(flow, short!.orderId!), [
      ...held,
      "payment 2 clearing -5100 EUR",
      "payment 2 customer 5100 EUR",
    ]);
    await expectSound(flow);
  }));

Deno.test("a movement is booked once, and only where it comes to nothing", () =>
  withSettled("ledger_once", async ({ db, ids }) => {
    const sale = { orderId: ids.paid, totalCents: 400, currency: "EUR" };
    const now = "2026-11-26 10:00:00";
    await assert.rejects(db.transaction((tx) => postSales(tx, [sale], now)), { errno: 1062 });
    const fee = (sourceId: number, cents: number) => ({
      orderId: 0,
      source: "fee" as const,
      sourceId,
      step: 1,
      currency: "EUR",
      at: null,
      entries: [
        { account: "fees" as const, amountCents: cents },
        { account: "clearing" as const, amountCents: -30 },
      ],
    });
    await db.transaction((tx) => postMovements(tx, [fee(1, 30)], now));
    await assert.rejects(db.transaction((tx) => postMovements(tx, [fee(1, 30)], now)));
    await assert.rejects(
      db.transaction((tx) => postMovements(tx, [fee(2, 31)], now)),
      /does not come to nothing/,
    );
  }));

Deno.test("both proofs find what is missing, changed, added or moved in the ledger of recent days", async (t) => {
  const changes: Record<string, string> = {
    "a row is gone": "delete from ledger_entries where order_id = 1 and account = 3",
    "a movement is gone": "delete from ledger_entries where order_id = 1 and source = 1",
    "a refund is gone": "delete from ledger_entries where order_id = 1 and source = 2",
    "one amount is another":
      "update ledger_entries set amount_cents = -399 where order_id = 1 and account = 3",
    "both amounts are":
      "update ledger_entries set amount_cents = sign(amount_cents) * 399 where order_id = 1 and source = 1",
    "the currency is another": "update ledger_entries set currency = 'USD' where order_id = 1",
    "the account is another":
      "update ledger_entries set account = 8 where order_id = 1 and source = 1 and account = 1",
    "a movement is booked twice": `insert into ledger_entries
      select order_id, source, source_id, 2, account, amount_cents, currency, day, booked_at
      from ledger_entries where order_id = 1 and source = 1`,
    "one of nothing was added": `insert into ledger_entries
      select order_id, source, 99, 1, account, amount_cents, currency, day, booked_at
      from ledger_entries where order_id = 1 and source = 2`,
  };
  for (const [name, sql] of Object.entries(changes)) {
    await t.step(name, () =>
      withSettled("ledger_faults", async (flow) => {
        await flow.rows(
          "update payments set updated_at = updated_at - interval 1 hour",
        );
        await flow.rows("update refunds set processed_at = processed_at - interval 1 hour");
        assert.equal(await driftAfter(flow, sql), "order 1");
      }));
  }
});

Deno.test("the proof names two orders whose amounts were exchanged, and a currency that does not come to nothing", () =>
  withSettled("ledger_exchanged", async (flow) => {
    await flow.add([anOrder("more", [{ sku: "a", qty: 1, unitPriceCents: 500 }])]);
    await flow.drain();
    await expectSound(flow);
    const found = await driftAfter(
      flow,
      `update ledger_entries set amount_cents = sign(amount_cents) * (900 - abs(amount_cents))
      where source = 1 and currency = 'EUR'`,
    );
    assert.equal(found, "order 1,order 8");
  }));

Deno.test("a cent is missed among sums that no floating-point number holds", () =>
  withWorkflow("ledger_giant", async (flow) => {
    const [small] = await flow.add([anOrder("small", [{ sku: "a", qty: 1, unitPriceCents: 300 }])]);
    // Its weight makes what a cent of the other comes to too small a part of the sum.
    await flow.rows("alter table orders auto_increment = 4000");
    await flow.add([
      anOrder("giant", [{ sku: "a", qty: 1, unitPriceCents: 4_000_000_000_000_002 }]),
    ]);
    await flow.drain();
    await expectSound(flow);
    await flow.rows("update payments set updated_at = updated_at - interval 1 hour");
    const found = await driftAfter(
      flow,
      "update ledger_entries set amount_cents = sign(amount_cents) * 301 where order_id = ?",
      [small!.orderId!],
    );
    assert.equal(found, `order ${small!.orderId}`);
  }));

/** Closes the days of a workflow whose ledger is some days old, and seals them. */
async function closeAll({ db }: Workflow): Promise<void> {
  await closeDays(db);
  while (await sealPiece(db));
}

/** Sealed days of three days ago. */
const withClosed = (name: string, work: (flow: SettledWorkflow) => Promise<void>) =>
  withSettled(name, async (flow) => {
    await flow.rows(
      "update ledger_entries set day = day - interval 3 day, booked_at = booked_at - interval 3 day",
    );
    await closeAll(flow);
    await work(flow);
  });

Deno.test("nothing of today is closed; a closed day is sealed once, and sound", () =>
  withSettled("ledger_open", async (flow) => {
    await closeAll(flow);
    assert.deepEqual(await flow.rows("select number from ledger_seals"), []);
    // Yesterday stays open for some minutes after midnight.
    await flow.rows(
      "update ledger_entries set day = day - interval 2 day, booked_at = booked_at - interval 2 day",
    );
    // A day is gone on with that was not sealed before.
    await flow.rows("update ledger_marks set closed_day = null, sealed_day = null");
    await closeAll(flow);
    const seals = await flow.rows("select account, sealed_rows from ledger_seals order by number");
    assert.deepEqual(seals.map((row) => [Number(row.account), Number(row.sealed_rows)]), [
      [1, 3],
      [3, 2],
      [6, 1],
    ]);
    assert.equal(await sealPiece(flow.db), false);
    const { proven, drifts } = await proveStalestDays(flow.db, 10);
    assert.deepEqual([proven, drifts.count], [3, 0]);
    await expectSound(flow);
  }));

Deno.test("whatever was done to a closed day is found and named by the walk, and by both proofs from then on", async (t) => {
  const rest = "amount_cents, currency, day, booked_at from ledger_entries";
  const changes: Record<string, [sql: string, named: RegExp]> = {
    "another time": [
      "update ledger_entries set booked_at = booked_at + interval 1 second where order_id = 2 and account = 1",
      /order 2/,
    ],
    "two rows exchanged their accounts' amounts": [
      "update ledger_entries set amount_cents = -amount_cents where order_id = 2",
      /order 2.*order 2/,
    ],
    "a movement gone": ["delete from ledger_entries where order_id = 2", /order 2.*order 2/],
    "moved to another day": [
      "update ledger_entries set day = day + interval 1 day where order_id = 2",
      /order 2.*order 2/,
    ],
    "one added of an order behind the last": [
      `insert into ledger_entries select 900, source, source_id, step, account, ${rest} where order_id = 2`,
      /order 900.*order 900/,
    ],
    "one added on an account that had none": [
      `insert into ledger_entries
      select order_id, source, 5, step, if(account = 1, 9, 10), ${rest} where order_id = 2`,
      /ledger of/,
    ],
    "one added on a day that had none": [
      `insert into ledger_entries
      select order_id, source, 5, step, account, amount_cents, currency, day - interval 9 day, booked_at
      from ledger_entries where order_id = 2`,
      /ledger of|order 2/,
    ],
    "a seal made anew for what was changed": [
      "update ledger_seals set digest = unhex(sha2('other', 256)) where number = 2",
      /ledger of/,
    ],
  };
  for (const [name, [sql, named]] of Object.entries(changes)) {
    await t.step(name, () =>
      withClosed("ledger_closed", async (flow) => {
        await flow.rows(sql);
        await proveStalestDays(flow.db, 10);
        for (const incremental of [true, false]) {
          const report = await verify(flow, { settleMs: 0, incremental });
          const { drift } = report.checks.find((check) => check.name === "ledger")!;
          const said = drift.map(({ subject }) => subject).join();
          if (!incremental || !name.includes("day that had none")) assert.match(said, named);
        }
      }));
  }
});

Deno.test("a row that is as it was again is broken no longer, and what was changed on purpose is sealed anew", () =>
  withClosed("ledger_mended", async (flow) => {
    const shift = (by: number) =>
      flow.rows(
        "update ledger_entries set booked_at = booked_at + interval ? second where order_id = 2",
        [
          by,
        ],
      );
    await shift(1);
    assert.equal((await proveStalestDays(flow.db, 10)).drifts.count, 2);
    await shift(-1);
    assert.equal((await proveStalestDays(flow.db, 10)).drifts.count, 0);
    await expectSound(flow);
    await shift(1);
    await proveStalestDays(flow.db, 10);
    assert.equal(await sealAnew(flow, anOperator()), true);
    await closeAll(flow);
    assert.equal((await proveStalestDays(flow.db, 10)).drifts.count, 0);
    await expectSound(flow);
  }));

Deno.test("ledger_accounts has the accounts of the code", async () => {
  await withWorkflow("ledger_accounts", async (flow) => {
    const rows = await flow.rows("select id, name from ledger_accounts order by id");
    assert.deepEqual(
      rows.map(({ id, name }) => [Number(id), name]),
      accountNames.map((name) => [ledgerAccounts[name].id, name]),
    );
  });
});
