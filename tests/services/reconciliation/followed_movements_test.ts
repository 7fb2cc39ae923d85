import assert from "node:assert/strict";
import type { DiscrepancyRow } from "../../../db/reconciliation/discrepancies.ts";
import { readReconciliation } from "../../../db/reconciliation/reconciliations.ts";
import { databaseTime } from "../../../domain/database_time.ts";
import { actionsFor } from "../../../domain/reconciliation/discrepancy.ts";
import { proposeMending } from "../../../services/reconciliation/mend_discrepancies.ts";
import { withdraw } from "../../../services/reconciliation/withdraw_report.ts";
import { type ConvertedLine, holdConverted } from "../../converted_lines.ts";
import { publish } from "../../../streams/workflow/publish.ts";
import { verify } from "../../../streams/verification/verify.ts";
import { aChargeback, aPaidOrder, aSecondPayment, tell } from "../../chargebacks.ts";
import { all, bookedFees, contentsWithoutTimes, depsOf, operator } from "../../reconciled.ts";
import { askRefund } from "../../settled_workflow.ts";
import { withWorkflow, type Workflow } from "../../workflow.ts";

/** A line of 10.00 EUR that comes to what it says. */
function aLine(change: Partial<ConvertedLine> = {}): ConvertedLine {
  const { grossCents = 1_000, feeCents = 30 } = change;
  return {
    entryId: "txn_1",
    kind: "charge",
    createdUtc: databaseTime(Date.now()),
    chargeId: "ch_nobody",
    refundId: "",
    key: "",
    reference: "",
    currency: "EUR",
    grossCents,
    feeCents,
    netCents: grossCents - feeCents,
    customerCents: null,
    customerCurrency: "",
    ...change,
  };
}

/** Brings a report of some lines. @returns its id */
async function bring(flow: Workflow, lines: readonly ConvertedLine[]): Promise<number> {
  return (await holdConverted({ flow }, lines)).id;
}

/** What is open: kind, report and cents. */
async function open(flow: Workflow) {
  return (await all({ flow }, "open")).map((row) => [
    row.kind,
    row.reconciliationId,
    row.theirCents,
  ]);
}

const takeBack = (flow: Workflow, id: number) => withdraw(depsOf({ flow }), id, operator);

/** In dollars, with what the customer paid, or without. */
const inDollars = { currency: "USD", grossCents: 1_100, feeCents: 30, netCents: 1_070 };

const completions: readonly [
  what: string,
  before: Partial<ConvertedLine>,
  after: Partial<ConvertedLine>,
][] = [
  ["a net that adds up", { netCents: 971 }, {}],
  ["what its customer paid", inDollars, {
    ...inDollars,
    customerCents: 1_000,
    customerCurrency: "EUR",
  }],
];
for (const [what, before, after] of completions) {
  Deno.test(`a charge of nobody that a report completes by ${what} is that one's, and stays found when the first one is taken back`, () =>
    withWorkflow("followed_completed", async (flow) => {
      const first = await bring(flow, [aLine(before)]);
      assert.deepEqual((await open(flow)).map(([kind]) => kind), ["missing_with_us"]);
      const second = await bring(flow, [aLine(after)]);
      const found = [["missing_with_us", second]];
      assert.deepEqual((await open(flow)).map(([kind, id]) => [kind, id]), found);
      await takeBack(flow, first);
      assert.deepEqual((await open(flow)).map(([kind, id]) => [kind, id]), found);
      await takeBack(flow, second);
      assert.deepEqual(await open(flow), []);
    }));
}

Deno.test("a charge of nobody that a provider's list told of stays found when the list is taken back and a report has it", () =>
  withWorkflow("followed_listed", async (flow) => {
    const list = await bring(flow, [aLine({ feeCents: 0, netCents: 1_000 })]);
    await flow.rows("update provider_movements set entry = null");
    const report = await bring(flow, [aLine()]);
    await takeBack(flow, list);
    assert.deepEqual(await open(flow), [["missing_with_us", report, 1_000]]);
  }));

