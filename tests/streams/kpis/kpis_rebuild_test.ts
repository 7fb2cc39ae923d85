import assert from "node:assert/strict";
import type { Queryable } from "../../../db/connection/database.ts";
import { orderKpiEvents } from "../../../domain/kpi/kpi.ts";
import { readSettledOrders } from "../../../db/verification/kpi_sums.ts";
import { applyKpis } from "../../../streams/kpis/kpis.ts";
import { rebuildKpis } from "../../../streams/kpis/kpis_rebuild.ts";
import { scanKeys } from "../../../streams/redis/scan_keys.ts";
import {
  dumpFigures,
  loseRedis,
  type SettledWorkflow,
  verifyNow,
  withSettled,
} from "../../settled_workflow.ts";

/** A database that runs `before` ahead of each of its queries, which it numbers from 1. */
function hooked(db: Queryable, before: (query: number) => Promise<void>): Queryable {
  let queries = 0;
  return {
    ...db,
    query: async (sql, values) => {
      await before(++queries);
      return await db.query(sql, values);
    },
  };
}

/** Settles an order in the database as a handler does, and returns what it would count. */
async function settle(flow: SettledWorkflow, orderId: number) {
  await flow.rows(
    `update orders set status = 'PAID', failure_reason = null, settled_time = current_timestamp(6)
    where id = ?`,
    [orderId],
  );
  const orders = await readSettledOrders(flow.db, { afterId: orderId - 1, limit: 1 });
  return orders.flatMap((order) => orderKpiEvents(order, flow.kpiDay));
}

/** Puts an order into the database that nobody has settled, and returns its id. */
async function pendingOrder(flow: SettledWorkflow, name: string): Promise<number> {
  await flow.rows(
    `insert into orders (external_order_id, customer_id, currency, total_cents, content_hash, placed_at)
    select ?, customer_id, 'EUR', 1000, content_hash, placed_at from orders where id = ?`,
    [name, flow.ids.paid],
  );
  const [row] = await flow.rows("select id from orders where external_order_id = ?", [name]);
  return Number(row!.id);
}

Deno.test("rebuildKpis() makes the figures that live counting made", () =>
  withSettled("rebuild_same", async (flow) => {
    const before = await dumpFigures(flow);
    assert.ok(Object.keys(before).length > 10);
    await loseRedis(flow);
    const report = await rebuildKpis(flow);
    assert.deepEqual({ ...report, seconds: 0 }, { days: 2, orders: 4, refunds: 1, seconds: 0 });
    assert.deepEqual(await dumpFigures(flow), before);
    assert.equal((await verifyNow(flow)).ok, true);
    assert.deepEqual(await scanKeys(flow.redis, `${flow.test.redisPrefix}shadow:`), new Set());
    assert.equal(await flow.redis.exists(flow.keys.kpiRebuild), 0);
  }));

Deno.test("rebuildKpis() removes what has no orders and repairs what is wrong", () =>
  withSettled("rebuild_stray", async (flow) => {
    const { redis, keys, day } = flow;
    const before = await dumpFigures(flow);
    await redis.set(keys.kpiFigure("1999-01-01", "GBP", "revenue_cents"), 7);
    await redis.incrby(keys.kpiFigure(day, "EUR", "revenue_cents"), 5);
    await redis.zadd(keys.leaderboard("EUR"), 5, "999");
    await redis.zadd(keys.leaderboard("GBP"), 5, "1");
    await redis.set(keys.countedOrders(7), "x");
    await rebuildKpis(flow);
    assert.deepEqual(await dumpFigures(flow), before);
    assert.equal(await redis.exists(keys.countedOrders(7)), 0);
  }));

Deno.test("rebuildKpis() counts what is counted live again at most once afterwards", () =>
  withSettled("rebuild_replay", async (flow) => {
    await rebuildKpis(flow);
    const events = (await readSettledOrders(flow.db, { afterId: 0, limit: 100 }))
      .flatMap((order) => orderKpiEvents(order, flow.kpiDay));
    assert.equal(await applyKpis(flow, events), 0);
    assert.equal((await verifyNow(flow)).ok, true);
  }));

