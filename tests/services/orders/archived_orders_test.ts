import assert from "node:assert/strict";
import { deadLetterMessages } from "../../../db/dead_letters/dead_letters.ts";
import { readExportedOrders } from "../../../db/customers/person_export.ts";
import {
  archiveAudited,
  previewArchive,
  restoreAudited,
} from "../../../services/operation/archive_orders.ts";
import { discardDeadLetters } from "../../../services/operation/decide_dead_letters.ts";
import { eraseCustomer } from "../../../services/customers/erase_customer.ts";
import { replayNotification } from "../../../services/notifications/replay_notification.ts";
import { requestRefund } from "../../../services/refunds/request_refunds.ts";
import { retryAndPublish } from "../../../services/orders/retry_orders.ts";
import { WorkflowError } from "../../../domain/errors.ts";
import {
  age,
  agedDays,
  archiveAll,
  archivedIds,
  archiveEverything,
  bothPlaces,
  thisMonth,
} from "../../archived.ts";
import { aDeadLetter } from "../../dead_letter.ts";
import { anOperator } from "../../operator.ts";
import { mara, namesOfMara, placesNaming, spread } from "../../person.ts";
import { askParts, partsOf, payMixedOrder, unitsOf } from "../../restocked_units.ts";
import { openSettled, verifyNow } from "../../settled_workflow.ts";
import { anOrder, withWorkflow, type Workflow } from "../../workflow.ts";

async function assertVerified(flow: Workflow): Promise<void> {
  const report = await verifyNow(flow);
  assert.deepEqual(report.checks.filter(({ ok }) => !ok), []);
}

Deno.test("archived orders are refunded by lines with their units, by an amount and of all that is left", async () => {
  await withWorkflow("archived_refunds", async (flow) => {
    const parts = await payMixedOrder(flow, "parts");
    const amount = await payMixedOrder(flow, "amount");
    const whole = await payMixedOrder(flow, "whole");
    // One that was refunded in part before it was archived.
    await askParts(flow, whole, partsOf({ lines: [unitsOf("TEA", 1, true)] }));
    await flow.drain();
    await archiveEverything(flow);
    assert.deepEqual(await archivedIds(flow), [parts, amount, whole]);
    const stock = await flow.stock("MUG");
    const message = await askParts(
      flow,
      parts,
      partsOf({
        lines: [unitsOf("MUG", 3, true)],
        adjustments: [{ kind: "shipping", amountCents: 100 }],
      }),
    );
    assert.equal(message.amountCents, 1_163 + 310 + 100);
    assert.deepEqual(await archivedIds(flow), [amount, whole]);
    await flow.drain();
    assert.equal(await flow.stock("MUG"), stock + 3);
    await askParts(flow, amount, undefined, 1_000);
    const rest = await askParts(flow, whole, undefined);
    await flow.drain();
    assert.deepEqual(await archivedIds(flow), []);
    assert.equal((await flow.order(parts)).refundedCents, 1_573);
    assert.equal((await flow.order(amount)).refundedCents, 1_000);
    assert.equal(rest.amountCents, 2_350 - 387);
    assert.equal((await flow.order(whole)).refundedCents, 2_350);
    await assertVerified(flow);
    // Units that went back once don't go back again.
    await assert.rejects(
      requestRefund(flow.db, {
        orderId: parts,
        amountCents: null,
        items: partsOf({ lines: [unitsOf("MUG", 1)] }),
        reason: null,
        idempotencyKey: null,
      }, "test"),
      (error) => error instanceof WorkflowError && error.code === "refund_exceeds_left",
    );
    // A refund of this month keeps them.
    assert.equal(await archiveAll(flow), 0);
    await flow.rows(`update refunds set processed_at = processed_at - interval ${agedDays} day`);
    await flow.add([anOrder("later", [{ sku: "z", qty: 1 }])]);
    await flow.drain();
    assert.equal(await archiveAll(flow), 3);
    await assertVerified(flow);
  });
});

