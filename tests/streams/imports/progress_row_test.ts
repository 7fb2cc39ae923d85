import assert from "node:assert/strict";
import {
  askForImportEnd,
  createImport,
  listImports,
  readImport,
  updateImport,
} from "../../../db/imports/imports.ts";
import { toInteger } from "../../../db/connection/database.ts";
import { noCounts } from "../../../domain/import/import_counts.ts";
import { silentLog } from "../../../domain/operation/log.ts";
import { importOrders } from "../../../streams/imports/orders_import.ts";
import { progressRow } from "../../../streams/imports/progress_row.ts";
import { until } from "../../../tools/chaos/harness/until.ts";
import { csvOf, sourceOf } from "../../csv_orders.ts";
import { withWorkflow } from "../../workflow.ts";

Deno.test("importOrders() has its row say what was taken while the next batch waits for a lock", async () => {
  await withWorkflow("import_progress", async (flow) => {
    const { db } = flow;
    await db.run(
      `
      insert into products (sku, name, price_cents, stock_qty, received_qty)
      values ('HELD', 'Mug', 1, 50, 50)`,
    );
    const held = Promise.withResolvers<void>(), free = Promise.withResolvers<void>();
    const holding = db.transaction(async (tx) => {
      await tx.query("select id from products where sku = 'HELD' for update");
      held.resolve();
      await free.promise;
    }, { idleTransactionSeconds: 60 });
    await held.promise;
    // Two batches that are taken at once, one after the other, and one that waits.
    const skus = ["FREE", "FREE", "FREE", "FREE", "HELD", "HELD"];
    const rows = skus.map((product_sku, index) => ({
      external_order_id: `P-${index}`,
      product_sku,
    }));
    const importing = importOrders({ ...flow, log: silentLog }, sourceOf(csvOf(rows)), {
      name: "progress.csv",
      initialStock: 50,
      limits: { batch: { orders: 2, items: 10, rows: 10 } },
    });
    importing.catch(() => {});
    const latest = async () => (await listImports(db, { beforeId: undefined, limit: 1 }))[0];
    try {
      await until("the row has both batches", 20_000, async () => {
        const run = await latest();
        return run?.counts.ordersNew === 4 || JSON.stringify(run);
      });
      const { status, counts } = (await latest())!;
      assert.deepEqual([status, counts.orders, counts.published], ["RUNNING", 4, 4]);
      const [row] = await db.query("select count(*) as n from orders");
      assert.equal(toInteger(row!.n), 4);
    } finally {
      free.resolve();
      await holding;
    }
    assert.equal((await importing).orders_new, 6);
    const { status, counts, finishedAt } = (await latest())!;
    assert.deepEqual([status, counts.ordersNew, finishedAt !== null], ["DONE", 6, true]);
  });
});

Deno.test("progressRow() writes what was noted while it wrote, and one at a time", async () => {
  let counted = 0, atOnce = 0;
  const written: number[] = [];
  const begun = Promise.withResolvers<void>(), goOn = Promise.withResolvers<void>();
  const row = progressRow(async () => {
    assert.equal(++atOnce, 1);
    written.push(counted);
    begun.resolve();
    await goOn.promise;
    atOnce--;
  }, () => {});
  counted = 1;
  row.note();
  await begun.promise;
  counted = 2;
  row.note();
  goOn.resolve();
  await until("it was written again", 20_000, () => written.length === 2 || String(written));
  assert.deepEqual(written, [1, 2]);
  await row.end();
});

Deno.test("progressRow() goes on after what it could not write, and is over when it says so", async () => {
  const errors: unknown[] = [];
  let writes = 0;
  const begun = Promise.withResolvers<void>(), goOn = Promise.withResolvers<void>();
  const row = progressRow(async () => {
    if (++writes === 1) throw new Error("away");
    begun.resolve();
    await goOn.promise;
  }, (error) => errors.push(error));
  row.note();
  await until("it failed", 20_000, () => errors.length === 1 || String(writes));
  row.note();
  await begun.promise;
  row.note();
  let isOver = false;
  const ending = row.end().then(() => isOver = true);
  await Promise.resolve();
  assert.equal(isOver, false, "what is being written might come after the end");
  goOn.resolve();
  await ending;
  assert.equal(writes, 2);
});

Deno.test("updateImport() does not bring a run back that was ended", async () => {
  await withWorkflow("import_ended", async ({ db }) => {
    const counts = { ...noCounts(), rows: 7 };
    const id = await createImport(db, "silent.csv");
    const silence = (status: string) =>
      db.run(
        "update imports set status = ?, updated_at = current_timestamp(6) - interval 2 minute where id = ?",
        [status, id],
      );
    await silence("INTERRUPTED");
    await updateImport(db, id, counts);
    const back = await readImport(db, id);
    assert.deepEqual([back?.status, back?.counts.rows], ["RUNNING", 7]);
    await silence("RUNNING");
    await askForImportEnd(db, id, "desk");
    await updateImport(db, id, { ...counts, orders: 5 });
    const ended = await readImport(db, id);
    assert.deepEqual([ended?.status, ended?.counts.orders], ["CANCELLED", 0]);
  });
});
