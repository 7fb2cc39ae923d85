import assert from "node:assert/strict";
import type { CallbackMessage } from "../../../domain/messages/messages.ts";
import type { ChargeStatus, Gateway } from "../../../streams/payments/gateway.ts";
import { readKpis } from "../../../streams/kpis/kpis.ts";
import { simulatedGateway } from "../../../streams/payments/providers/simulated.ts";
import { publish } from "../../../streams/workflow/publish.ts";
import { aPaidOrder } from "../../chargebacks.ts";
import { assertConsistent } from "../consistent.ts";
import { openWorkflow, type Workflow } from "../../workflow.ts";

/** What the provider says of the charge of order `1` when it is asked. */
interface Said {
  status: ChargeStatus | undefined;
  asked: number;
}

async function withBooks(
  name: string,
  work: (flow: Workflow, said: Said) => Promise<void>,
): Promise<void> {
  const said: Said = { status: undefined, asked: 0 };
  const gateway: Gateway = {
    ...simulatedGateway({ delayMs: 0 }),
    status: (requests) => {
      said.asked++;
      return Promise.resolve(requests.map(() => said.status!));
    },
  };
  const flow = await openWorkflow(name, { gateway });
  try {
    await work(flow, said);
  } finally {
    await flow.close();
  }
}

/** The provider's answer to the charge of an order. */
function answer(orderId: number, outcome: "succeeded" | "declined"): CallbackMessage {
  return {
    type: "payment.callback",
    orderId,
    amountCents: 1_000,
    currency: "EUR",
    outcome,
    provider: "simulated",
    providerRef: "sim_of_1",
  };
}

const saying = (message: CallbackMessage): ChargeStatus => ({
  kind: "accepted",
  callback: { message },
});

Deno.test("a charge that bounces after its order was paid by it is a chargeback that was lost, once", () =>
  withBooks("bounced", async (flow, said) => {
    const orderId = await aPaidOrder(flow);
    const decline = answer(orderId, "declined");
    said.status = saying(decline);
    for (let time = 0; time < 2; time++) {
      await publish(flow, [{ message: { ...decline } }]);
      assert.equal((await flow.turn("payments")).dead, 0);
    }
    const rows = await flow.rows(
      "select provider_ref, state, amount_cents, reason, order_id from chargebacks",
    );
    assert.deepEqual(rows.map((row) => ({ ...row })), [{
      provider_ref: "bounced sim_of_1",
      state: "lost",
      amount_cents: 1_000,
      reason: "bounced",
      order_id: orderId,
    }]);
    const today = new Date().toISOString().slice(0, 10);
    const [figures] = await readKpis(flow, today, today);
    assert.deepEqual([figures!.revenue_cents, figures!.chargeback_amount_cents], [0, 1_000]);
    const steps = await flow.rows(
      "select detail from order_events where event = 'chargeback_closed'",
    );
    assert.deepEqual(steps.map(({ detail }) => detail), ["10.00 EUR, lost: bounced"]);
    await assertConsistent(flow);
  }));

Deno.test("a refusal of an earlier try that comes late changes nothing, as its provider has the money", () =>
  withBooks("bounced_not", async (flow, said) => {
    const orderId = await aPaidOrder(flow);
    said.status = saying(answer(orderId, "succeeded"));
    await publish(flow, [{ message: answer(orderId, "declined") }]);
    const turn = await flow.turn("payments");
    assert.deepEqual([turn.handled, turn.dead, said.asked], [1, 0, 1]);
    assert.deepEqual(await flow.rows("select id from chargebacks"), []);
    await assertConsistent(flow);
  }));

Deno.test("what its provider says of another charge than the order was paid by is no word about that", () =>
  withBooks("bounced_other", async (flow, said) => {
    const orderId = await aPaidOrder(flow);
    said.status = saying({ ...answer(orderId, "declined"), providerRef: "earlier" });
    await publish(flow, [{ message: answer(orderId, "declined") }]);
    await flow.turn("payments");
    assert.equal(said.asked, 1);
    assert.deepEqual(await flow.rows("select id from chargebacks"), []);
  }));

Deno.test("while its provider can't be reached the word that a charge bounced waits, and where it knows nothing a person looks", () =>
  withBooks("bounced_away", async (flow, said) => {
    const orderId = await aPaidOrder(flow);
    said.status = { kind: "away", error: "down" };
    await publish(flow, [{ message: answer(orderId, "declined") }]);
    const turn = await flow.turn("payments");
    assert.deepEqual([turn.handled, turn.dead], [0, 0]);
    said.status = { kind: "unknown" };
    await publish(flow, [{ message: answer(orderId, "declined") }]);
    assert.equal((await flow.turn("payments")).dead, 1);
    assert.deepEqual(await flow.rows("select id from chargebacks"), []);
  }));
