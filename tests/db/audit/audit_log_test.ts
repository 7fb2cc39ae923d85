import assert from "node:assert/strict";
import { addAuditEntries, type AuditFilter, listAuditLog } from "../../../db/audit/audit_log.ts";
import { deadLetterMessages, listDeadLetters } from "../../../db/dead_letters/dead_letters.ts";
import type { Database } from "../../../db/connection/database.ts";
import { countGivenUp } from "../../../db/notifications/notification_queries.ts";
import { listDisputes, sumDisputes } from "../../../db/payments/payment_disputes.ts";
import { sumFailures } from "../../../db/orders/failures.ts";
import type { AuditEntry } from "../../../domain/operation/audit.ts";
import { aDeadLetter } from "../../dead_letter.ts";
import { anOperator } from "../../operator.ts";
import { anOrder, withWorkflow } from "../../workflow.ts";
import { observeDatabase } from "../connection/observed_database.ts";

/** Entries of the log, and dead letters, of which each question is about few. */
const filled = 4_000;

function entry(n: number): AuditEntry {
  return {
    operator: anOperator(n % 100 === 0 ? "api:rare" : "api:shop"),
    action: n % 200 === 0 ? "group.pause" : "refund.request",
    subject: { kind: "order", id: String(n % 1_000) },
    outcome: "done",
    detail: null,
  };
}

async function fill(db: Database): Promise<void> {
  const numbers = Array.from({ length: filled }, (_, n) => n);
  await addAuditEntries(db, numbers.map(entry));
  await deadLetterMessages(
    db,
    numbers.map((n) => aDeadLetter({ messageId: `${n + 1}-0`, orderId: n % 1_000 + 1 })),
  );
  // Most were decided about long ago.
  await db.run("update dead_letters set status = 'DISCARDED' where id % 20 <> 0");
}

Deno.test("what operators look at finds its rows by an index that leads to no others", () =>
  withWorkflow("audit_queries", async (flow) => {
    await fill(flow.db);
    const { db, sent, label } = observeDatabase(flow.db);
    const questions: [AuditFilter, number][] = [
      [{}, 50],
      [{ actor: "api:rare" }, 40],
      [{ action: "group.pause" }, 20],
      [{ actor: "api:rare", action: "group.pause" }, 20],
      [{ subject: { kind: "order", id: "7" } }, 4],
      [{ subject: { kind: "order", id: "7" }, actor: "api:rare" }, 0],
    ];
    for (const [filter, count] of questions) {
      label(JSON.stringify(filter));
      const { items } = await listAuditLog(db, filter, { beforeId: undefined, limit: 50 });
      assert.equal(items.length, count, JSON.stringify(filter));
      assert.ok(items.every(({ id }, at) => at === 0 || id < items[at - 1]!.id));
    }
    label("dead letters of an order");
    assert.equal((await listDeadLetters(db, { orderId: 20 }, 0, 20)).length, 4);
    label("dead letters");
    assert.equal((await listDeadLetters(db, {}, 0, 51)).length, 51);
    label("dead letters of a group");
    assert.equal((await listDeadLetters(db, { group: "orders" }, 100, 51)).length, 51);
    label("alerts");
    await countGivenUp(db, 24);
    await sumDisputes(db);
    await listDisputes(db, 51);
    const walked = sent.filter((statement) => statement.walked > 300);
    assert.deepEqual(
      walked.map(({ label, walked, sql }) => `${label} walked ${walked}: ${sql}`),
      [],
    );
  }));

Deno.test("listAuditLog() goes on where a page ended, within a time", () =>
  withWorkflow("audit_pages", async (flow) => {
    await addAuditEntries(flow.db, Array.from({ length: 30 }, (_, n) => entry(n)));
    await flow.db.run("update audit_log set created_at = '2026-01-05 10:00:00' where id <= 10");
    const filter = { from: "2026-01-05 00:00:00", to: "2026-01-05 23:59:59.999999" };
    const ids: number[] = [];
    let beforeId: number | undefined;
    do {
      const page = await listAuditLog(flow.db, filter, { beforeId, limit: 4, maxWalked: 7 });
      ids.push(...page.items.map(({ id }) => id));
      beforeId = page.nextBeforeId;
    } while (beforeId !== undefined);
    assert.deepEqual(ids, [10, 9, 8, 7, 6, 5, 4, 3, 2, 1]);
  }));

Deno.test("sumFailures() adds up the money of each reason, of the period and of the latest orders", () =>
  withWorkflow("failures", async (flow) => {
    await flow.add([
      anOrder("A", [{ sku: "a", qty: 60 }]),
      anOrder("B", [{ sku: "a", qty: 70 }]),
      anOrder("C", [{ sku: "b", qty: 1, unitPriceCents: 101 }]),
      anOrder("D", [{ sku: "b", qty: 1 }]),
    ]);
    await flow.drain();
    const today = { from: "2000-01-01 00:00:00", before: "2999-01-01 00:00:00" };
    assert.deepEqual(await sumFailures(flow.db, today), {
      lowestId: 1,
      sums: [
        { reason: "insufficient_stock", currency: "EUR", orders: 2, cents: 13_000n },
        { reason: "payment_declined", currency: "EUR", orders: 1, cents: 101n },
      ],
    });
    const before = { from: "2000-01-01 00:00:00", before: "2001-01-01 00:00:00" };
    assert.deepEqual((await sumFailures(flow.db, before)).sums, []);
    const latest = await sumFailures(flow.db, today, 2);
    assert.deepEqual([latest.lowestId, latest.sums.map(({ orders }) => orders)], [3, [1]]);
  }));
