import assert from "node:assert/strict";
import { listChargebacksOf } from "../../../db/payments/chargeback_list.ts";
import { listLedger } from "../../../db/ledger/ledger_list.ts";
import { WorkflowError } from "../../../domain/errors.ts";
import type { ChargebackOutcome } from "../../../domain/payment/chargeback.ts";
import { decideChargebackByHand } from "../../../services/payments/decide_chargeback.ts";
import { eraseCustomer } from "../../../services/customers/erase_customer.ts";
import { proposeMending } from "../../../services/reconciliation/mend_discrepancies.ts";
import { countChargebacks } from "../../../streams/kpis/count_chargebacks.ts";
import { rebuildKpis } from "../../../streams/kpis/kpis_rebuild.ts";
import { readKpis } from "../../../streams/kpis/kpis.ts";
import { lookOnce, readAlerts } from "../../../streams/alerts/alerts.ts";
import { simulatedGateway } from "../../../streams/payments/providers/simulated.ts";
import { verify } from "../../../streams/verification/verify.ts";
import { publish } from "../../../streams/workflow/publish.ts";
import { aChargeback, aPaidOrder, tell } from "../../chargebacks.ts";
import { alertSettings } from "../../alert_settings.ts";
import { anOperator } from "../../operator.ts";
import { all, depsOf, disputeOf, hold, ownReport, type Reconciled } from "../../reconciled.ts";
import { askRefund } from "../../settled_workflow.ts";
import { assertConsistent } from "../../streams/consistent.ts";
import { fateAfter, mortal } from "../../streams/queue/crash.ts";
import { withWorkflow, type Workflow } from "../../workflow.ts";

/** Its day is the day on which somebody says how a chargeback ended. */
const today = () => new Date().toISOString().slice(0, 10);

function decide(
  flow: Workflow,
  outcome: ChargebackOutcome,
  { note = null, actor = "desk", id = 1 }: {
    note?: string | null;
    actor?: string;
    id?: number;
  } = {},
) {
  const deps = { ...flow, config: { chargebackRevenue: "opened" } } as const;
  return decideChargebackByHand(deps, { id, outcome, note }, anOperator(actor));
}

const isNot = (pattern: RegExp) => (error: unknown) =>
  error instanceof WorkflowError && error.code === "chargeback_not_decidable" &&
  pattern.test(error.message);

async function figuresOn(flow: Workflow, day: string) {
  const [row] = await readKpis(flow, day, day);
  return [row!.revenue_cents, row!.chargeback_count, row!.chargeback_amount_cents];
}

async function bookedOf(flow: Workflow, orderId: number) {
  const { entries } = await listLedger(flow.db, { orderId }, { after: null, limit: 50 });
  return entries.filter(({ source }) => source === "chargeback")
    .map(({ account, amountCents }) => `${account} ${amountCents}`);
}

async function raised(flow: Workflow) {
  for (const minutes of [0, 2]) {
    await lookOnce({ ...flow, config: alertSettings }, Date.now() + minutes * 60_000);
  }
  return (await readAlerts(flow)).flatMap(({ name, raisedAt }) =>
    name.startsWith("chargebacks") && raisedAt !== null ? [name] : []
  );
}

