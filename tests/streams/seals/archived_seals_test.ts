import assert from "node:assert/strict";
import { readBrokenSeals } from "../../../db/verification/seals.ts";
import { proveStalest } from "../../../streams/seals/prove_seals.ts";
import { sealLate, sealNext } from "../../../streams/seals/seal.ts";
import { verify } from "../../../streams/verification/verify.ts";
import { age, archiveAll, archivedIds } from "../../archived.ts";
import { askParts, payMixedOrder } from "../../restocked_units.ts";
import { withSettled } from "../../settled_workflow.ts";
import { anOrder, type Workflow } from "../../workflow.ts";

async function sealAll(flow: Workflow): Promise<void> {
  while ((await sealNext(flow)).goesOn);
  for (const kind of ["order", "refund"] as const) await sealLate(flow, kind, 0);
}

async function expectSound(flow: Workflow): Promise<void> {
  for (const incremental of [true, false]) {
    const { checks } = await verify(flow, { settleMs: 0, incremental });
    assert.deepEqual(checks.filter(({ ok }) => !ok), [], `incremental: ${incremental}`);
  }
}

/** Looks at every seal. @returns how many are broken */
async function countBroken(flow: Workflow): Promise<number> {
  await proveStalest(flow.db, 100);
  return (await readBrokenSeals(flow.db, 100)).filter(({ kind }) => kind === "order").length;
}

for (const first of ["sealed", "archived"] as const) {
  Deno.test(`what is ${first} first is as sound in the archive as before, and comes back so`, () =>
    withSettled(`seal_archive_${first}`, async (flow) => {
      const mixed = await payMixedOrder(flow);
      await askParts(flow, mixed, {
        lines: [{ sku: "MUG", itemId: null, qty: 1, restock: true }],
        adjustments: [],
        restock: false,
      });
      await flow.drain();
      await age(flow);
      await flow.rows("update order_retries set created_at = created_at - interval 100 day");
      await flow.add([anOrder("latest", [{ sku: "z", qty: 1 }])]);
      await flow.drain();
      if (first === "sealed") await sealAll(flow);
      assert.equal(await archiveAll(flow), 5);
      if (first === "archived") await sealAll(flow);
      await expectSound(flow);
      assert.equal(await countBroken(flow), 0);
      await askParts(flow, mixed, {
        lines: [{ sku: "MUG", itemId: null, qty: 1, restock: true }],
        adjustments: [],
        restock: false,
      });
      await flow.drain();
      assert.equal((await archivedIds(flow)).length, 4);
      await expectSound(flow);
      assert.equal(await countBroken(flow), 0);
      await flow.rows("update archived_payments set amount_cents = 1 where order_id = ?", [
        flow.ids.paid,
      ]);
      assert.equal(await countBroken(flow), 1);
    }));
}
