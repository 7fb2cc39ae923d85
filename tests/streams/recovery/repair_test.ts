import assert from "node:assert/strict";
import { deadLetterMessages } from "../../../db/dead_letters/dead_letters.ts";
import { silentLog } from "../../../domain/operation/log.ts";
import { entryOf, groupOf, type OrderMessage } from "../../../domain/messages/messages.ts";
import { lookOnce, readAlerts } from "../../../streams/alerts/alerts.ts";
import { retryDeadLetters } from "../../../services/operation/decide_dead_letters.ts";
import { readFailedRepairs, repair } from "../../../streams/recovery/repair.ts";
import {
  readVerificationFailures,
  verifyAndRepair,
} from "../../../streams/verification/verify_regularly.ts";
import type { VerifyReport } from "../../../streams/verification/verify.ts";
import { sweepOrphans } from "../../../streams/recovery/recover.ts";
import {
  dumpFigures,
  type SettledWorkflow,
  verifyNow,
  withSettled,
} from "../../settled_workflow.ts";
import { recordedLog } from "../../routes/api.ts";
import { anOrder } from "../../workflow.ts";
import { anOperator } from "../../operator.ts";
import { alertSettings } from "../../alert_settings.ts";

async function repairNow(flow: SettledWorkflow) {
  return await repair(flow, await verifyNow(flow), () => verifyNow(flow));
}

function bury(flow: SettledWorkflow, message: OrderMessage) {
  return deadLetterMessages(flow.db, [{
    group: groupOf[message.type],
    messageId: "1-1",
    orderId: message.orderId,
    refundId: "refundId" in message ? message.refundId : null,
    amountCents: message.amountCents,
    currency: message.currency,
    payload: JSON.stringify(entryOf(message)),
    error: "because",
    attempts: 5,
    firstSeenMs: 1,
  }]);
}

/** The alerts that are raised after two looks, `lateMs` from now on and later. */
async function raisedAlerts(flow: SettledWorkflow, lateMs = 0): Promise<string[]> {
  const deps = {
    ...flow,
    config: alertSettings,
    log: silentLog,
  };
  for (const ms of [0, 120_000]) await lookOnce(deps, Date.now() + lateMs + ms);
  return (await readAlerts(flow)).filter(({ raisedAt }) => raisedAt !== null)
    .map(({ name, detail }) => `${name}: ${detail}`);
}

Deno.test("repair() makes damaged figures and lost messages good and leaves the rest alone", () =>
  withSettled("mend", async (flow) => {
    const { redis, keys, day } = flow;
    const figures = await dumpFigures(flow);
    assert.equal(await repairNow(flow), "nothing");

    await redis.incrby(keys.kpiFigure(day, "EUR", "revenue_cents"), 5);
    await redis.del(keys.kpiFigure(day, "USD", "order_count"));
    await redis.zincrby(keys.leaderboard("EUR"), 7, "1");
    const [order] = await flow.add([anOrder("lost", [{ sku: "a", qty: 1 }])]);
    await redis.xtrim(keys.stream("orders"), "MAXLEN", 0);
    await flow.rows("delete from notification_logs where order_id = ?", [flow.ids.declined]);
    const broken = await verifyNow(flow);
    assert.deepEqual(
      broken.checks.filter(({ ok }) => !ok).map(({ name }) => name),
      ["kpis", "notifications", "homes"],
    );

    assert.equal(await repair(flow, broken, () => verifyNow(flow)), "mended");
    assert.deepEqual(await dumpFigures(flow), figures);
    await flow.drain();
    assert.equal((await flow.order(order!.orderId!)).status, "PAID");
    assert.equal((await verifyNow(flow)).ok, true);
    assert.deepEqual(await readFailedRepairs(flow), []);

    // Spoilt again at once, it waits; after the wait it is forgotten that it was repaired.
    await redis.incr(keys.kpiFigure(day, "EUR", "order_count"));
    assert.equal(await repairNow(flow), "resting");
    await redis.del(`${keys.repairRest}kpis`);
    assert.equal(await repairNow(flow), "mended");
    assert.ok(await redis.pttl(`${keys.repairRest}kpis`) > 100_000, "it has been the second time");
    for (const check of ["kpis", "notifications", "homes"]) {
      await redis.del(keys.repairRest + check);
    }
    assert.equal(await repairNow(flow), "nothing");
    assert.equal(await redis.hlen(keys.repairs), 0);
  }));

