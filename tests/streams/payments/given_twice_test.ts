import assert from "node:assert/strict";
import { lockOrders } from "../../../db/orders/orders.ts";
import { sumLedger, sumMovedMoney, unevenBuckets } from "../../../db/ledger/ledger_sums.ts";
import { listGivenTwice, readGivenTwice } from "../../../db/refunds/given_twice.ts";
import { WorkflowError } from "../../../domain/errors.ts";
import type { GivenTwiceEnd } from "../../../domain/refund/given_twice.ts";
import { decideAndPublish } from "../../../services/payments/decide_payment.ts";
import { dismissGivenTwice } from "../../../services/refunds/dismiss_given_twice.ts";
import type { ChargebackReport } from "../../../services/payments/record_chargeback.ts";
import { reversePayments } from "../../../streams/handlers/payment_reverse.ts";
import { applyRefunds } from "../../../streams/handlers/refund_process.ts";
import { bookOrders } from "../../../streams/ledger/book_orders.ts";
import type { Gateway } from "../../../streams/payments/gateway.ts";
import { simulatedGateway } from "../../../streams/payments/providers/simulated.ts";
import { verify } from "../../../streams/verification/verify.ts";
import { type Random, randomFrom } from "../../../tools/orders/random.ts";
import { age, archiveAll, archivedIds } from "../../archived.ts";
import { aChargeback, aPaidOrder, tell } from "../../chargebacks.ts";
import { anOperator } from "../../operator.ts";
import { askRefund } from "../../settled_workflow.ts";
import { openWorkflow, type Workflow } from "../../workflow.ts";

/**
 * A provider that gives back whatever it is asked for, and has made every refund before anybody could stop it, but has given no charge
 * back as a whole.
 */
const gateway: Gateway = {
  ...simulatedGateway({ delayMs: 0 }),
  refund: (requests) => Promise.resolve(requests.map(() => ({ kind: "refunded" }))),
  refundStatus: (requests) =>
    Promise.resolve(
      requests.map(({ idempotencyKey }) => ({
        kind: idempotencyKey.startsWith("reversal") ? "unknown" : "refunded",
      })),
    ),
};

async function withFlow(name: string, work: (flow: Workflow) => Promise<void>): Promise<void> {
  const flow = await openWorkflow(name, { gateway });
  try {
    await work(flow);
  } finally {
    await flow.close();
  }
}

/** A second charge of 10.00 EUR that is to be given back. */
async function addSecond(flow: Workflow, orderId: number, ref: string): Promise<void> {
  await flow.db.transaction(async (tx) => {
    const { now } = await lockOrders(tx, [orderId]);
    await tx.run(
      `insert into payments (order_id, surplus, provider, provider_ref, amount_cents, status, paid_at)
      values (?, 1, 'simulated', ?, 1000, 'REVERSING', ?)`,
      [orderId, ref, now],
    );
    await bookOrders(tx, [orderId], now);
  });
}

async function reverse(flow: Workflow, orderId: number) {
  const money = { orderId, amountCents: 1_000, currency: "EUR" };
  const message = { type: "payment.reverse", ...money } as const;
  return (await reversePayments(flow, [{ id: "1-0", message, attempt: 1 }]))[0]!;
}

async function refund(flow: Workflow, orderId: number, cents: number): Promise<void> {
  const message = await askRefund(flow, orderId, cents);
  await applyRefunds(flow, [{ id: "1-0", message, attempt: 1 }]);
}

/** What stands on the accounts of an order, those at zero left out. */
async function accountsOf(flow: Workflow, orderId: number): Promise<Record<string, number>> {
  const rows = await flow.rows(
    `select name, sum(amount_cents) as cents
    from ledger_entries join ledger_accounts on ledger_accounts.id = account
    where order_id = ? group by name having cents <> 0`,
    [orderId],
  );
  return Object.fromEntries(rows.map(({ name, cents }) => [String(name), Number(cents)]));
}

