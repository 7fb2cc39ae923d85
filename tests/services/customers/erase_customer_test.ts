import assert from "node:assert/strict";
import { WorkflowError } from "../../../domain/errors.ts";
import { typedSteps } from "../../../db/customers/personal_texts.ts";
import { addOrderEvents } from "../../../db/orders/timelines.ts";
import { unpackText } from "../../../db/clients/packed_text.ts";
import { eraseCustomer } from "../../../services/customers/erase_customer.ts";
import { anOperator } from "../../operator.ts";
import { verify } from "../../../streams/verification/verify.ts";
import { assertConsistent } from "../../streams/consistent.ts";
import { mara, namesOfMara, placesNaming, placeUnderKeys, spread } from "../../person.ts";
import { anOrder, openWorkflow, withWorkflow, type Workflow } from "../../workflow.ts";

const config = { erasureSecret: "" };

Deno.test("eraseCustomer() leaves orders without whose they were, once", async () => {
  const flow: Workflow = await openWorkflow("erase");
  try {
    await flow.add([
      anOrder("1", [{ sku: "a", qty: 1 }], { customer: mara }),
      anOrder("2", [{ sku: "a", qty: 1 }]),
    ]);
    await assert.rejects(
      eraseCustomer({ ...flow, config }, { externalId: mara.externalId }, anOperator("desk")),
      (error) =>
        error instanceof WorkflowError && error.code === "customer_not_erasable" &&
        error.faults.length === 1 && error.faults[0]!.at === "order 1",
    );
    await flow.drain();
    const done = await eraseCustomer(
      { ...flow, config },
      { externalId: mara.externalId },
      anOperator("desk"),
    );
    assert.equal(done.changed, true);
    assert.equal(done.orders, 1);
    const [row] = await flow.rows(
      "select external_id, email, name, recipient_name, recipient_email from orders " +
        "join customers on customers.id = customer_id where external_order_id = '1'",
    );
    assert.deepEqual({ ...row }, {
      external_id: `erased:${done.customerId}`,
      email: "",
      name: "(erased)",
      recipient_name: "(erased)",
      recipient_email: null,
    });
    const again = await eraseCustomer(
      { ...flow, config },
      { externalId: mara.externalId },
      anOperator("desk"),
    );
    assert.equal(again.changed, false);
    const [taken] = await flow.add([anOrder("1", [{ sku: "a", qty: 1 }], { customer: mara })]);
    assert.equal(taken!.outcome, "unchanged");
    const [late] = await flow.add([anOrder("3", [{ sku: "a", qty: 1 }], { customer: mara })]);
    assert.equal(late!.outcome, "new");
    await flow.drain();
    await assertConsistent(flow);
  } finally {
    await flow.close();
  }
});

Deno.test("eraseCustomer() leaves nothing that names the person in any table or key, and the books whole", async () => {
  await withWorkflow("erase_all", async (flow) => {
    await spread(flow);
    const before = await placesNaming(flow, namesOfMara);
    const places = new Set(before.map((place) => place.split(":")[0]));
    for (
      const place of [
        "customers.external_id",
        "customers.email",
        "customers.first_name",
        "orders.recipient_name",
        "orders.recipient_email",
        "order_addresses.email",
        "order_adjustments.label",
        "order_events.detail",
        "refunds.reason",
        "notification_logs.error",
        "notification_attempts.reply",
        "notification_attempts.error",
        "dead_letters.error",
        "dead_letters.payload",
        "import_rejects.csv",
        "chargebacks.reason",
        "discrepancies.answer",
        "discrepancies.note",
        "reconciliations.error",
        "reconciliations.name",
        "imports.reasons",
        "imports.source",
        "payment_instructions.description",
        "stock_files.name",
        "stock_movements.detail",
        "idempotency_keys.answer",
        "idempotency_keys.answer packed",
      ]
    ) assert.ok(places.has(place), `${place} in ${[...places].join(", ")}`);
    const books = await booksOf(flow);

    const who = { externalId: mara.externalId };
    const packed = () =>
      flow.rows(
        `select idempotency_key, answer from idempotency_keys where answer like '"H4sI%' order by 1`,
      );
    const answers = await packed();
    const done = await eraseCustomer({ ...flow, config }, who, anOperator("desk"));
    assert.deepEqual((await packed()).map(textOf), answers.map((row) => withoutMara(textOf(row))));
    assert.deepEqual(await placesNaming(flow, namesOfMara), []);
    assert.equal(done.orders, 5);
    assert.deepEqual(await booksOf(flow), books);
    const report = await verify(flow, { settleMs: 0 });
    assert.deepEqual(report.checks.filter(({ ok }) => !ok), []);
  }, { notifyChannels: ["log", "email", "webhook"] });
});