Deno.test("what a report completes is held against the order's money, and found as that report's", () =>
  withWorkflow("followed_otherwise", async (flow) => {
    await aPaidOrder(flow);
    const charge = { chargeId: "sim_of_1" };
    const first = await bring(flow, [aLine({ ...charge, ...inDollars })]);
    assert.deepEqual((await open(flow)).map(([kind]) => kind), ["currency_differs"]);
    const customer = { customerCents: 900, customerCurrency: "EUR" };
    const second = await bring(flow, [aLine({ ...charge, ...inDollars, ...customer })]);
    await takeBack(flow, first);
    assert.deepEqual(await open(flow), [["amount_differs", second, 900]]);
  }));

Deno.test("what was told twice of an order's charge is not, once the report that told it first is taken back", () =>
  withWorkflow("followed_twice", async (flow) => {
    await aPaidOrder(flow);
    const charge = { chargeId: "sim_of_1" };
    const first = await bring(flow, [aLine(charge)]);
    const again = [aLine({ ...charge, entryId: "txn_2" })];
    await bring(flow, again);
    assert.deepEqual((await open(flow)).map(([kind]) => kind), ["twice"]);
    await takeBack(flow, first);
    await bring(flow, again);
    assert.deepEqual(await open(flow), []);
  }));

/** What nobody knows: a charge, and a refund of one. */
const ofNobody: readonly [what: string, kind: string, change: Partial<ConvertedLine>][] = [
  ["missing_with_us", "charge", {}],
  ["refund_without_refund", "refund", { refundId: "re_1", grossCents: -300, feeCents: 0 }],
];
for (const [kind, of, change] of ofNobody) {
  Deno.test(`a ${of} of nobody that was told twice is ${kind} once the report that told it first is taken back`, () =>
    withWorkflow("followed_nobody", async (flow) => {
      const told = aLine({ ...change, kind: of as never });
      const first = await bring(flow, [told]);
      const again = [{ ...told, entryId: "txn_2" }];
      const second = await bring(flow, again);
      const cents = told.grossCents < 0 ? -told.grossCents : told.grossCents;
      assert.deepEqual(await open(flow), [[kind, first, cents], ["twice", second, cents]]);
      const [, row] = await all({ flow }, "open");
      const wish = { id: row!.id, action: "explain", note: "told twice" } as const;
      await proposeMending(depsOf({ flow }, 2), wish, operator);
      await takeBack(flow, first);
      for (let time = 0; time < 2; time++) {
        await bring(flow, again);
        assert.deepEqual(await open(flow), [[kind, second, cents]]);
      }
      const [now] = await all({ flow }, "open");
      assert.deepEqual([now!.action, actionsFor(now!)[0]], [
        null,
        of === "charge" ? "give_back" : "explain",
      ]);
      // What is told under the first id now is what comes once more.
      const third = await bring(flow, [told]);
      assert.deepEqual(await open(flow), [[kind, second, cents], ["twice", third, cents]]);
      await takeBack(flow, third);
      await takeBack(flow, second);
      assert.deepEqual(await open(flow), []);
      assert.equal(await bookedFees(flow), 0);
      assert.deepEqual(await flow.rows("select * from provider_movements"), []);
    }));
}

Deno.test("what was explained as told twice is found anew where nothing else tells of it any more", () =>
  withWorkflow("followed_explained", async (flow) => {
    const first = await bring(flow, [aLine()]);
    const again = [aLine({ entryId: "txn_2" })];
    const second = await bring(flow, again);
    const [, twice] = await all({ flow }, "open");
    const wish = { id: twice!.id, action: "explain", note: "told twice" } as const;
    await proposeMending(depsOf({ flow }), wish, operator);
    await takeBack(flow, first);
    for (let time = 0; time < 2; time++) {
      await bring(flow, again);
      assert.deepEqual(await open(flow), [["missing_with_us", second, 1_000]]);
    }
    const [{ n }] = await flow.rows("select count(*) as n from provider_movements") as [
      { n: number },
    ];
    assert.equal(Number(n), 1);
  }));