async function expectSound(flow: Workflow): Promise<void> {
  for (const incremental of [true, false]) {
    const report = await verify(flow, { settleMs: 0, incremental });
    const { drift } = report.checks.find(({ name }) => name === "ledger")!;
    assert.deepEqual(drift, [], `incremental: ${incremental}`);
  }
  // Sums that differ are looked at row by row, so that a wrong one is told by nothing else.
  const [{ sums }, moved] = [await sumLedger(flow.db, null), await sumMovedMoney(flow.db, null)];
  assert.deepEqual(unevenBuckets(sums, moved), []);
}

const openOf = async (flow: Workflow) =>
  (await listGivenTwice(flow.db, 10)).map(({ amountCents }) => amountCents);

Deno.test("a second charge that a lost chargeback gives back is no loss: nothing of it is left, and the first stays", () =>
  withFlow("twice_second", async (flow) => {
    const orderId = await aPaidOrder(flow);
    const sold = { clearing: 1_000, sales: -1_000 };
    await addSecond(flow, orderId, "second");
    assert.deepEqual(await accountsOf(flow, orderId), {
      ...sold,
      clearing: 2_000,
      customer: -1_000,
    });
    await tell(flow, aChargeback("needs_response", 0, { chargeRefs: ["second"] }));
    assert.deepEqual(await accountsOf(flow, orderId), sold);
    await expectSound(flow);
    await tell(flow, aChargeback("lost", 60, { chargeRefs: ["second"] }));
    await reverse(flow, orderId);
    const [payment] = await flow.rows("select status from payments where surplus = 1");
    assert.equal(payment!.status, "REVERSED");
    assert.deepEqual(await accountsOf(flow, orderId), sold);
    assert.deepEqual(await openOf(flow), []);
    await expectSound(flow);
  }));

Deno.test("one that its provider was giving back while the bank took it went back twice", () =>
  withFlow("twice_under_way", async (flow) => {
    const orderId = await aPaidOrder(flow);
    await addSecond(flow, orderId, "second");
    let made: "pending" | "refunded" = "pending";
    const say = (requests: readonly unknown[]) =>
      Promise.resolve(
        requests.map(() => made === "refunded" ? { kind: made } : { kind: made, delayMs: 1_000 }),
      );
    flow.gateway = { ...gateway, refund: say, refundStatus: say };
    const statusOf = async () =>
      (await flow.rows("select status from payments where surplus = 1"))[0]!.status;
    await reverse(flow, orderId);
    await tell(flow, aChargeback("lost", 60, { chargeRefs: ["second"] }));
    // It is on its way still, and nobody can tell how it ends.
    await reverse(flow, orderId);
    assert.equal(await statusOf(), "REVERSING");
    made = "refunded";
    await reverse(flow, orderId);
    assert.equal(await statusOf(), "REVERSED");
    assert.deepEqual(await openOf(flow), [1_000]);
    assert.deepEqual(await accountsOf(flow, orderId), { sales: -1_000, customer: 1_000 });
    await expectSound(flow);
  }));

Deno.test("what is contested, or lost, at the bank is asked of no provider, and of what changes meanwhile nothing is said", () =>
  withFlow("twice_asked", async (flow) => {
    const contested = await aPaidOrder(flow);
    await addSecond(flow, contested, "second");
    await tell(flow, aChargeback("needs_response", 0, { chargeRefs: ["second"] }));
    const other = await aPaidOrder(flow, "2");
    await addSecond(flow, other, "beside");
    const asked: (string | undefined)[] = [];
    let meanwhile = () => Promise.resolve<unknown>(undefined);
    const gateway: Gateway = {
      ...flow.gateway,
      refund: async (requests) => {
        asked.push(...requests.map(({ chargeRef }) => chargeRef));
        await meanwhile();
        return requests.map(() => ({ kind: "refunded" }));
      },
    };
    const reverseBoth = () =>
      reversePayments(
        { ...flow, gateway },
        [contested, other].map((orderId) => {
          const money = { orderId, amountCents: 1_000, currency: "EUR" };
          return { id: "1-0", message: { type: "payment.reverse", ...money }, attempt: 1 } as const;
        }),
      );
    const statuses = async () =>
      (await flow.rows("select status from payments where surplus = 1 order by order_id"))
        .map(({ status }) => status);
    await reverseBoth();
    assert.deepEqual(asked, ["beside"]);
    assert.deepEqual(await statuses(), ["REVERSING", "REVERSED"]);

    // It is lost when that is looked at, and won before it is written down.
    await tell(flow, aChargeback("lost", 60, { chargeRefs: ["second"] }));
    await flow.rows("update payments set status = 'REVERSING' where provider_ref = 'beside'");
    meanwhile = () => tell(flow, aChargeback("won", 120, { chargeRefs: ["second"] }));
    const [outcome] = await reverseBoth();
    assert.equal(outcome!.kind, "later");
    assert.deepEqual(asked, ["beside", "beside"]);
    assert.deepEqual(await statuses(), ["REVERSING", "REVERSED"]);
    assert.equal((await accountsOf(flow, contested)).customer, -1_000);
  }));

