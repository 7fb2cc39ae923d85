import assert from "node:assert/strict";
import type { WorkflowError } from "../../../domain/errors.ts";
import { lyingReport } from "../../../commands/provider_report.ts";
import type { DiscrepancyRow } from "../../../db/reconciliation/discrepancies.ts";
import {
  approveMending,
  proposeMending,
} from "../../../services/reconciliation/mend_discrepancies.ts";
import { anOperator } from "../../operator.ts";
import { withProvider } from "../../provider.ts";

import { all, depsOf, hold, operator, paidOrders } from "../../reconciled.ts";

Deno.test("with two pairs of eyes nobody approves what they proposed", async () => {
  await withProvider("reconcile_two_eyes", {}, async (provided) => {
    await paidOrders(provided, 5);
    const { lines } = lyingReport(provided.provider.report(), { seed: 1, lies: 1 });
    await hold(provided, lines, 2);
    const deps = depsOf(provided, 2);
    const [row] = await all(provided, "open");
    const wish = { id: row!.id, action: "explain", note: "seen at the bank" } as const;
    const proposed = await proposeMending(deps, wish, operator);
    assert.equal(proposed.discrepancy.state, "open");
    await assert.rejects(approveMending(deps, row!.id, operator), /takes two people/);
    // Whatever stands there, nobody approves it unseen.
    const unseen = anOperator("another");
    for (
      const seen of [{}, { action: wish.action }, { proposedAt: proposed.discrepancy.proposedAt! }]
    ) {
      await assert.rejects(
        approveMending(deps, row!.id, unseen, { seen }),
        (error: WorkflowError) =>
          error.code === "invalid" && /say which action/.test(error.message),
      );
    }
    // What took its place since somebody looked is not approved by them.
    const another = anOperator("another");
    const { proposedAt } = proposed.discrepancy;
    await proposeMending(deps, { ...wish, note: "something else" }, operator);
    for (const seen of [{ proposedAt: proposedAt! }, { action: "give_back" as const }]) {
      await assert.rejects(
        approveMending(deps, row!.id, another, { seen }),
        /something else was proposed meanwhile: "explain", by test/,
      );
    }
    const again = (await proposeMending(deps, wish, operator)).discrepancy.proposedAt!;
    const { discrepancy } = await approveMending(deps, row!.id, another, {
      seen: { action: "explain", proposedAt: again },
    });
    assert.deepEqual(
      [discrepancy.state, discrepancy.proposedBy, discrepancy.approvedBy, discrepancy.note],
      ["explained", "test", "another", "seen at the bank"],
    );
  });
});

Deno.test("who approves approves what they have seen, and nothing that was proposed meanwhile", async () => {
  await withProvider("reconcile_seen", {}, async (provided) => {
    await paidOrders(provided, 5);
    const { lines } = lyingReport(provided.provider.report(), { seed: 1, lies: 1 });
    await hold(provided, lines, 2);
    const deps = depsOf(provided, 2);
    const [{ id }] = await all(provided, "open") as [DiscrepancyRow];
    const another = anOperator("another");
    const propose = async (note: string) =>
      (await proposeMending(deps, { id, action: "explain", note }, operator)).discrepancy;
    const first = await propose("seen at the bank");
    const seen = { action: first.action!, proposedAt: first.proposedAt! };
    const second = await propose("never mind");
    await assert.rejects(approveMending(deps, id, another, { seen }), /proposed meanwhile/);
    await assert.rejects(
      approveMending(deps, id, another, { seen: { action: "give_back" } }),
      /"explain", by test/,
    );
    const { discrepancy } = await approveMending(deps, id, another, {
      seen: { ...seen, proposedAt: second.proposedAt! },
    });
    assert.equal(discrepancy.state, "explained");
  });
});