Deno.test("repair() counts no figure anew for a message that is missing", () =>
  withSettled("mend_parts", async (flow) => {
    const { redis, keys, day } = flow;
    await flow.rows("delete from notification_logs where order_id = ?", [flow.ids.declined]);
    // A figure of 0 that a rebuild would take away.
    const stray = keys.kpiFigure("1999-01-01", "EUR", "order_count");
    await redis.set(stray, 0);
    assert.equal(await repairNow(flow), "mended");
    assert.equal(await redis.get(stray), "0");
    await flow.drain();
    assert.equal((await verifyNow(flow)).ok, true);

    await redis.incr(keys.kpiFigure(day, "EUR", "order_count"));
    assert.equal(await repairNow(flow), "mended");
    assert.equal(await redis.exists(stray), 0);
  }));

Deno.test("repair() leaves stock and money to people", () =>
  withSettled("mend_books", async (flow) => {
    await flow.rows("update products set stock_qty = stock_qty - 1 where sku = 'a'");
    const report = await verifyNow(flow);
    assert.equal(report.ok, false);
    assert.equal(report.checks[0]!.for_people, 1);
    assert.equal(await repair(flow, report, () => verifyNow(flow)), "nothing");
    assert.deepEqual((await verifyNow(flow)).checks, report.checks);
  }));

Deno.test("a notification that became a dead letter is drift for people, and repairs nothing", () =>
  withSettled("mend_dead_notice", async (flow) => {
    const { ids: { short, paid, refund }, redis, keys } = flow;
    const about = { orderId: short, amountCents: 5_100, currency: "EUR" };
    const refunded = { orderId: paid, refundId: refund, amountCents: 100, currency: "EUR" };
    for (
      const message of [
        { type: "notify.order", ...about },
        { type: "notify.refund", ...refunded },
      ] as const
    ) {
      await deadLetterMessages(flow.db, [{
        group: "notifications",
        messageId: `1-${message.orderId}`,
        orderId: message.orderId,
        refundId: "refundId" in message ? message.refundId : null,
        amountCents: message.amountCents,
        currency: "EUR",
        payload: JSON.stringify(entryOf(message)),
        error: "because",
        attempts: 5,
        firstSeenMs: 1,
      }]);
    }
    await flow.rows("delete from notification_logs where order_id = ?", [short]);
    await flow.rows("delete from notification_logs where refund_id = ?", [refund]);
    await redis.set(keys.kpiFigure("1999-01-01", "EUR", "order_count"), 0);
    const figures = await dumpFigures(flow);

    for (let round = 0; round < 2; round++) {
      const report = await verifyNow(flow);
      const notifications = report.checks.find(({ name }) => name === "notifications")!;
      assert.deepEqual([notifications.ok, notifications.drift_count, notifications.for_people], [
        false,
        2,
        2,
      ]);
      assert.deepEqual(notifications.drift.map(({ subject, found }) => [subject, found]), [
        [`order ${short}`, "a dead letter"],
        [`refund ${refund} of order ${paid}`, "a dead letter"],
      ]);
      assert.equal(await repair(flow, report, () => verifyNow(flow)), "nothing");
    }
    await sweepOrphans(flow, { olderThanSeconds: 0 });
    assert.equal(await redis.xlen(keys.stream("notifications")), 0);
    assert.deepEqual(await dumpFigures(flow), figures, "nothing was counted anew");

    await retryDeadLetters(flow, {}, anOperator("test"));
    await flow.drain();
    assert.equal((await verifyNow(flow)).ok, true);
  }));

Deno.test("a dead letter of an earlier step keeps no customer from being told", () =>
  withSettled("mend_dead_charge", async (flow) => {
    const { paid } = flow.ids;
    await bury(flow, { type: "payment.charge", orderId: paid, amountCents: 400, currency: "EUR" });
    await flow.rows("delete from notification_logs where order_id = ? and refund_id is null", [
      paid,
    ]);
    assert.equal(await repairNow(flow), "mended");
    await flow.drain();
    assert.equal((await verifyNow(flow)).ok, true);
  }));