function textOf({ answer }: Record<string, unknown>): string {
  return unpackText(JSON.parse(String(answer)));
}

/** The same answer, but for whom it names. */
function withoutMara(text: string): string {
  return [mara.externalId, mara.email, mara.name].reduce(
    (left, word) => left.replaceAll(JSON.stringify(word), '"(erased)"'),
    text,
  );
}

Deno.test("answers to orders that were sent again hours after they were placed name nobody either", async () => {
  await withWorkflow("erase_late_answers", async (flow) => {
    await placeUnderKeys(flow, "first");
    await flow.drain();
    const age = async (hours: number) => {
      for (const table of ["order_events", "idempotency_keys"]) {
        await flow.rows(`update ${table} set created_at = created_at - interval ? hour`, [hours]);
      }
    };
    await age(8);
    await placeUnderKeys(flow, "again");
    await age(3);
    const who = { externalId: mara.externalId };
    await eraseCustomer({ ...flow, config }, who, anOperator("desk"));
    assert.deepEqual(await placesNaming(flow, namesOfMara), []);
    const [kept] = await flow.rows("select count(*) as n from idempotency_keys");
    assert.equal(Number(kept!.n), 6);
  });
});

/** What the books say, whoever bought. */
async function booksOf({ rows }: Workflow) {
  return {
    orders: await rows(
      "select id, status, currency, total_cents, refunded_cents, customer_id, settled_at from orders order by id",
    ),
    items: await rows(
      "select order_id, product_id, qty, subtotal_cents from order_items order by id",
    ),
    payments: await rows(
      "select order_id, provider_ref, amount_cents, status from payments order by id",
    ),
    refunds: await rows("select order_id, amount_cents, status from refunds order by id"),
    stock: await rows("select sku, stock_qty, received_qty from products order by id"),
    told: await rows("select order_id, event, channel from notification_logs order by id"),
  };
}

Deno.test("eraseCustomer() takes what people typed out of the timeline, step by step, and keeps amounts and codes", async () => {
  await withWorkflow("erase_steps", async (flow) => {
    const [order] = await flow.add([anOrder("1", [{ sku: "a", qty: 1 }], { customer: mara })]);
    await flow.drain();
    await flow.db.transaction((tx) =>
      addOrderEvents(
        tx,
        [
          ...typedSteps.map((event) => ({
            orderId: order!.orderId!,
            event,
            detail: `${mara.name} rang`,
          })),
          { orderId: order!.orderId!, event: "refund_processed" as const, detail: "1.00 EUR" },
        ],
        "test",
      )
    );
    await eraseCustomer({ ...flow, config }, { externalId: mara.externalId }, anOperator("desk"));
    const rows = await flow.rows("select event, detail from order_events where actor = 'test'");
    const details = new Map(rows.map(({ event, detail }) => [event, detail]));
    for (const step of typedSteps) assert.equal(details.get(step), null, step);
    assert.equal(details.get("refund_processed"), "1.00 EUR");
    assert.deepEqual([...typedSteps].sort(), [
      "given_twice_dismissed",
      "payment_by_hand",
      "payment_returned",
      "refund_by_hand",
      "refund_completed",
      "refund_failed",
      "refund_refused",
      "refund_requested",
      "refund_returned",
    ]);
  });
});