Deno.test("a line one too many that is told with another fee is found, and nobody inherits it as the very same", () =>
  withWorkflow("followed_other_fee", async (flow) => {
    const first = await bring(flow, [aLine()]);
    const again = aLine({ entryId: "txn_2" });
    const second = await bring(flow, [again]);
    const dearer = [aLine({ entryId: "txn_2", feeCents: 33, netCents: 967 })];
    const third = await bring(flow, dearer);
    assert.deepEqual(await open(flow), [
      ["missing_with_us", first, 1_000],
      ["twice", second, 1_000],
      ["fee_differs", third, 1_000],
    ]);
    const [, , { ourFeeCents, theirFeeCents }] = await all({ flow }, "open") as [
      unknown,
      unknown,
      DiscrepancyRow,
    ];
    assert.deepEqual([ourFeeCents, theirFeeCents], [30, 33]);
    const before = await contentsWithoutTimes({ flow });
    await bring(flow, dearer);
    assert.deepEqual(await contentsWithoutTimes({ flow }), before);
    await takeBack(flow, second);
    assert.equal(await bookedFees(flow), 30);
    await bring(flow, dearer);
    assert.deepEqual(await open(flow), [
      ["missing_with_us", first, 1_000],
      ["twice", third, 1_000],
    ]);
    assert.equal(await bookedFees(flow), 63);
    // The same of it is inherited still.
    await bring(flow, [...dearer, aLine({ entryId: "txn_3", chargeId: "ch_other" })]);
    await takeBack(flow, third);
    assert.equal(await bookedFees(flow), 93);
    await takeBack(flow, third + 1);
    await takeBack(flow, first);
    assert.deepEqual([await open(flow), await bookedFees(flow)], [[], 0]);
  }));

Deno.test("a line one too many of an order's charge whose net adds up later is kept so", () =>
  withWorkflow("followed_again_completed", async (flow) => {
    await aPaidOrder(flow);
    const charge = { chargeId: "sim_of_1" };
    await bring(flow, [aLine(charge)]);
    const again = { ...charge, entryId: "txn_2" };
    const second = await bring(flow, [aLine({ ...again, netCents: 971 })]);
    assert.deepEqual(await open(flow), [["twice", second, 1_000]]);
    const third = await bring(flow, [aLine(again)]);
    await takeBack(flow, second);
    assert.deepEqual(await open(flow), [["twice", third, 1_000]]);
    const nets = await flow.rows("select net_cents from provider_movements order by part");
    assert.deepEqual(nets.map((row) => Number(row.net_cents)), [970, 970]);
  }));