/** A second charge of 10.00 EUR that waits for a person's decision. */
async function addDisputed(flow: Workflow, orderId: number, ref: string): Promise<void> {
  await addSecond(flow, orderId, ref);
  await flow.rows("update payments set status = 'DISPUTED' where provider_ref = ?", [ref]);
  await flow.rows(
    "insert into payment_disputes (payment_id, order_id) select id, order_id from payments where provider_ref = ?",
    [ref],
  );
}

Deno.test("what was dealt with otherwise went back twice where the bank takes it besides, and once where it has", () =>
  withFlow("twice_dismissed", async (flow) => {
    const orderId = await aPaidOrder(flow);
    await addDisputed(flow, orderId, "second");
    await expectSound(flow);
    await decideAndPublish(flow, orderId, "dismiss", anOperator("desk"));
    await expectSound(flow);
    const of = { chargeRefs: ["second"] };
    await tell(flow, aChargeback("lost", 60, of));
    assert.deepEqual(await openOf(flow), [1_000]);
    await expectSound(flow);

    const other = await aPaidOrder(flow, "2");
    await addDisputed(flow, other, "third");
    const its = { providerRef: "dp_3", chargeRefs: ["third"], amountCents: 400 };
    await tell(flow, aChargeback("lost", 60, its));
    await decideAndPublish(flow, other, "dismiss", anOperator("desk"));
    assert.deepEqual(await openOf(flow), [1_000]);
    assert.deepEqual(await accountsOf(flow, other), { clearing: 1_000, sales: -1_000 });
    await expectSound(flow);
    // What an appeal brings back is the customer's, of money that is over as well.
    for (const [state, second] of [["lost", 120], ["won", 180]] as const) {
      await tell(flow, aChargeback(state, second, { ...its, amountCents: 400, reason: state }));
      await expectSound(flow);
    }
    assert.deepEqual(await accountsOf(flow, other), {
      clearing: 1_400,
      customer: -400,
      sales: -1_000,
    });
  }));

Deno.test("a chargeback of a second charge keeps nobody from refunding what the order was paid by", () =>
  withFlow("twice_other_charge", async (flow) => {
    const orderId = await aPaidOrder(flow);
    await addSecond(flow, orderId, "second");
    await tell(flow, aChargeback("needs_response", 60, { chargeRefs: ["second"] }));
    await refund(flow, orderId, 400);
    assert.equal((await flow.order(orderId)).refundedCents, 400);
    await tell(flow, aChargeback("lost", 120, { chargeRefs: ["second"] }));
    await refund(flow, orderId, 600);
    assert.equal((await flow.order(orderId)).refundedCents, 1_000);
    assert.deepEqual(await openOf(flow), []);
    await expectSound(flow);
  }));