Deno.test("a chargeback that a person says was lost is lost as if its provider had told it, on that day", () =>
  withWorkflow("decide_lost", async (flow) => {
    const orderId = await aPaidOrder(flow);
    const before = (await figuresOn(flow, today()))[0]!;
    await tell(flow, aChargeback("needs_response", 0), "lost");
    assert.deepEqual(await raised(flow), ["chargebacks_due"]);
    const { chargeback, changed } = await decide(flow, "lost", { note: " by letter " });
    assert.deepEqual([changed, chargeback.state, chargeback.lostCents], [true, "lost", 1_000]);
    assert.deepEqual([chargeback.seenBy, await raised(flow)], ["desk", []]);
    assert.deepEqual(await figuresOn(flow, "2026-03-01"), [0, 1, 1_000]);
    assert.deepEqual(await figuresOn(flow, today()), [Number(before) - 1_000, 0, 0]);
    assert.deepEqual(await bookedOf(flow, orderId), ["clearing -1000", "chargebacks 1000"]);
    const [, step] = await flow.rows(
      "select event, actor, detail from order_events where event like 'chargeback%' order by id",
    );
    assert.deepEqual(
      [step!.event, step!.actor, step!.detail],
      ["chargeback_closed", "desk", "10.00 EUR, lost: fraudulent; noted: by letter"],
    );
    await assertConsistent(flow);
    await rebuildKpis(flow);
    await assertConsistent(flow);
    assert.equal((await verify(flow, { settleMs: 0 })).ok, true);
  }));

Deno.test("said again it changes nothing, said otherwise it is refused, and the log tells all three", () =>
  withWorkflow("decide_again", async (flow) => {
    const orderId = await aPaidOrder(flow);
    await tell(flow, aChargeback("under_review", 0));
    assert.equal((await decide(flow, "won")).changed, true);
    assert.equal((await decide(flow, "won")).changed, false);
    await assert.rejects(decide(flow, "lost"), isNot(/ended otherwise before: won$/));
    const [won] = await listChargebacksOf(flow.db, orderId);
    assert.deepEqual([won!.state, won!.heldCents], ["won", 0]);
    assert.deepEqual(await bookedOf(flow, orderId), [
      "clearing -1000",
      "chargebacks 1000",
      "clearing 1000",
      "chargebacks -1000",
    ]);
    const entries = await flow.rows(
      "select outcome, detail from audit_log where action = 'chargeback.decide' order by id",
    );
    assert.deepEqual(entries.map(({ outcome, detail }) => [outcome, detail]), [
      ["done", "chargeback 1: 10.00 EUR, won"],
      ["unchanged", null],
      ["refused", "chargeback_not_decidable"],
    ]);
    assert.equal((await verify(flow, { settleMs: 0 })).ok, true);
  }));

Deno.test("once it is decided what is left is refunded and the person erased, the note with them", () =>
  withWorkflow("decide_frees", async (flow) => {
    const orderId = await aPaidOrder(flow);
    await tell(flow, aChargeback("needs_response", 0, { amountCents: 400 }));
    const [customer] = await flow.rows("select external_id from customers");
    const erase = () =>
      eraseCustomer(
        { ...flow, config: { erasureSecret: "" } },
        { externalId: String(customer!.external_id) },
        anOperator("desk"),
      );
    await assert.rejects(erase(), /chargeback/);
    await assert.rejects(askRefund(flow, orderId, 600));
    await decide(flow, "lost", { note: "Mara rang; noted: twice" });
    await publish(flow, [{ message: await askRefund(flow, orderId, 600) }]);
    await flow.drain();
    await erase();
    const [step] = await flow.rows(
      "select detail from order_events where event = 'chargeback_closed'",
    );
    assert.equal(step!.detail, "4.00 EUR, lost: fraudulent");
    assert.equal((await verify(flow, { settleMs: 0 })).ok, true);
  }));

Deno.test("of two who say otherwise at once one is refused, and of two who say the same one changes it", () =>
  withWorkflow("decide_at_once", async (flow) => {
    await aPaidOrder(flow);
    await tell(flow, aChargeback("needs_response", 0));
    const said = await Promise.allSettled(
      (["won", "lost", "won", "lost"] as const).map((one, n) =>
        decide(flow, one, { actor: `${n}` })
      ),
    );
    const done = said.flatMap((one) => one.status === "fulfilled" ? [one.value] : []);
    assert.deepEqual(done.map(({ changed }) => changed).sort(), [false, true]);
    assert.equal(new Set(done.map(({ chargeback }) => chargeback.state)).size, 1);
    for (const one of said) {
      if (one.status === "rejected") assert.ok(isNot(/ended otherwise/)(one.reason), one.reason);
    }
    const [steps] = await flow.rows(
      "select count(*) as n from order_events where event = 'chargeback_closed'",
    );
    assert.equal(Number(steps!.n), 1);
    await assertConsistent(flow);
  }));

