import assert from "node:assert/strict";
import { missingMoney } from "../../../db/reconciliation/missing_money.ts";
import { aPaidOrder } from "../../chargebacks.ts";
import { withWorkflow, type Workflow } from "../../workflow.ts";

/** Payments beside the order's own that went back, and steps of its timeline by which persons gave some of them back. */
async function goneBack(
  { rows }: Workflow,
  orderId: number,
  refs: readonly string[],
  details: readonly string[],
): Promise<void> {
  await rows(
    `update payments set provider_ref = 'main', status = 'REVERSED' where order_id = ${orderId}`,
  );
  for (const [place, ref] of refs.entries()) {
    await rows(
      `insert into payments (order_id, provider, provider_ref, amount_cents, status, surplus, paid_at)
       select order_id, provider, ?, amount_cents, 'REVERSED', ?, paid_at from payments
       where order_id = ? and surplus = 0`,
      [ref, place + 1, orderId],
    );
  }
  for (const detail of details) {
    await rows(
      "insert into order_events (order_id, event, detail, actor) values (?, 'payment_returned', ?, 'test')",
      [orderId, detail],
    );
  }
}

async function missingReversals({ db }: Workflow): Promise<string[]> {
  const span = { from: "2000-01-01 00:00:00", until: "2100-01-01 00:00:00" };
  const missing: string[] = [];
  for await (const rows of missingMoney(db, "simulated", span)) {
    missing.push(
      ...rows.filter(({ movement }) => movement === "reversal").map(({ chargeRef }) => chargeRef),
    );
  }
  return missing.sort();
}

const cases: Readonly<Record<string, [refs: string[], details: string[], missing: string[]]>> = {
  "a name that another one begins with": [["x_1", "x_10"], ["10.00 EUR by x_10"], ["main", "x_1"]],
  "the shorter of two names": [["x_1", "x_10"], ["10.00 EUR by x_1: cash"], ["main", "x_10"]],
  "a name with a sign that stands for any": [["x_1", "xa1"], ["10.00 EUR by xa1"], ["main", "x_1"]],
  "names that differ in their case alone": [["x", "X"], ["10.00 EUR by X: cash"], ["main", "x"]],
  "a name that somebody typed in a note": [["x_1"], ["10.00 EUR: paid by x_1"], ["x_1"]],
  "no name, which is of the order's own payment": [["x_1"], ["10.00 EUR"], ["x_1"]],
};

for (const [what, [refs, details, missing]] of Object.entries(cases)) {
  Deno.test(`money that a person gave back is no other payment's: ${what}`, async () => {
    await withWorkflow("reversed_beside", async (flow) => {
      const orderId = await aPaidOrder(flow);
      await goneBack(flow, orderId, refs, details);
      assert.deepEqual(await missingReversals(flow), missing);
    });
  });
}