Deno.test("one whose appeal is won after all is to be given back again, by its provider", () =>
  withFlow("twice_appeal", async (flow) => {
    const orderId = await aPaidOrder(flow);
    await addSecond(flow, orderId, "second");
    await tell(flow, aChargeback("lost", 60, { chargeRefs: ["second"] }));
    await reverse(flow, orderId);
    await tell(flow, aChargeback("won", 120, { chargeRefs: ["second"] }));
    const statusOf = async () =>
      (await flow.rows("select status from payments where surplus = 1"))[0]!.status;
    assert.equal(await statusOf(), "REVERSING");
    assert.equal((await accountsOf(flow, orderId)).customer, -1_000);
    await expectSound(flow);
    await reverse(flow, orderId);
    assert.equal(await statusOf(), "REVERSED");
    assert.deepEqual(await accountsOf(flow, orderId), { clearing: 1_000, sales: -1_000 });
    assert.deepEqual(await openOf(flow), []);
    await expectSound(flow);
  }));

Deno.test("an order whose second charge went back by a chargeback is not archived: its ledger follows from both", () =>
  withFlow("twice_archived", async (flow) => {
    const orderId = await aPaidOrder(flow);
    await addSecond(flow, orderId, "second");
    await tell(flow, aChargeback("lost", 60, { chargeRefs: ["second"] }));
    await reverse(flow, orderId);
    const other = await aPaidOrder(flow, "2");
    await aPaidOrder(flow, "latest");
    await age(flow);
    await archiveAll(flow);
    assert.deepEqual(await archivedIds(flow), [other]);
    await expectSound(flow);
  }));

Deno.test("one that its provider gave back and a bank took as well is owed until it is written off, came back, or did not go", async (t) => {
  const ends: Record<GivenTwiceEnd, Record<string, number>> = {
    written_off: { clearing: 0, write_offs: 1_000 },
    returned: { clearing: 1_000 },
    only_once: { clearing: 1_000 },
  };
  for (const [endedAs, after] of Object.entries(ends) as [GivenTwiceEnd, object][]) {
    await t.step(endedAs, () =>
      withFlow(`twice_${endedAs}`, async (flow) => {
        const orderId = await aPaidOrder(flow);
        await addSecond(flow, orderId, "second");
        await reverse(flow, orderId);
        await tell(flow, aChargeback("lost", 60, { chargeRefs: ["second"] }));
        assert.deepEqual(await accountsOf(flow, orderId), { sales: -1_000, customer: 1_000 });
        const [twice] = await listGivenTwice(flow.db, 10);
        assert.equal(twice!.amountCents, 1_000);
        await expectSound(flow);
        await dismissGivenTwice(flow, { id: twice!.id, endedAs, note: null }, anOperator());
        const { clearing = 0, write_offs = 0 } = await accountsOf(flow, orderId);
        assert.deepEqual({ clearing: 0, write_offs: 0, ...after }, { clearing, write_offs });
        await expectSound(flow);
        // The appeal is won: whatever was said of it, nothing is owed.
        await tell(flow, aChargeback("won", 120, { chargeRefs: ["second"] }));
        assert.deepEqual(await accountsOf(flow, orderId), { clearing: 1_000, sales: -1_000 });
        await expectSound(flow);
      }));
  }
});

Deno.test("two parts that are lost after a refund are told with what they come to, and none where one is won", () =>
  withFlow("twice_parts", async (flow) => {
    const orderId = await aPaidOrder(flow);
    await refund(flow, orderId, 400);
    const part = (n: number, state: "lost" | "won", second: number, amountCents: number) =>
      tell(flow, aChargeback(state, second, { providerRef: `dp_${n}`, amountCents }));
    await part(1, "lost", 0, 700);
    assert.deepEqual(await openOf(flow), [100]);
    await part(2, "lost", 60, 300);
    assert.deepEqual(await openOf(flow), [400]);
    await part(1, "won", 120, 700);
    assert.deepEqual(await openOf(flow), []);
    await part(1, "lost", 180, 700);
    assert.deepEqual(await openOf(flow), [400]);
    const { id } = (await listGivenTwice(flow.db, 10))[0]!;
    await dismissGivenTwice(flow, { id, endedAs: "written_off", note: null }, anOperator());
    // Less than what was decided about is decided, more is not.
    await part(2, "won", 240, 300);
    assert.deepEqual(await openOf(flow), []);
    const twice = await readGivenTwice(flow.db, id);
    assert.deepEqual([twice!.amountCents, twice!.endedAs], [100, "written_off"]);
    await part(2, "lost", 300, 200);
    assert.deepEqual(await openOf(flow), [300]);
    await expectSound(flow);
  }));