Deno.test("rebuildKpis() neither loses nor doubles an order that settles at any moment of it", () =>
  withSettled("rebuild_moments", async (flow) => {
    // The first query reads the orders, the second the refunds: orders settle before the first, between
    // the two (after their page), and one is committed before and counted after.
    const [early, between, straddling, late] = await Promise.all(
      ["early", "between", "straddling", "late"].map((name) => pendingOrder(flow, name)),
    );
    const waiting = await settle(flow, straddling!);
    const report = await rebuildKpis({
      ...flow,
      db: hooked(flow.db, async (query) => {
        assert.equal(await flow.redis.exists(flow.keys.kpiRebuild), 1);
        if (query === 1) await applyKpis(flow, await settle(flow, early!));
        if (query === 2) {
          await applyKpis(flow, await settle(flow, between!));
          await applyKpis(flow, waiting);
        }
      }),
    });
    assert.equal(report.orders, 6);
    await applyKpis(flow, await settle(flow, late!));
    await applyKpis(flow, waiting);
    const { redis, keys, day } = flow;
    assert.equal(await redis.get(keys.kpiFigure(day, "EUR", "order_count")), "5");
    assert.equal(await redis.get(keys.kpiFigure(day, "EUR", "revenue_cents")), "4300");
  }));

Deno.test("rebuildKpis() leaves the live figures right until the swap", () =>
  withSettled("rebuild_live", async (flow) => {
    const before = await dumpFigures(flow);
    await rebuildKpis({
      ...flow,
      db: hooked(flow.db, async () => assert.deepEqual(await dumpFigures(flow), before)),
    });
  }));

Deno.test("rebuildKpis() begins again when Redis loses the mark meanwhile", () =>
  withSettled("rebuild_lost_mark", async (flow) => {
    const before = await dumpFigures(flow);
    let lost = 0;
    const report = await rebuildKpis({
      ...flow,
      db: hooked(flow.db, async (query) => {
        if (query !== 2) return;
        lost++;
        await loseRedis(flow);
      }),
    });
    assert.equal(lost, 1);
    assert.equal(report.orders, 4);
    assert.deepEqual(await dumpFigures(flow), before);
  }));

Deno.test("rebuildKpis() leaves the live figures and no mark behind when the database fails", () =>
  withSettled("rebuild_fails", async (flow) => {
    const before = await dumpFigures(flow);
    const failing = hooked(flow.db, (query) => {
      if (query === 2) throw new Error("the database is away");
      return Promise.resolve();
    });
    await assert.rejects(rebuildKpis({ ...flow, db: failing }), /the database is away/);
    assert.deepEqual(await dumpFigures(flow), before);
    assert.equal(await flow.redis.exists(flow.keys.kpiRebuild), 0);
    await rebuildKpis(flow);
    assert.deepEqual(await dumpFigures(flow), before);
  }));

Deno.test("rebuildKpis() waits for another rebuild", () =>
  withSettled("rebuild_twice", async (flow) => {
    const before = await dumpFigures(flow);
    let queries = 0;
    await rebuildKpis({
      ...flow,
      db: hooked(flow.db, (query) => Promise.resolve(void (queries = query))),
    });
    let inside = 0;
    const watched = hooked(flow.db, async () => {
      inside++;
      await flow.redis.ping();
    });
    const other = hooked(flow.db, async () => {
      // The first has read everything before the second begins.
      assert.equal(inside % queries, 0);
      await flow.redis.ping();
    });
    await Promise.all([
      rebuildKpis({ ...flow, db: watched }),
      rebuildKpis({ ...flow, db: other }),
      rebuildKpis({ ...flow, db: watched }),
    ]);
    assert.equal(inside, 2 * queries);
    assert.deepEqual(await dumpFigures(flow), before);
  }));
