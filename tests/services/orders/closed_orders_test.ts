import assert from "node:assert/strict";
import { decideAndPublish } from "../../../services/payments/decide_payment.ts";
import { editAndPublish } from "../../../services/orders/edit_order.ts";
import { eraseCustomer } from "../../../services/customers/erase_customer.ts";
import { decideByHandAndPublish } from "../../../services/refunds/refund_by_hand.ts";
import { WorkflowError } from "../../../domain/errors.ts";
import { publish } from "../../../streams/workflow/publish.ts";
import { proveStalest } from "../../../streams/seals/prove_seals.ts";
import { sealLate, sealNext } from "../../../streams/seals/seal.ts";
import { verify } from "../../../streams/verification/verify.ts";
import { age, agedDays, archiveAll, archivedIds } from "../../archived.ts";
import { anOperator } from "../../operator.ts";
import { askRefund, type SettledWorkflow, withSettled } from "../../settled_workflow.ts";
import { addPaid } from "../../source_orders.ts";
import { anOrder } from "../../workflow.ts";

interface Closed {
  flow: SettledWorkflow;
  /** `PAID` at its source, 10.00 EUR, by a provider that is not configured; a guest's. */
  atSource: number;
}

/** What is done about orders that are over for months. Each leaves nothing to do. */
const actions: Record<string, (closed: Closed) => Promise<void>> = {
  "a second payment that goes back": async ({ flow }) => {
    await secondPayment(flow, flow.ids.paid);
    await decide(flow, flow.ids.paid, "give_back");
  },
  "a second payment that is dismissed": async ({ flow }) => {
    await secondPayment(flow, flow.ids.dollars, "USD");
    await decide(flow, flow.ids.dollars, "dismiss");
  },
  "money for an order that had been declined": async ({ flow }) => {
    await secondPayment(flow, flow.ids.declined);
    const payments = await flow.rows("select status from payments where order_id = ?", [
      flow.ids.declined,
    ]);
    assert.deepEqual(payments.map(({ status }) => status), ["REVERSED"]);
  },
  "money for an order that ran short": ({ flow }) => secondPayment(flow, flow.ids.short),
  "a refund that a person refuses": async ({ flow, atSource }) => {
    const message = await askRefund(flow, atSource, 400);
    await publish(flow, [{ message }]);
    await flow.drain();
    const said = { refundId: message.refundId, verdict: "refused", note: null } as const;
    await decideByHandAndPublish(flow, said, anOperator());
    await flow.drain();
    assert.equal((await flow.order(atSource)).refundedCents, 0);
  },
  "a chargeback that a person books as a refund": async ({ flow, atSource }) => {
    const message = await askRefund(flow, atSource, 400);
    await publish(flow, [{ message }]);
    await flow.drain();
    const said = { refundId: message.refundId, verdict: "given_back", note: "cb 1" } as const;
    await decideByHandAndPublish(flow, said, anOperator());
    await flow.drain();
    assert.equal((await flow.order(atSource)).refundedCents, 400);
  },
  "the erasure of their customer": async ({ flow }) => {
    const deps = { ...flow, config: { erasureSecret: "" } };
    const { changed } = await eraseCustomer(deps, { externalId: "c1" }, anOperator());
    assert.equal(changed, true);
  },
  "an edit, which is refused": async ({ flow }) => {
    const deps = { ...flow, config: { initialStock: 50, unknownSku: "create" as const } };
    const { paid, declined, short } = flow.ids;
    for (const [name, id] of Object.entries({ paid, declined, short })) {
      await assert.rejects(
        editAndPublish(deps, id, anOrder(name, [{ sku: "a", qty: 9 }]), { actor: "test" }),
        (error) => error instanceof WorkflowError && error.code === "order_not_editable",
      );
    }
  },
};

async function secondPayment(
  flow: SettledWorkflow,
  orderId: number,
  currency = "EUR",
): Promise<void> {
  await publish(flow, [{
    message: {
      type: "payment.callback",
      orderId,
      amountCents: 700,
      currency,
      outcome: "succeeded",
      provider: "simulated",
      providerRef: `again ${orderId}`,
    },
  }]);
  await flow.drain();
}

async function decide(
  flow: SettledWorkflow,
  orderId: number,
  verdict: "give_back" | "dismiss",
): Promise<void> {
  await expectSound(flow, `before it was decided to ${verdict}`);
  const { changed } = await decideAndPublish(flow, orderId, verdict, anOperator());
  assert.equal(changed, true);
  await flow.drain();
}

/** Both proofs agree, and so does the walk through the seals. */
async function expectSound(flow: SettledWorkflow, when: string): Promise<void> {
  for (const incremental of [true, false]) {
    const { checks } = await verify(flow, { settleMs: 0, incremental });
    assert.deepEqual(checks.filter(({ ok }) => !ok), [], `${when}, incremental: ${incremental}`);
  }
  assert.deepEqual((await proveStalest(flow.db, 100)).drifts.list, [], `${when}, by the walk`);
}

async function sealAll(flow: SettledWorkflow): Promise<void> {
  while ((await sealNext(flow)).goesOn);
  for (const kind of ["order", "refund"] as const) await sealLate(flow, kind, 0);
}

/** Lets what came besides have come about long ago, too; what was sealed stays as it is. */
async function ageRecent(flow: SettledWorkflow): Promise<void> {
  const back = (column: string) => `${column} = ${column} - interval ${agedDays - 5} day`;
  const isRecent = "created_at > current_timestamp(6) - interval 5 day";
  await flow.rows(
    `update refunds set ${back("processed_at")}, ${back("created_at")} where ${isRecent}`,
  );
  await flow.rows(`update payments set ${back("created_at")} where ${isRecent}`);
}

/** What is done to orders that are over, in its order. */
const closings = {
  "sealed": ["seal"],
  "archived": ["archive"],
  "archived and sealed": ["archive", "seal"],
} as const;

async function close(flow: SettledWorkflow, closing: keyof typeof closings): Promise<void> {
  await flow.add([anOrder(`latest ${closing}`, [{ sku: "z", qty: 1 }])]);
  await flow.drain();
  for (const step of closings[closing]) {
    if (step === "seal") await sealAll(flow);
    else assert.ok(await archiveAll(flow) > 0);
  }
}

for (const closing of Object.keys(closings) as (keyof typeof closings)[]) {
  Deno.test(`what may still happen to orders that are ${closing} is no drift, then or later`, () =>
    withSettled(`closed_${closing.replaceAll(/\W/g, "")}`, async (flow) => {
      const [atSource] = await addPaid(flow, [anOrder("source", [{ sku: "a", qty: 10 }])]);
      await flow.drain();
      await age(flow);
      await close(flow, closing);
      await expectSound(flow, "before");
      for (const [name, act] of Object.entries(actions)) {
        await act({ flow, atSource: atSource! });
        await expectSound(flow, `after ${name}`);
      }
      await ageRecent(flow);
      await sealAll(flow);
      await flow.add([anOrder("even later", [{ sku: "z", qty: 1 }])]);
      await flow.drain();
      await archiveAll(flow);
      await expectSound(flow, "later");
      // Nothing of it keeps anything open.
      const open = await flow.rows("select kind, id from unsealed_rows where kind = 'payment'");
      assert.deepEqual(open, []);
      assert.ok((await archivedIds(flow)).length >= 5);
    }));
}