Deno.test("what is lost in another currency has taken the whole charge, and more than the charge is no second time", () =>
  withFlow("twice_currency", async (flow) => {
    const orderId = await aPaidOrder(flow);
    await refund(flow, orderId, 400);
    await tell(flow, aChargeback("lost", 0, { amountCents: 500, currency: "USD" }));
    assert.deepEqual(await openOf(flow), [400]);
    await aPaidOrder(flow, "2");
    const other = { providerRef: "dp_2", chargeRefs: ["sim_of_2"] };
    await tell(flow, aChargeback("lost", 0, { ...other, amountCents: 1_005 }));
    assert.deepEqual(await openOf(flow), [400]);
    await expectSound(flow);
  }));

/** What is known beside of one order. */
interface Beside {
  orderId: number;
  refunded: number;
  asked: Awaited<ReturnType<typeof askRefund>>[];
  /** By name, of the first and of the second charge. */
  told: [Map<string, Told>, Map<string, Told>];
  second: "none" | "held" | "given_back" | "charged_back";
  /** What a person said of each charge's money that went back twice. */
  ended: [Ended | null, Ended | null];
  was: [number, number];
}

interface Told {
  state: ChargebackReport["state"];
  cents: number;
}

interface Ended {
  endedAs: GivenTwiceEnd;
}

const sumOf = (told: Map<string, Told>, states: readonly string[], most = Infinity) =>
  [...told.values()].filter(({ state }) => states.includes(state))
    .reduce((sum, { cents }) => sum + Math.min(cents, most), 0);
const lostOf = (told: Map<string, Told>) => sumOf(told, ["lost"], 1_000);
const withheldOf = (told: Map<string, Told>) =>
  sumOf(told, ["lost", "needs_response", "under_review"]);

/** What went back twice of each charge: what went back of it, less what was paid. */
function twiceOf({ refunded, told, second }: Beside): [number, number] {
  const first = Math.max(0, refunded + lostOf(told[0]) - 1_000);
  const back = second === "given_back" ? 1_000 : 0;
  return [first, Math.max(0, back + lostOf(told[1]) - 1_000)];
}

/** What the accounts of the order must be. */
function accountsBeside(beside: Beside): Record<string, number> {
  const { refunded, told, second, ended } = beside;
  const [first, other] = told.map(withheldOf) as [number, number];
  const isHere = second === "held" || second === "charged_back";
  const twice = twiceOf(beside)[1];
  const end = twice === 0 ? undefined : ended[1]?.endedAs;
  const cameBack = end === "returned" || end === "only_once" ? twice : 0;
  const writtenOff = end === "written_off" ? twice : 0;
  const accounts = {
    clearing: 1_000 - refunded - first + (isHere ? 1_000 : 0) - other + cameBack,
    customer: (isHere ? -1_000 : 0) + other - cameBack - writtenOff,
    sales: -1_000,
    refunds: refunded,
    chargebacks: first,
    write_offs: writtenOff,
  };
  return Object.fromEntries(Object.entries(accounts).filter(([, cents]) => cents !== 0));
}