Deno.test("a refund that is refused and one that is repeated find an archived order as any other", async () => {
  const flow = await openSettled("archived_refused");
  try {
    const { paid, declined } = flow.ids;
    const ask = (orderId: number, amountCents: number, idempotencyKey: string | null) =>
      requestRefund(flow.db, { orderId, amountCents, reason: null, idempotencyKey }, "test");
    const first = await ask(paid, 50, "k");
    await flow.rows(
      "update refunds set status = 'FAILED', processed_at = current_timestamp(6) where id = ?",
      [
        first.refund.id,
      ],
    );
    await flow.rows(
      `insert into notification_logs (order_id, customer_id, refund_id, event, channel, status, total_cents, payload, success)
      select id, customer_id, ?, concat('refund.failed:', ?), 'log', 'PAID', total_cents, '{}', 1 from orders where id = ?`,
      [first.refund.id, first.refund.id, paid],
    );
    await archiveEverything(flow);
    assert.ok((await archivedIds(flow)).includes(paid));
    const again = await ask(paid, 50, "k");
    assert.equal(again.replayed, false, "the key is free again after a day");
    for (
      const [orderId, cents, code] of [
        [paid, 301, "refund_exceeds_left"],
        [declined, 1, "order_not_refundable"],
      ] as const
    ) {
      await assert.rejects(
        ask(orderId, cents, null),
        (error) => error instanceof WorkflowError && error.code === code,
      );
    }
    assert.ok((await archivedIds(flow)).includes(declined), "what is refused changes nothing");
  } finally {
    await flow.close();
  }
});

Deno.test("an archived order that failed for want of stock is taken up again", async () => {
  const flow = await openSettled("archived_retry");
  try {
    await archiveEverything(flow);
    const { short } = flow.ids;
    assert.ok((await archivedIds(flow)).includes(short));
    await flow.rows(
      "update products set stock_qty = stock_qty + 10, received_qty = received_qty + 10 where sku = 'c'",
    );
    const { changed } = await retryAndPublish(flow, short, anOperator("desk"));
    assert.ok(changed);
    await flow.drain();
    assert.equal((await flow.order(short)).status, "PAID");
    assert.ok(!(await archivedIds(flow)).includes(short));
    await assertVerified(flow);
  } finally {
    await flow.close();
  }
});

Deno.test("a file that comes again finds archived orders unchanged, or in conflict, as before", async () => {
  await withWorkflow("archived_import", async (flow) => {
    const orders = [
      anOrder("1", [{ sku: "a", qty: 1 }, { sku: "b", qty: 2 }]),
      anOrder("2", [{ sku: "a", qty: 2 }], {
        adjustments: [{ kind: "shipping", label: null, amountCents: 100, included: false }],
        paidAtSource: { provider: "shop", reference: "r-2", paidAt: null },
      } as never),
    ];
    const changed = [
      anOrder("1", [{ sku: "a", qty: 1 }, { sku: "b", qty: 3 }]),
      anOrder("2", [{ sku: "a", qty: 2 }]),
    ];
    await flow.add(orders);
    await flow.drain();
    const again = async () => [
      (await flow.add(orders)).map(({ outcome }) => outcome),
      (await flow.add(changed)).map(({ outcome }) => outcome),
    ];
    const before = await again();
    assert.deepEqual(before, [["unchanged", "unchanged"], ["conflict", "conflict"]]);
    await archiveEverything(flow);
    const rows = await bothPlaces(flow);
    assert.deepEqual(await again(), before);
    assert.equal((await archivedIds(flow)).length, 2);
    assert.deepEqual(await bothPlaces(flow), rows);
    assert.equal((await flow.rows("select id from orders")).length, 3);
    await flow.drain();
    await assertVerified(flow);
  });
});

Deno.test("a notification of an archived order is sent again", async () => {
  const flow = await openSettled("archived_replay", { notifyChannels: ["log", "webhook"] });
  try {
    await archiveEverything(flow);
    const { paid } = flow.ids;
    const [log] = await flow.rows(
      "select id from archived_notification_logs where order_id = ? and channel = 'webhook' limit 1",
      [paid],
    );
    const id = Number(log!.id);
    await replayNotification(flow, id, anOperator("desk"));
    assert.ok(!(await archivedIds(flow)).includes(paid));
    assert.equal(await archiveAll(flow), 0, "it waits to be sent");
    const waiting = await flow.rows(
      "select notification_log_id as id from notification_deliveries where due_at is not null",
    );
    assert.ok(waiting.some((row) => Number(row.id) === id));
    await assert.rejects(
      replayNotification(flow, 999_999, anOperator("desk")),
      (error) => error instanceof WorkflowError && error.code === "not_found",
    );
  } finally {
    await flow.close();
  }
});