const yesterday = databaseTime(Date.now() - 86_400_000);
/** What the heir tells otherwise beside the same money. */
const otherwise: readonly [
  what: string,
  first: Partial<ConvertedLine>,
  heir: Partial<ConvertedLine>,
][] = [
  ["on another day", { createdUtc: yesterday }, {}],
  [
    "without what its customer paid",
    { ...inDollars, customerCents: 1_000, customerCurrency: "EUR" },
    inDollars,
  ],
];
for (const chargeId of ["sim_of_1", "ch_nobody"]) {
  for (const [what, first, heir] of otherwise) {
    Deno.test(`a charge (${chargeId}) that another report tells ${what} is that one's as it tells it`, () =>
      withWorkflow("followed_told", async (flow) => {
        const state = async () => [
          await flow.rows(
            "select date(happened_at) as day, customer_cents from provider_movements",
          ),
          await flow.rows(
            `select date(day) as day, currency, movements, booked_fees_cents from provider_days
            where movements > 0 or booked_fees_cents <> 0`,
          ),
          await flow.rows(
            `select account, currency, sum(amount_cents) as cents from ledger_entries
            where order_id = 0 group by 1, 2 having cents <> 0 order by 1, 2`,
          ),
          (await open(flow)).map(([kind]) => kind),
        ];
        await aPaidOrder(flow);
        const told = [aLine({ chargeId, ...heir })];
        const alone = await bring(flow, told);
        const wanted = await state();
        await takeBack(flow, alone);
        const nothing = await state();
        assert.deepEqual(nothing, [[], [], [], []]);
        const before = await bring(flow, [aLine({ chargeId, ...first })]);
        const after = await bring(flow, told);
        assert.notDeepEqual(await state(), wanted);
        await takeBack(flow, before);
        const { state: stands } = (await readReconciliation(flow.db, after))!;
        assert.equal(stands, "FAILED");
        await bring(flow, told);
        assert.deepEqual(await state(), wanted);
        await takeBack(flow, after);
        assert.deepEqual(await state(), nothing);
      }));
  }
}

Deno.test("a fee that differed is over when a later report tells the first one's on another day", () =>
  withWorkflow("followed_agreed", async (flow) => {
    await bring(flow, [aLine()]);
    const second = await bring(flow, [aLine({ feeCents: 33, netCents: 967 })]);
    assert.deepEqual((await open(flow)).at(-1), ["fee_differs", second, 1_000]);
    await bring(flow, [aLine({ createdUtc: yesterday })]);
    assert.deepEqual((await open(flow)).map(([kind]) => kind), ["missing_with_us"]);
  }));

/** A line that takes all of the order's charge back. */
const takenBack: Partial<ConvertedLine> = {
  entryId: "txn_back",
  kind: "charge_failure" as never,
  chargeId: "sim_of_1",
  grossCents: -1_000,
  feeCents: 0,
};

Deno.test("a line one too many that came to nothing together with another one is the order's once the first is gone, and the other is found", () =>
  withWorkflow("followed_together", async (flow) => {
    await aPaidOrder(flow);
    const charge = { chargeId: "sim_of_1" };
    const told = [aLine({ ...charge, entryId: "txn_2" }), aLine(takenBack)];
    const state = async () => [
      await flow.rows(
        "select kind, subject_id, gross_cents, fee_cents from provider_movements order by kind, subject_id",
      ),
      (await open(flow)).map(([kind, , cents]) => [kind, cents]),
      await bookedFees(flow),
    ];
    const alone = await bring(flow, told);
    const wanted = await state();
    assert.deepEqual(wanted[1], [["corrected", 1_000]]);
    await takeBack(flow, alone);
    const first = await bring(flow, [aLine(charge)]);
    await bring(flow, told);
    assert.deepEqual(await open(flow), []);
    await takeBack(flow, first);
    for (let time = 0; time < 2; time++) {
      await bring(flow, told);
      assert.deepEqual(await state(), wanted);
    }
  }));

Deno.test("of several lines one too many one is the order's once the first is gone, and the others stay", () =>
  withWorkflow("followed_several", async (flow) => {
    await aPaidOrder(flow);
    const charge = { chargeId: "sim_of_1" };
    const first = await bring(flow, [aLine(charge)]);
    const told = [2, 3].map((n) => aLine({ ...charge, entryId: `txn_${n}` }));
    const second = await bring(flow, told);
    await takeBack(flow, first);
    for (let time = 0; time < 2; time++) {
      assert.deepEqual(await open(flow), [["twice", second, 1_000]]);
      assert.equal((await flow.rows("select * from provider_movements")).length, 2);
      await bring(flow, told);
    }
  }));