Deno.test("where its provider is configured and tells of chargebacks nobody else says how one ended", () =>
  withWorkflow("decide_told", async (flow) => {
    await aPaidOrder(flow);
    await tell(flow, aChargeback("needs_response", 0));
    const simulated = simulatedGateway({ delayMs: 0 });
    const tells = { ...simulated, can: { ...simulated.can!, chargebacks: true } };
    const asked = { ...simulated, chargeback: () => Promise.resolve({ kind: "unknown" } as const) };
    for (const gateway of [tells, asked]) {
      const isTold = isNot(/simulated tells how it ends itself$/);
      await assert.rejects(decide({ ...flow, gateway }, "lost"), isTold);
      const beside = {
        ...flow,
        gateway: { ...simulated, name: "another" },
        otherGateways: [gateway],
      };
      await assert.rejects(decide(beside, "lost"), isTold);
    }
    const elsewhere = { ...tells, name: "another" };
    assert.equal((await decide({ ...flow, gateway: elsewhere }, "lost")).changed, true);
  }));

Deno.test("what was told of while a person decided is decided about as it is by then", () =>
  withWorkflow("decide_overtaken", async (flow) => {
    await aPaidOrder(flow);
    await tell(flow, aChargeback("needs_response", 0));
    const { db } = flow;
    let isTold = false;
    const late = {
      ...flow,
      db: {
        ...db,
        transaction: async (...of: Parameters<typeof db.transaction>) => {
          if (!isTold) {
            isTold = true;
            await tell(flow, aChargeback("needs_response", 60, { amountCents: 700 }));
          }
          return await db.transaction(...of);
        },
      },
    } as Workflow;
    const { chargeback } = await decide(late, "lost");
    assert.deepEqual([isTold, chargeback.state, chargeback.lostCents], [true, "lost", 700]);
    await assertConsistent(flow);
  }));

Deno.test("an inquiry that ended well moves no money, and one that was lost is one that was", () =>
  withWorkflow("decide_inquiry", async (flow) => {
    const orderId = await aPaidOrder(flow);
    await tell(flow, aChargeback("warning_needs_response", 0));
    assert.equal((await decide(flow, "won")).chargeback.state, "warning_closed");
    assert.equal((await decide(flow, "won")).changed, false);
    assert.deepEqual(await bookedOf(flow, orderId), []);
    await tell(flow, aChargeback("warning_under_review", 60));
    assert.equal((await decide(flow, "lost")).chargeback.lostCents, 1_000);
    assert.deepEqual(await bookedOf(flow, orderId), ["clearing -1000", "chargebacks 1000"]);
    // Nobody knows since when its money is gone.
    assert.deepEqual((await figuresOn(flow, today())).slice(1), [1, 1_000]);
    const [inquired] = await readKpis(flow, "2026-03-01", "2026-03-01");
    assert.deepEqual([inquired!.chargeback_count, inquired!.chargeback_amount_cents], [0, 0]);
    await tell(flow, aChargeback("lost", 120, { amountCents: 600 }));
    assert.deepEqual((await figuresOn(flow, today())).slice(1), [1, 600]);
    await rebuildKpis(flow);
    await assertConsistent(flow);
  }));

Deno.test("who says that one is lost is not reminded of it, though its order was found by that alone", () =>
  withWorkflow("decide_found", async (flow) => {
    await tell(flow, aChargeback("needs_response", 0));
    const orderId = await aPaidOrder(flow);
    const { chargeback } = await decide(flow, "lost");
    assert.deepEqual([chargeback.orderId, chargeback.seenBy], [orderId, "desk"]);
    assert.deepEqual(await raised(flow), []);
    await assertConsistent(flow);
  }));