Deno.test("a decision about a dead letter brings its order back for the timeline", async () => {
  const flow = await openSettled("archived_letters");
  try {
    await archiveEverything(flow);
    const { paid } = flow.ids;
    await deadLetterMessages(flow.db, [aDeadLetter({ orderId: paid })]);
    const { letters } = await discardDeadLetters(flow, {}, anOperator("desk"));
    assert.equal(letters.length, 1);
    assert.ok(!(await archivedIds(flow)).includes(paid));
    await assertVerified(flow);
  } finally {
    await flow.close();
  }
});

Deno.test("what is kept of a person has what is archived, and erasing them leaves nothing there", async () => {
  await withWorkflow("archived_erase", async (flow) => {
    await spread(flow);
    await flow.rows(
      "update dead_letters set status = 'DISCARDED', resolved_at = current_timestamp(6)",
    );
    const ids = (await flow.rows("select id from orders order by id")).map(({ id }) => Number(id));
    await archiveEverything(flow, "Z-1");
    const exported = await readExportedOrders(flow.db, ids);
    const archived = await archivedIds(flow);
    assert.ok(archived.length >= 6, `${archived.length} archived`);
    assert.ok(exported.every(({ timeline, items }) => timeline.length > 0 && items.length > 0));
    const places = new Set(
      (await placesNaming(flow, namesOfMara)).map((place) => place.split(":")[0]),
    );
    for (
      const place of [
        "archived_order_adjustments.label",
        "archived_order_events.detail",
        "archived_notification_attempts.reply",
      ]
    ) assert.ok(places.has(place), `${place} in ${[...places].join(", ")}`);
    const done = await eraseCustomer(
      { ...flow, config: { erasureSecret: "" } },
      { externalId: mara.externalId },
      anOperator("desk"),
    );
    assert.equal(done.changed, true);
    assert.deepEqual(await placesNaming(flow, namesOfMara), []);
    await assertVerified(flow);
    await archiveAll(flow);
    assert.deepEqual(await placesNaming(flow, namesOfMara), []);
    await assertVerified(flow);
  }, { notifyChannels: ["log", "email", "webhook"] });
});

Deno.test("what is kept of a person is the same wherever it is", async () => {
  await withWorkflow("archived_export", async (flow) => {
    const id = await payMixedOrder(flow);
    await askParts(flow, id, partsOf({ lines: [unitsOf("TEA", 1, true)] }));
    await flow.drain();
    await age(flow);
    const before = await readExportedOrders(flow.db, [id]);
    await archiveEverything(flow);
    await flow.rows(
      `update orders set settled_time = settled_time + interval ${agedDays} day where id = ?`,
      [id],
    );
    const after = await readExportedOrders(flow.db, [id]);
    const timeless = (orders: unknown) =>
      JSON.stringify(orders).replaceAll(/"\d{4}-\d\d-\d\dT[^"]*"/g, "0");
    assert.equal(timeless(after), timeless(before));
  });
});

Deno.test("archiveAudited() and restoreAudited() tell of themselves before and after, and dry runs of nothing", async () => {
  const flow = await openSettled("archived_audit");
  try {
    await flow.rows("delete from notification_deliveries");
    await age(flow);
    await flow.add([anOrder("latest", [{ sku: "z", qty: 1 }])]);
    await flow.drain();
    const date = thisMonth().slice(0, 10);
    await flow.rows("analyze table order_items, order_events, payments, notification_logs");
    const { orders, bytes } = await previewArchive(flow, date);
    assert.equal(orders, 4);
    assert.ok(bytes > 0);
    assert.equal(await archiveAudited(flow, date, anOperator("desk")), 4);
    assert.equal(await restoreAudited(flow, anOperator("desk")), 4);
    const entries = await flow.rows("select action, outcome, detail from audit_log order by id");
    assert.deepEqual(entries.map((row) => ({ ...row })), [
      { action: "order.archive", outcome: "begun", detail: null },
      { action: "order.archive", outcome: "done", detail: `4 orders of before ${date}` },
      { action: "order.restore", outcome: "begun", detail: null },
      { action: "order.restore", outcome: "done", detail: "4 orders" },
    ]);
    await assert.rejects(
      archiveAudited(flow, "2999-01-01", anOperator("desk")),
      (error) =>
        error instanceof WorkflowError && error.code === "invalid" &&
        error.faults[0]!.at === "before",
    );
  } finally {
    await flow.close();
  }
});
