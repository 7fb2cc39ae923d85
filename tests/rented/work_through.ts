/**
 * What is done with orders from the file to the proof, on a database as it is.
 *
 * @module
 */

import assert from "node:assert/strict";
import { migrate } from "../../db/connection/migrate.ts";
import { publish } from "../../streams/workflow/publish.ts";
import { rebuildKpis } from "../../streams/kpis/kpis_rebuild.ts";
import { aChargeback, tell } from "../chargebacks.ts";
import { hold, ownReport } from "../reconciled.ts";
import { askRefund, verifyNow } from "../settled_workflow.ts";
import { anOrder, simulatedRefOf, withWorkflow, type Workflow } from "../workflow.ts";

/** A name that says something else to a server which takes its quotes and strokes otherwise. */
const oddName = `O'Hara "the \\ || ${"`"}-- ;`;

/**
 * Migrates, takes orders with odd names, settles them, refunds, holds a provider's report against the books, records a
 * chargeback, and proves that all agree.
 *
 * @param as whom the service comes; default: who migrates
 */
export async function workThrough(name: string, databaseUrl: string, as?: string): Promise<void> {
  await migrate(databaseUrl);
  await withWorkflow(name, async (flow) => {
    await takeThrough(flow);
    const report = await verifyNow(flow);
    assert.ok(report.ok, JSON.stringify(report.checks.filter(({ ok }) => !ok)));
  }, { databaseUrl: as ?? databaseUrl });
}

/** Orders that end in every way, a refund, a report and a chargeback. */
export async function takeThrough(flow: Workflow): Promise<void> {
  const taken = await flow.add([
    anOrder("paid", [{ sku: "a", qty: 2, unitPriceCents: 200 }], {
      customer: { externalId: oddName, email: "o@example.com", name: oddName },
    }),
    anOrder("dollars", [{ sku: oddName, qty: 1, unitPriceCents: 300 }], { currency: "USD" }),
    anOrder("declined", [{ sku: "a", qty: 1, unitPriceCents: 101 }]),
    anOrder("short", [{ sku: "c", qty: 51 }]),
  ]);
  await flow.drain();
  const [paid] = taken.map(({ orderId }) => orderId!);
  const refund = await askRefund(flow, paid!, 100);
  await publish(flow, [{ message: refund }]);
  await flow.drain();
  const rows = await flow.rows("select status from orders order by id");
  assert.deepEqual(rows.map(({ status }) => status), ["PAID", "PAID", "FAILED", "FAILED"]);
  const [who] = await flow.rows("select name from customers where external_id = ?", [oddName]);
  assert.equal(who?.name, oddName);
  await holdBooks(flow, paid!);
  await rebuildKpis(flow);
}

/** The provider's report says the same as the books; then the customer's bank takes what is left of an order. */
async function holdBooks(flow: Workflow, orderId: number): Promise<void> {
  const lines = (await ownReport(flow)).map((line) =>
    line.reference === "dollars" ? { ...line, currency: "USD" } : line
  );
  const { state, lines: read, found } = await hold({ flow, name: "simulated" }, lines);
  assert.deepEqual([state, read, found], ["DONE", 3, 0]);
  const chargeRefs = [await simulatedRefOf(flow.db, orderId)];
  const told = aChargeback("needs_response", 0, { chargeRefs, amountCents: 300 });
  assert.deepEqual((await tell(flow, told)).orderId, orderId);
}