/** One step of a game. @returns what it was */
async function step(
  flow: Workflow,
  beside: Beside,
  { random, at, name }: { random: Random; at: number; name: string },
): Promise<string> {
  const { orderId, told, asked } = beside;
  const below = (n: number) => random.integer(0, n - 1);
  switch (below(6)) {
    case 0: {
      const cents = 100 * (1 + below(10));
      try {
        asked.push(await askRefund(flow, orderId, cents));
        return `ask ${cents}`;
      } catch (error) {
        if (!(error instanceof WorkflowError)) throw error;
        return `ask ${cents}: refused`;
      }
    }
    case 1: {
      const message = asked.shift();
      if (message === undefined) return "no refund";
      await applyRefunds(flow, [{ id: "1-0", message, attempt: 1 }]);
      const [row] = await flow.rows("select status from refunds where id = ?", [message.refundId]);
      if (row!.status === "PROCESSED") beside.refunded += message.amountCents;
      return `refund ${message.amountCents}: ${row!.status}`;
    }
    case 2: {
      if (beside.second === "none") {
        await addSecond(flow, orderId, `second_${name}`);
        beside.second = "held";
        return "second charge";
      }
      if (beside.second !== "held") return "no reversal";
      await reverse(flow, orderId);
      const lost = lostOf(told[1]);
      if (sumOf(told[1], ["needs_response", "under_review"]) > 0) return "reversal waits";
      if (lost >= 1_000) beside.second = "charged_back";
      else if (lost === 0) beside.second = "given_back";
      return `reversal: ${beside.second}`;
    }
    case 3: {
      const rows = await flow.rows(
        "select id, payment_id from money_given_twice where ended_as is null and order_id = ?",
        [orderId],
      );
      const row = rows[0];
      if (row === undefined) return "nothing to dismiss";
      const endedAs = (["returned", "written_off", "only_once"] as const)[below(3)]!;
      const [payment] = await flow.rows("select surplus from payments where id = ?", [
        Number(row.payment_id),
      ]);
      await dismissGivenTwice(flow, { id: Number(row.id), endedAs, note: null }, anOperator());
      beside.ended[Number(payment!.surplus) as 0 | 1] = { endedAs };
      return `${endedAs} ${payment!.surplus}`;
    }
    default: {
      const of = beside.second === "none" ? 0 : below(2) as 0 | 1;
      const providerRef = `dp_${name}_${of}_${below(3)}`;
      const states = ["needs_response", "under_review", "lost", "lost", "won"] as const;
      const state = states[below(states.length)]!;
      const cents = [300, 500, 700, 1_000, 1_000, 1_200][below(6)]!;
      const chargeRefs = [of === 0 ? `sim_of_${name}` : `second_${name}`];
      await tell(
        flow,
        aChargeback(state, at * 60, { providerRef, chargeRefs, amountCents: cents }),
      );
      told[of].set(providerRef, { state, cents });
      if (beside.second === "charged_back" && lostOf(told[1]) < 1_000) beside.second = "held";
      return `${providerRef} ${state} ${cents}`;
    }
  }
}

/** Whether what is on record is what follows from all that happened so far. */
async function compare(flow: Workflow, beside: Beside, said: string[]): Promise<void> {
  const twice = twiceOf(beside);
  for (const at of [0, 1] as const) {
    if (twice[at] > beside.was[at]) beside.ended[at] = null;
    if (twice[at] === 0) beside.ended[at] = null;
    beside.was[at] = twice[at];
    const [row] = await flow.rows(
      `select twice.amount_cents, twice.ended_as
      from money_given_twice twice join payments on payments.id = twice.payment_id
      where twice.order_id = ? and payments.surplus = ?`,
      [beside.orderId, at],
    );
    const about = `charge ${at} after ${said.join("; ")}`;
    assert.equal(Number(row?.amount_cents ?? 0), twice[at], about);
    const isOpen = row !== undefined && row.ended_as === null;
    assert.equal(isOpen, twice[at] > 0 && beside.ended[at] === null, about);
  }
  assert.deepEqual(
    await accountsOf(flow, beside.orderId),
    accountsBeside(beside),
    said.join("; "),
  );
}

Deno.test("whatever happens in whatever sequence, what went back twice and the ledger follow from what there is", () =>
  withFlow("twice_model", async (flow) => {
    for (let seed = 1; seed <= 40; seed++) {
      const random = randomFrom(seed);
      const name = `m${seed}`;
      const beside: Beside = {
        orderId: await aPaidOrder(flow, name),
        refunded: 0,
        asked: [],
        told: [new Map(), new Map()],
        second: "none",
        ended: [null, null],
        was: [0, 0],
      };
      const said = [`seed ${seed}`];
      for (let at = 1; at <= 14; at++) {
        said.push(await step(flow, beside, { random, at, name }));
        await compare(flow, beside, said);
      }
    }
    await expectSound(flow);
  }));