Deno.test("a line one too many that was written down as the order's while the first one went is kept once, and is not twice", () =>
  withWorkflow("followed_at_once", async (flow) => {
    await aPaidOrder(flow);
    const charge = { chargeId: "sim_of_1" };
    await bring(flow, [aLine(charge)]);
    const again = [aLine({ ...charge, entryId: "txn_2" })];
    await bring(flow, again);
    // As it is where nobody has looked again between the one and the other.
    await flow.rows(
      `update provider_movements own join provider_movements again on again.subject_id = 0
      set own.entry = again.entry, own.reconciliation_id = again.reconciliation_id where own.subject_id > 0`,
    );
    await bring(flow, again);
    assert.deepEqual(await open(flow), []);
    assert.equal((await flow.rows("select * from provider_movements")).length, 1);
    assert.equal(await bookedFees(flow), 30);
  }));

/** Lines of no order that one report tells wrongly. */
const ofNoOrder: Partial<ConvertedLine> = {
  entryId: "txn_fee",
  kind: "fee" as never,
  chargeId: "",
  grossCents: -120,
  feeCents: 0,
};

/** Money of ours that is no order's own charge, with the line by which a provider tells of it. */
const beside: readonly [what: string, make: (flow: Workflow) => Promise<Partial<ConvertedLine>>][] =
  [
    ["a refund", async (flow) => {
      await publish(flow, [{ message: await askRefund(flow, 1, 400) }]);
      await flow.drain();
      const [row] = await flow.rows("select provider_key from refunds");
      const key = String(row!.provider_key);
      const of = { chargeId: "sim_of_1", refundId: "re_1", key };
      return { kind: "refund", ...of, grossCents: -400, feeCents: 0 };
    }],
    ["a chargeback", async (flow) => {
      await tell(flow, aChargeback("lost", 0));
      const of = { chargeId: "sim_of_1", refundId: "dp_1" };
      return { kind: "chargeback" as never, ...of, grossCents: -1_000, feeCents: 0 };
    }],
    ["a payment beside an order's own", async (flow) => {
      await aSecondPayment(flow, 1, "REVERSING");
      return { chargeId: "second" };
    }],
  ];
for (const [what, make] of beside) {
  Deno.test(`${what} that was told twice is not, once the report that told it first is taken back`, () =>
    withWorkflow("followed_beside", async (flow) => {
      await aPaidOrder(flow);
      const told = aLine({ entryId: "txn_first", ...await make(flow) });
      const first = await bring(flow, [aLine({ chargeId: "sim_of_1" }), told]);
      const again = [{ ...told, entryId: "txn_again" }];
      const ofLines = async () =>
        (await open(flow)).filter(([kind]) => kind !== "missing_with_them");
      const second = await bring(flow, again);
      assert.deepEqual(await ofLines(), [["twice", second, Math.abs(told.grossCents)]]);
      await takeBack(flow, first);
      for (let time = 0; time < 2; time++) {
        assert.deepEqual(await ofLines(), []);
        const [{ n }] = await flow.rows("select count(*) as n from provider_movements") as [
          { n: number },
        ];
        assert.equal(Number(n), 1);
        await bring(flow, again);
      }
    }));
}

Deno.test("a line that was one too many, and then was not, is one too many again where another one is told before it", () =>
  withWorkflow("followed_beside_again", async (flow) => {
    await aPaidOrder(flow);
    const [, make] = beside[1]!;
    const told = aLine({ entryId: "txn_1", ...await make(flow) });
    const again = { ...told, entryId: "txn_2" };
    for (const [one, other] of [[told, again], [again, told]]) {
      const first = await bring(flow, [one!]);
      const second = await bring(flow, [other!]);
      await takeBack(flow, first);
      await takeBack(flow, second);
    }
    for (const both of [[told, again], [again, told]]) {
      const id = await bring(flow, both);
      const found = (await open(flow)).filter(([kind]) => kind !== "missing_with_them");
      assert.deepEqual(found, [["twice", id, 1_000]]);
      await takeBack(flow, id);
    }
  }));