Deno.test("a repair that does not help waits ever longer, says so, and is over when the proof agrees", () =>
  withSettled("mend_in_vain", async (flow) => {
    const { redis, keys, day } = flow;
    const rest = `${keys.repairRest}kpis`;
    const figure = keys.kpiFigure(day, "EUR", "order_count");
    await redis.incr(figure);
    const { log, lines } = recordedLog();
    const deps = { ...flow, log };
    // Whatever is repaired, something writes into the figures again.
    const spoilt = async () => {
      await redis.incr(figure);
      return await verifyNow(flow);
    };
    let before = 0;
    for (let failures = 1; failures <= 4; failures++) {
      assert.equal(await repair(deps, await verifyNow(flow), spoilt), "not_mended");
      const waitMs = await redis.pttl(rest);
      assert.ok(waitMs > 1.9 * before && waitMs > 50_000, `${waitMs} ms after ${before}`);
      before = waitMs;
      // Another process, or this one after a restart.
      assert.equal(await repair(deps, await verifyNow(flow), spoilt), "resting");
      const [state] = await readFailedRepairs(flow);
      assert.deepEqual(
        [state!.check, state!.tries, state!.failures, state!.left],
        ["kpis", failures, failures, 1],
      );
      await redis.del(rest);
    }
    const told = lines.filter((line) => line.includes("drift not mended"));
    assert.equal(told.length, 4);
    assert.match(told[0]!, /kpis: 1.*order_count: value/);
    assert.equal(lines.filter((line) => line.includes('"drift mended"')).length, 0);
    const alert = `not_mended:kpis: 1 differs after 4 repairs, such as ${figure}: value`;
    assert.deepEqual(await raisedAlerts(flow), [alert]);

    // What differs elsewhere does not wait for it.
    await redis.set(rest, "1", "PX", 1_000_000);
    await flow.rows("delete from notification_logs where order_id = ?", [flow.ids.declined]);
    assert.equal(await repairNow(flow), "mended");
    await flow.drain();

    await redis.del(rest);
    assert.equal(await repairNow(flow), "mended");
    assert.deepEqual(await readFailedRepairs(flow), []);
    assert.deepEqual(await raisedAlerts(flow, 600_000), []);
  }));

Deno.test("a repair that fails counts, and one that an outage ends does not", () =>
  withSettled("mend_failing", async (flow) => {
    const { redis, keys, day } = flow;
    await redis.incr(keys.kpiFigure(day, "EUR", "order_count"));
    const report = await verifyNow(flow);
    const failing = (error: Error) => ({
      ...flow,
      db: { ...flow.db, query: () => Promise.reject(error) },
    });
    const away = Object.assign(new Error("server has gone away"), { errno: 1053, fatal: true });
    await assert.rejects(repair(failing(away), report, () => verifyNow(flow)));
    assert.equal(await redis.hlen(keys.repairs), 0);
    assert.equal(await redis.exists(`${keys.repairRest}kpis`), 0);
    const bad = new RangeError("90071992547409930 is no exact integer");
    assert.equal(await repair(failing(bad), report, () => verifyNow(flow)), "not_mended");
    assert.equal((await readFailedRepairs(flow))[0]!.example, bad.message);
  }));

Deno.test("a proof that can't be made is tried ever more rarely, and people are told", () =>
  withSettled("mend_unproven", async (flow) => {
    const { redis, keys } = flow;
    const broken = {
      ...flow,
      db: {
        ...flow.db,
        transaction: () => Promise.reject(new RangeError("1e30 is no exact integer")),
      },
    };
    let before = 0;
    for (let count = 1; count <= 3; count++) {
      assert.deepEqual(await raisedAlerts(flow), []);
      await assert.rejects(verifyAndRepair(broken), /no exact integer/);
      const waitMs = await redis.pttl(keys.verificationRest);
      assert.ok(waitMs > 1.9 * before && waitMs > 50_000, `${waitMs} ms after ${before}`);
      before = waitMs;
      assert.equal((await readVerificationFailures(flow))!.count, count);
    }
    assert.deepEqual(await raisedAlerts(flow), [
      "not_proven: it failed 3 times in a row: 1e30 is no exact integer",
    ]);
    await verifyAndRepair(flow);
    assert.equal(await readVerificationFailures(flow), null);
    assert.deepEqual(await raisedAlerts(flow, 600_000), []);
  }));

Deno.test("verifyAndRepair() looks at everything until that agrees and takes long, and then once a day", () =>
  withSettled("regular_proofs", async (flow) => {
    const { redis, keys } = flow;
    const proof = async () => {
      await verifyAndRepair(flow);
      return (JSON.parse((await redis.get(keys.proof))!) as VerifyReport).incremental;
    };
    const whole = async (changes: Partial<VerifyReport>) => {
      const report = JSON.parse((await redis.get(keys.wholeProof))!) as VerifyReport;
      await redis.set(keys.wholeProof, JSON.stringify({ ...report, ...changes }));
    };
    assert.deepEqual([await proof(), await proof()], [false, false]);
    await whole({ seconds: 11 });
    assert.deepEqual([await proof(), await proof()], [true, true]);
    await whole({ ok: false });
    assert.equal(await proof(), false);
    await whole({ seconds: 11, checked_at: new Date(Date.now() - 90_000_000).toISOString() });
    assert.equal(await proof(), false);
  }));
