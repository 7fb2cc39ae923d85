import assert from "node:assert/strict";
import {
  countOpenDiscrepancies,
  type DiscrepancyFilter,
  listDiscrepancies,
} from "../../../db/reconciliation/discrepancies.ts";
import { listProviderDays } from "../../../db/reconciliation/reconciled_days.ts";
import { listReconciliations } from "../../../db/reconciliation/reconciliations.ts";
import { observeDatabase } from "../connection/observed_database.ts";
import { withWorkflow, type Workflow } from "../../workflow.ts";

/** Rows of the trial: enough that an optimizer would rather sort or walk all of them than use a wrong index. */
const rowCount = 40_000;

async function fill({ db }: Workflow): Promise<void> {
  await db.query(`
    insert into discrepancies (reconciliation_id, provider, kind, identity, state, day, movement, order_id, ended_at,
      approved_at)
    with recursive counted (n) as (select 0 union all select n + 1 from counted where n < 199)
    select 1 + n % 7, if(n % 5 = 0, 'stripe', 'http'),
      elt(1 + n % 4, 'late', 'twice', 'amount_differs', 'missing_with_us'), unhex(left(sha2(n, 256), 32)),
      elt(1 + n % 3, 'OPEN', 'EXPLAINED', 'MENDED'), date('2026-01-01') + interval n % 300 day, 'charge', n % 9000,
      if(n % 3 = 0, null, current_timestamp(6)), if(n % 999 = 0, current_timestamp(6), null)
    from (select one.n * 200 + two.n as n from counted one, counted two) all_of_them`);
  await db.query("analyze table discrepancies");
}

Deno.test("discrepancies are listed by an index in the order of their ids, whatever is wanted of many", async () => {
  await withWorkflow("list_discrepancies", async (flow) => {
    await fill(flow);
    const { db, sent } = observeDatabase(flow.db);
    const filters: DiscrepancyFilter[] = [
      {},
      { state: "open" },
      { state: "explained" },
      { kind: "late" },
      { kind: "late", state: "mended" },
      { provider: "stripe" },
      { provider: "stripe", state: "open" },
      { state: "open", approved: true },
      { reconciliationId: 3 },
      { orderId: 12 },
      { id: 40 },
    ];
    for (const filter of filters) {
      const rows = await listDiscrepancies(db, { filter, afterId: 5, limit: 50 });
      assert.ok(rows.length > 0, JSON.stringify(filter));
      const ids = rows.map(({ id }) => id);
      assert.deepEqual(ids, ids.toSorted((a, b) => a - b));
    }
    for (const { sql, values } of sent.filter(({ sql }) => /from discrepancies/.test(sql))) {
      for (const step of await flow.db.query(`explain format = traditional ${sql}`, values)) {
        assert.notEqual(step.type, "ALL", sql);
        assert.doesNotMatch(String(step.Extra ?? ""), /filesort|temporary/, sql);
      }
    }
    assert.equal(sent.length >= filters.length, true);
    assert.equal(await countOpenDiscrepancies(flow.db), Math.ceil(rowCount / 3));
    await listProviderDays(flow.db, 10);
    await listReconciliations(flow.db, { beforeId: null, limit: 10 });
  });
});
