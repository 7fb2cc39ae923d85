import assert from "node:assert/strict";
import { kpiDayIn } from "../../../domain/kpi/kpi.ts";
import { WorkflowError } from "../../../domain/errors.ts";
import { silentLog } from "../../../domain/operation/log.ts";
import { keysFor } from "../../../streams/redis/keys.ts";
import { ensureBasis, holdBasis, isOwnBasis } from "../../../streams/kpis/kpi_basis.ts";
import {
  applyKpis,
  readCurrencies,
  readKpis,
  readLeaderboard,
} from "../../../streams/kpis/kpis.ts";
import { rebuildKpis } from "../../../streams/kpis/kpis_rebuild.ts";
import { publish } from "../../../streams/workflow/publish.ts";
import { recover } from "../../../streams/recovery/recover.ts";
import {
  askRefund,
  dumpFigures,
  type SettledWorkflow,
  verifyNow,
  withSettled,
} from "../../settled_workflow.ts";
import { envOf, run } from "../../commands/run_command.ts";

/** The same engines and keys, in a process that is set otherwise. */
function setTo<T extends SettledWorkflow>(flow: T, baseCurrency: string, kpiTimezone: string): T {
  return {
    ...flow,
    baseCurrency,
    keys: keysFor(flow.test.redisPrefix, baseCurrency, kpiTimezone),
    kpiDay: kpiDayIn(kpiTimezone),
  };
}

const refused = (work: Promise<unknown>) =>
  assert.rejects(work, (error) => error instanceof WorkflowError && error.code === "unavailable");

/** What the orders of {@linkcode withSettled} come to on a day, by currency. */
async function revenueOf(flow: SettledWorkflow, day: string) {
  const rows = await readKpis(flow, day, day);
  return Object.fromEntries(rows.map((row) => [row.currency, row.revenue_cents]));
}

/** Puts the end of every order near midnight, so that zones disagree about its day. */
async function settleNearMidnight(flow: SettledWorkflow): Promise<void> {
  await flow.rows("update orders set settled_time = '2025-06-30 23:30:00'");
  await rebuildKpis(flow);
}

Deno.test("figures of other settings are neither shown nor counted into, until they are counted anew", () =>
  withSettled("basis_changed", async (flow) => {
    await settleNearMidnight(flow);
    assert.deepEqual(await revenueOf(flow, "2025-06-30"), { EUR: 300, USD: 300 });
    const other = setTo(flow, "USD", "Asia/Kolkata");
    const before = await dumpFigures(flow);
    const event = {
      kind: "paid",
      orderId: 999,
      day: "2025-07-01",
      currency: "USD",
      cents: 5,
      customerId: 1,
    } as const;
    await refused(readKpis(other, "2025-07-01", "2025-07-01"));
    await refused(readLeaderboard(other, "USD", 10));
    await refused(readCurrencies(other));
    await refused(applyKpis(other, [event]));
    assert.deepEqual(await dumpFigures(flow), before);

    assert.equal(await ensureBasis(other), true);
    assert.equal(await ensureBasis(other), false);
    assert.deepEqual(await revenueOf(other, "2025-07-01"), { EUR: 300, USD: 300 });
    assert.deepEqual(await revenueOf(other, "2025-06-30"), { USD: 0 });
    assert.equal(
      await flow.redis.get(`${flow.test.redisPrefix}kpi:2025-07-01:EUR:revenue_cents`),
      "300",
    );
    assert.equal((await verifyNow(other)).ok, true);
    await refused(readKpis(flow, "2025-06-30", "2025-06-30"));
    await refused(applyKpis(flow, [event]));
  }));

Deno.test("the proof goes by the settings that the figures were counted by", () =>
  withSettled("basis_proof", async (flow) => {
    await settleNearMidnight(flow);
    const other = setTo(flow, "USD", "Asia/Kolkata");
    assert.equal((await verifyNow(other)).ok, true);
    await flow.redis.incr(flow.keys.kpiFigure("2025-06-30", "EUR", "order_count"));
    const kpis = (await verifyNow(other)).checks.find(({ name }) => name === "kpis")!;
    assert.deepEqual(kpis.drift.map(({ subject }) => subject), [
      flow.keys.kpiFigure("2025-06-30", "EUR", "order_count"),
    ]);
  }));