Deno.test("one of an unknown charge is decided about as well, and is its order's once the payment comes", () =>
  withWorkflow("decide_unknown", async (flow) => {
    await tell(flow, aChargeback("needs_response", 0));
    assert.equal((await decide(flow, "lost")).chargeback.orderId, null);
    const orderId = await aPaidOrder(flow);
    await tell(flow, aChargeback("lost", 0));
    assert.deepEqual(await bookedOf(flow, orderId), ["clearing -1000", "chargebacks 1000"]);
    await assertConsistent(flow);
  }));

Deno.test("a report that says later that the bank gave the money again wins it, though that was before a person said it is lost", () =>
  withWorkflow("decide_won_back", async (flow) => {
    const orderId = await aPaidOrder(flow);
    const provided: Reconciled = { flow, name: "simulated" };
    const lines = await ownReport(flow);
    const [charge] = lines;
    const at = (secondsAgo: number) =>
      new Date(Date.now() - secondsAgo * 1_000).toISOString().slice(0, 23).replace("T", " ");
    const taken = disputeOf(charge!, { createdUtc: at(60) });
    const mendAll = async () => {
      for (const { id } of await all(provided, "open")) {
        await proposeMending(depsOf(provided), { id, note: null }, anOperator("books"));
      }
      assert.deepEqual(await all(provided, "open"), []);
    };
    await hold(provided, [...lines, taken]);
    await mendAll();
    assert.equal((await decide(flow, "lost")).chargeback.state, "lost");
    assert.equal((await verify(flow, { settleMs: 0 })).ok, true);
    // The line that took the money, read again, is no later word.
    await hold(provided, [...lines, taken].toReversed());
    assert.deepEqual(await all(provided, "open"), []);
    assert.equal((await listChargebacksOf(flow.db, orderId))[0]!.state, "lost");

    const { grossCents } = charge!;
    const again = disputeOf(charge!, {
      entryId: "txn_again",
      createdUtc: at(30),
      grossCents,
      netCents: grossCents,
    });
    await hold(provided, [...lines, taken, again]);
    await mendAll();
    const [won] = await listChargebacksOf(flow.db, orderId);
    assert.deepEqual([won!.state, won!.lostCents], ["won", 0]);
    assert.equal((await bookedOf(flow, orderId)).length, 4);
    await assertConsistent(flow);
    assert.equal((await verify(flow, { settleMs: 0 })).ok, true);
  }));

Deno.test("a process that dies anywhere while a person decides leaves one effect, once it is said again", () =>
  withWorkflow("decide_crash", async (flow) => {
    let isAlive = false;
    let moment = 0;
    for (; !isAlive; moment++) {
      assert.ok(moment < 200, "it ends");
      const name = `c${moment}`;
      const orderId = await aPaidOrder(flow, name);
      const of = { providerRef: name, chargeRefs: [`sim_of_${name}`] };
      const { id } = await tell(flow, aChargeback("needs_response", 0, of));
      const fate = fateAfter(moment);
      const doomed = { ...flow, ...mortal(flow, fate, "doomed") };
      await decide(doomed, "lost", { id }).catch((error) => assert.ok(fate.dead, error));
      isAlive = !fate.dead;
      assert.equal((await decide(flow, "lost", { id })).chargeback.lostCents, 1_000);
      await countChargebacks(flow);
      const steps = await flow.rows(
        "select id from order_events where event = 'chargeback_closed' and order_id = ?",
        [orderId],
      );
      assert.equal(steps.length, 1);
      assert.deepEqual(await bookedOf(flow, orderId), ["clearing -1000", "chargebacks 1000"]);
    }
    assert.ok(moment > 5, "it was stopped on its way");
    await assertConsistent(flow);
  }));