for (const line of [{ chargeId: "sim_of_1" }, ofNoOrder]) {
  Deno.test(`what reports had come to agree about (${line.kind ?? "charge"}) is found anew once the one that was right is taken back`, () =>
    withWorkflow("followed_disagree", async (flow) => {
      await aPaidOrder(flow);
      const right = aLine(line);
      const wrong = { ...right, netCents: right.netCents + 1 };
      const found = async () => (await open(flow)).filter(([kind]) => kind !== "missing_with_them");
      const first = await bring(flow, [wrong]);
      const cents = Math.abs(right.grossCents);
      assert.deepEqual(await found(), [["fee_differs", first, cents]]);
      for (let time = 0; time < 2; time++) {
        const second = await bring(flow, [right]);
        assert.deepEqual(await found(), []);
        await takeBack(flow, second);
        await bring(flow, [wrong]);
        assert.deepEqual(await found(), [["fee_differs", first, cents]]);
      }
    }));
}

Deno.test("of money that was told twice what differs is found once the report that told it first is taken back", () =>
  withWorkflow("followed_beside_late", async (flow) => {
    await aPaidOrder(flow);
    const charge = { chargeId: "sim_of_1" };
    const first = await bring(flow, [aLine(charge)]);
    const createdUtc = databaseTime(Date.now() - 4 * 86_400_000);
    const again = [aLine({ ...charge, entryId: "txn_2", createdUtc })];
    const second = await bring(flow, again);
    assert.deepEqual(await open(flow), [["twice", second, 1_000]]);
    await takeBack(flow, first);
    for (let time = 0; time < 2; time++) {
      assert.deepEqual(await open(flow), [["late", second, 1_000]]);
      await bring(flow, again);
    }
  }));

/** What days and ledger have, and what is open. */
async function stateOf(flow: Workflow) {
  return [
    await flow.rows(
      "select date(happened_at) as day, currency, net_cents, customer_cents from provider_movements",
    ),
    await flow.rows(
      `select date(day) as day, currency, movements, net_cents, booked_fees_cents from provider_days
      where movements > 0 or booked_fees_cents <> 0`,
    ),
    await flow.rows(
      `select account, currency, sum(amount_cents) as cents from ledger_entries
      where order_id = 0 group by 1, 2 having cents <> 0 order by 1, 2`,
    ),
    (await all({ flow }, "open")).map((
      { kind, day, theirCents, theirCurrency, theirNetCents },
    ) => [kind, day, theirCents, theirCurrency, theirNetCents]),
  ];
}

for (const chargeId of ["sim_of_1", "ch_nobody"]) {
  for (const [what, before, after] of completions) {
    Deno.test(`a charge (${chargeId}) that a report completes by ${what} stands on that one's day, and is found as it tells it`, () =>
      withWorkflow("followed_day", async (flow) => {
        await aPaidOrder(flow);
        const told = [aLine({ chargeId, ...after })];
        const alone = await bring(flow, told);
        const wanted = await stateOf(flow);
        await takeBack(flow, alone);
        const first = await bring(flow, [aLine({ chargeId, ...before, createdUtc: yesterday })]);
        await bring(flow, told);
        assert.deepEqual(await stateOf(flow), wanted);
        await takeBack(flow, first);
        assert.deepEqual(await stateOf(flow), wanted);
        const { checks } = await verify(flow, { settleMs: 0 });
        // What is open of a charge of nobody is drift of its day.
        assert.deepEqual(checks.filter(({ ok, name }) => !ok && name !== "provider"), []);
      }));
  }
}

Deno.test("what was proposed about a charge of nobody is dropped where a report says that its customer paid other money", () =>
  withWorkflow("followed_proposal", async (flow) => {
    await bring(flow, [aLine(inDollars)]);
    const [row] = await all({ flow }, "open");
    await proposeMending(depsOf({ flow }, 2), { id: row!.id, note: null }, operator);
    const customer = { customerCents: 1_000, customerCurrency: "EUR" };
    await bring(flow, [aLine({ ...inDollars, ...customer })]);
    const [now] = await all({ flow }, "open");
    assert.deepEqual([now!.theirCents, now!.theirCurrency, now!.action], [1_000, "EUR", null]);
  }));