Deno.test("figures of an earlier version, which say nothing of their settings, are counted anew once", () =>
  withSettled("basis_unknown", async (flow) => {
    await flow.redis.del(flow.keys.kpiBasisKept);
    await flow.redis.incr(flow.keys.kpiFigure(flow.day, "EUR", "order_count"));
    assert.deepEqual(await Promise.all([ensureBasis(flow), ensureBasis(flow)]), [true, true]);
    assert.equal((await verifyNow(flow)).ok, true);
    assert.equal(await ensureBasis(flow), false);
  }));

Deno.test("processes of two settings are never alive together", () =>
  withSettled("basis_alive", async (flow) => {
    const own = { ...flow, log: silentLog };
    const other = { ...setTo(flow, "GBP", "UTC"), log: silentLog };
    const [one, two] = [await holdBasis(own), await holdBasis(own)];
    await refused(holdBasis(other, { waitMs: 0 }));
    await refused(rebuildKpis(other));
    await refused(recover(other));
    assert.equal(await isOwnBasis(flow), true);
    await one.release();
    await one.release();
    await refused(holdBasis(other, { waitMs: 0 }));
    // It waits, and goes on as soon as the last one has ended.
    const waiting = holdBasis(other);
    await two.release();
    const third = await waiting;
    await refused(holdBasis(own, { waitMs: 0 }));
    await ensureBasis(other);
    assert.deepEqual(await revenueOf(other, flow.day), { GBP: 0, EUR: 300, USD: 300 });
    await third.release();

    // One that was killed counts as ended after a while.
    const place = flow.keys.kpiBasisAlive;
    await flow.redis.zadd(place, Date.now() + 60_000, "CHF UTC|killed");
    await refused(holdBasis(own, { waitMs: 0 }));
    await flow.redis.zadd(place, Date.now() - 1, "CHF UTC|killed");
    await (await holdBasis(own, { waitMs: 0 })).release();
    assert.equal(await flow.redis.exists(place), 0);
  }));

Deno.test("a rebuild for other settings never swaps over figures that are counted meanwhile", () =>
  withSettled("basis_race", async (flow) => {
    const other = setTo(flow, "USD", "UTC");
    const before = await dumpFigures(flow);
    let pages = 0;
    const db = {
      ...flow.db,
      query: async (...args: Parameters<typeof flow.db.query>) => {
        const rows = await flow.db.query(...args);
        // A process of the old settings starts, counts a refund, and lives on.
        if (pages++ === 0) {
          await holdBasis({ ...flow, log: silentLog });
          await publish(flow, [{ message: await askRefund(flow, flow.ids.paid, 50) }]);
          await flow.drain();
        }
        return rows;
      },
    };
    await refused(rebuildKpis({ ...other, db }));
    assert.deepEqual(await revenueOf(flow, flow.day), { EUR: 250, USD: 300 });
    assert.notDeepEqual(await dumpFigures(flow), before);
    assert.equal((await verifyNow(flow)).ok, true);
  }));

Deno.test("kpis and verify show nothing false after BASE_CURRENCY and KPI_TIMEZONE were changed", () =>
  withSettled("basis_commands", async (flow) => {
    await settleNearMidnight(flow);
    const env = { ...envOf(flow), BASE_CURRENCY: "USD", KPI_TIMEZONE: "Asia/Kolkata" };
    assert.equal((await run(env, "verify")).code, 0);
    const shown = await run(env, "kpis", "--date=2025-07-01", "--json");
    assert.deepEqual([shown.code, shown.err], [0, ""]);
    assert.deepEqual(
      JSON.parse(shown.out).kpis.map((row: { currency: string; revenue_cents: number }) => [
        row.currency,
        row.revenue_cents,
      ]),
      [["USD", 300], ["EUR", 300]],
    );
    assert.equal((await run(env, "verify")).code, 0);
    assert.equal((await run(envOf(flow), "recover")).code, 0);
    assert.equal(await isOwnBasis(flow), true);
    assert.deepEqual(await revenueOf(flow, "2025-06-30"), { EUR: 300, USD: 300 });
  }));
