import assert from "node:assert/strict";
import { listChargebacks } from "../../../db/payments/chargeback_list.ts";
import { acknowledgeChargeback } from "../../../services/payments/acknowledge_chargeback.ts";
import { lookOnce, readAlerts } from "../../../streams/alerts/alerts.ts";
import { takeChargeback } from "../../../streams/payments/take_chargeback.ts";
import { keepChargebacks } from "../../../streams/upkeep/upkeep.ts";
import { alertSettings } from "../../alert_settings.ts";
import { aChargeback, aPaidOrder, tell } from "../../chargebacks.ts";
import { anOperator } from "../../operator.ts";
import { openWorkflow, type Workflow } from "../../workflow.ts";
import { assertConsistent } from "../consistent.ts";

/** What is raised about chargebacks, so many minutes after the first look. */
async function raisedAfter(flow: Workflow, minutes: number) {
  for (const seconds of [0, 61]) {
    const at = Date.now() + minutes * 600_000 + seconds * 1_000;
    await lookOnce({ ...flow, config: alertSettings }, at);
  }
  return Object.fromEntries(
    (await readAlerts(flow)).flatMap(({ name, detail, raisedAt }) =>
      name.startsWith("chargebacks") && raisedAt !== null ? [[name, detail]] : []
    ),
  );
}

Deno.test("a chargeback is an alert while it waits for an answer, and once it is lost until somebody knows of it", async () => {
  const flow = await openWorkflow("chargeback_alerts");
  try {
    await aPaidOrder(flow);
    assert.deepEqual(await raisedAfter(flow, 0), {});
    await tell(flow, aChargeback("needs_response", 0));
    await tell(flow, aChargeback("lost", 0, { providerRef: "dp_2", chargeRefs: ["elsewhere"] }));
    assert.deepEqual(await raisedAfter(flow, 1), {
      chargebacks_due: "10.00 EUR in 1, the first until 2026-03-09 00:00 UTC",
      chargebacks_unknown:
        "10.00 EUR in 1: another shop's with the same provider, or of a payment that " +
        "is missing here",
    });
    await tell(flow, aChargeback("lost", 60));
    const [unknown] = await listChargebacks(flow.db, { isUnknown: true }, { limit: 1 });
    await acknowledgeChargeback(flow, unknown!.id, anOperator("desk"));
    assert.deepEqual(await raisedAfter(flow, 2), {
      chargebacks_lost: "10.00 EUR in 1, which nobody has said to know of",
    });
    const [lost] = await listChargebacks(flow.db, { isUnknown: false }, { limit: 1 });
    assert.equal((await acknowledgeChargeback(flow, lost!.id, anOperator("desk"))).changed, true);
    assert.equal((await acknowledgeChargeback(flow, lost!.id, anOperator("desk"))).changed, false);
    assert.deepEqual(await raisedAfter(flow, 3), {});
    const entries = await flow.rows(
      "select outcome, detail from audit_log where action = 'chargeback.acknowledge' order by id",
    );
    assert.deepEqual(entries.map(({ outcome, detail }) => [outcome, detail]), [
      ["done", `chargeback ${unknown!.id}: 10.00 EUR, lost`],
      ["done", `chargeback ${lost!.id}: 10.00 EUR, lost`],
      ["unchanged", null],
    ]);
  } finally {
    await flow.close();
  }
});

Deno.test("upkeep gives a chargeback to the order whose payment came later, and counts what nobody did", async () => {
  const flow = await openWorkflow("chargeback_upkeep");
  try {
    const news = {
      ...aChargeback("lost", 60),
      reason: null,
      dueBy: null,
      openedAt: "2026-03-01 10:00:00.000000",
      happenedAt: "2026-03-01 10:01:00.000000",
    };
    const deps = { ...flow, chargebackRevenue: "opened" as const };
    // As whoever recorded it leaves it who dies right behind the commit.
    await takeChargeback(deps, news, "provider:simulated");
    await aPaidOrder(flow);
    const looks = { ...flow, config: { chargebackRevenue: "opened" as const } };
    assert.deepEqual(await keepChargebacks(looks), { matched: 1, counted: 4 });
    assert.deepEqual(await keepChargebacks(looks), { matched: 0, counted: 0 });
    await assertConsistent(flow);
  } finally {
    await flow.close();
  }
});