Deno.test("a line of no order whose net does not come to its gross and fee is found, and over once a report says what it is", () =>
  withWorkflow("followed_fee_net", async (flow) => {
    const wrong = [aLine({ ...ofNoOrder, netCents: -121, createdUtc: yesterday })];
    const right = [aLine(ofNoOrder)];
    const alone = await bring(flow, right);
    const wanted = await stateOf(flow);
    assert.deepEqual(wanted[3], []);
    await takeBack(flow, alone);
    const first = await bring(flow, wrong);
    for (let time = 0; time < 2; time++) {
      assert.deepEqual(await open(flow), [["fee_differs", first, 120]]);
      await bring(flow, wrong);
    }
    const second = await bring(flow, right);
    assert.deepEqual(await stateOf(flow), wanted);
    await takeBack(flow, first);
    assert.deepEqual(await stateOf(flow), wanted);
    const third = await bring(flow, [aLine({ ...ofNoOrder, netCents: -119 })]);
    assert.deepEqual(await open(flow), [["fee_differs", third, 120]]);
    await takeBack(flow, second);
    await takeBack(flow, third);
    assert.deepEqual((await stateOf(flow)).flat(), []);
  }));

for (
  const [what, of] of [["a line of no order", ofNoOrder], ["a charge", {
    chargeId: "sim_of_1",
  }]] as const
) {
  Deno.test(`a report that tells ${what} twice by the same id, and otherwise, is told so each time, and read to its end`, () =>
    withWorkflow("followed_twofold", async (flow) => {
      await aPaidOrder(flow);
      const first = aLine(of);
      for (
        const [kind, ...two] of [
          ["fee_differs", { ...first, netCents: first.netCents + 1 }, first],
          ["fee_differs", first, { ...first, feeCents: 50, netCents: first.grossCents - 50 }],
          ["amount_differs", first, aLine({ ...of, grossCents: 900 })],
          ["currency_differs", first, aLine({ ...of, currency: "USD" })],
        ] as const
      ) {
        let id = 0;
        for (let time = 0; time < 3; time++) {
          id = await bring(flow, two);
          const found = (await open(flow)).filter(([kind]) => kind !== "missing_with_them");
          assert.deepEqual(found.map(([kind]) => kind), [kind], `${time}`);
        }
        await takeBack(flow, id);
        assert.deepEqual(await flow.rows("select * from provider_movements"), []);
      }
    }));
}

const inCurrencies: readonly [what: string, of: Partial<ConvertedLine>][] = [
  ["a charge of an order", { chargeId: "sim_of_1" }],
  ["a charge of nobody", {}],
  ["a line of no order", ofNoOrder],
];
for (const [what, of] of inCurrencies) {
  Deno.test(`${what} that is told in another currency is found, and is that one's once the first report is taken back`, () =>
    withWorkflow("followed_currency", async (flow) => {
      await aPaidOrder(flow);
      const right = [aLine(of)];
      const alone = await bring(flow, right);
      const wanted = await stateOf(flow);
      await takeBack(flow, alone);
      const first = await bring(flow, [aLine({ ...of, currency: "USD" })]);
      const second = await bring(flow, right);
      const kinds = (await open(flow)).map(([kind]) => kind);
      assert.ok(kinds.includes("currency_differs"), kinds.join());
      await takeBack(flow, first);
      assert.equal((await readReconciliation(flow.db, second))!.state, "FAILED");
      for (let time = 0; time < 2; time++) {
        await bring(flow, right);
        assert.deepEqual(await stateOf(flow), wanted);
      }
    }));
}
