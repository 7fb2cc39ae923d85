import assert from "node:assert/strict";
import { messageOfEntry } from "../../../../domain/messages/messages.ts";
import {
  leavePaymentToPerson,
  leaveRefundsToPerson,
} from "../../../../db/refunds/refunds_by_hand.ts";
import { type Api, ask, assertProblem, openApi, storeOrder } from "../../api.ts";
import { openPage, sendForm } from "../../dashboard/pages.ts";
import { run } from "../../../commands/run_command.ts";

let api: Api;
Deno.test.beforeAll(async () => {
  api = await openApi("refunds_by_hand");
});
Deno.test.afterAll(() => api.close());

/** A refund of a paid order that waits for a person. */
async function waitingRefund(cents = 400): Promise<{ orderId: number; refundId: number }> {
  const { db } = api.deps;
  const orderId = await storeOrder(db, { status: "PAID" });
  const asked = await ask(api, "POST", `/orders/${orderId}/refunds`, { amount_cents: cents });
  const refundId = asked.body.id;
  assert.equal(asked.body.by_hand, false);
  await db.transaction((tx) => leaveRefundsToPerson(tx, [{ id: refundId, provider: "shop_pay" }]));
  return { orderId, refundId };
}

/** A failed order whose money, paid at its source, waits for a person. */
async function waitingPayment(): Promise<number> {
  const { db } = api.deps;
  const orderId = await storeOrder(db, { status: "FAILED" });
  await db.query("update orders set payment_status = 'paid' where id = ?", [orderId]);
  const { insertId } = await db.run(
    `insert into payments (order_id, provider, provider_ref, amount_cents, status, paid_at)
     values (?, 'shop_pay', ?, 1000, 'REVERSING', current_timestamp(6))`,
    [orderId, `src_${orderId}`],
  );
  assert.ok(await db.transaction((tx) => leavePaymentToPerson(tx, insertId)));
  return orderId;
}

const published = async (refundId: number) =>
  (await api.deps.redis.xrange(api.deps.keys.stream("refunds"), "-", "+"))
    .map(([, fields]) => messageOfEntry(fields))
    .filter((message) =>
      typeof message !== "string" && "refundId" in message && message.refundId === refundId
    ).length;

Deno.test("POST /refunds/{id}/complete has a refund by hand booked, once a key", async () => {
  const { orderId, refundId } = await waitingRefund();
  const path = `/refunds/${refundId}/complete`;
  const before = await published(refundId);
  const body = { reference: "transfer 4711" };
  const key = { "idempotency-key": `done-${refundId}` };
  const first = await ask(api, "POST", path, body, key);
  assert.equal(first.status, 202, JSON.stringify(first.body));
  assert.equal(first.headers.get("location"), `/refunds/${refundId}`);
  assert.deepEqual([first.body.id, first.body.by_hand, first.body.status], [
    refundId,
    true,
    "REQUESTED",
  ]);
  assert.equal(await published(refundId), before + 1);
  const again = await ask(api, "POST", path, body, key);
  assert.deepEqual([again.body, again.headers.get("idempotent-replayed")], [first.body, "true"]);
  assert.equal((await ask(api, "POST", path)).status, 202, "without a body, again");
  assertProblem(await ask(api, "POST", `/refunds/${refundId}/refuse`), 409, "refund-not-by-hand");
  const shown = await ask(api, "GET", `/orders/${orderId}`);
  const steps = shown.body.timeline.map((step: { event: string }) => step.event);
  assert.equal(steps.filter((event: string) => event === "refund_completed").length, 1);
  assert.equal((await ask(api, "GET", `/refunds/${refundId}`)).body.by_hand, true);
  const { body: { data } } = await ask(api, "GET", "/refunds");
  assert.equal(data.find(({ id }: { id: number }) => id === refundId).by_hand, true);
});

Deno.test("POST /refunds/{id}/refuse keeps the reason", async () => {
  const { refundId } = await waitingRefund();
  const path = `/refunds/${refundId}/refuse`;
  assertProblem(await ask(api, "POST", path, { reason: "a\u0007b" }), 422, "invalid");
  assertProblem(await ask(api, "POST", path, { reference: "x" }), 422, "invalid");
  const { status, body } = await ask(api, "POST", path, { reason: "paid at the counter" });
  assert.deepEqual([status, body.failure_reason], [202, "paid at the counter"]);
});

Deno.test("what no person gives back is a conflict, what there is not is not found", async () => {
  const orderId = await storeOrder(api.deps.db, { status: "PAID" });
  const { body: { id } } = await ask(api, "POST", `/orders/${orderId}/refunds`);
  for (const verb of ["complete", "refuse"]) {
    assertProblem(await ask(api, "POST", `/refunds/${id}/${verb}`), 409, "refund-not-by-hand");
    assertProblem(await ask(api, "POST", `/refunds/999999/${verb}`), 404, "not-found");
  }
  const path = `/orders/${orderId}/payment/returned`;
  assertProblem(await ask(api, "POST", path), 409, "refund-not-by-hand");
});

Deno.test("POST /orders/{id}/payment/returned says that a payment of the source is back", async () => {
  const orderId = await waitingPayment();
  const path = `/orders/${orderId}/payment/returned`;
  const first = await ask(api, "POST", path, { reference: "transfer 1" });
  assert.deepEqual([first.status, first.body.status], [200, "FAILED"]);
  assert.equal((await ask(api, "POST", path)).status, 200);
  const { body } = await ask(api, "GET", `/orders/${orderId}`);
  assert.equal(body.payment.status, "REVERSED");
  assert.equal(body.timeline.at(-1).detail, "10.00 EUR: transfer 1");
});

Deno.test("POST /orders/{id}/payment/returned names the payment where several wait, and so does the dashboard", async () => {
  const orderId = await waitingPayment();
  const { db } = api.deps;
  const add = async (surplus: number) => {
    const { insertId } = await db.run(
      `insert into payments (order_id, surplus, provider, provider_ref, amount_cents, status, paid_at)
       values (?, ?, 'shop_pay', ?, 500, 'REVERSING', current_timestamp(6))`,
      [orderId, surplus, `further_${orderId}_${surplus}`],
    );
    assert.ok(await db.transaction((tx) => leavePaymentToPerson(tx, insertId)));
    return insertId;
  };
  const further = [await add(1), await add(2)] as const;
  const path = `/orders/${orderId}/payment/returned`;
  assertProblem(await ask(api, "POST", path), 409, "refund-not-by-hand");
  assertProblem(await ask(api, "POST", path, { payment_id: "x" }), 422, "invalid");
  assertProblem(await ask(api, "POST", path, { payment_id: 999_999 }), 404, "not-found");
  for (const _ of [1, 2]) {
    assert.equal((await ask(api, "POST", path, { payment_id: further[0] })).status, 200);
  }
  const form = { payment_id: String(further[1]) };
  const question = await sendForm(api, `/dashboard${path}`, form);
  assert.match(question.text, /Was €5\.00 given back to/);
  assert.match(question.text, new RegExp(`further_${orderId}_2`));
  for (const _ of [1, 2]) {
    const sent = await sendForm(api, `/dashboard${path}`, { ...form, confirmed: "yes" });
    assert.equal(sent.status, 303);
  }
  const { body } = await ask(api, "GET", `/orders/${orderId}`);
  assert.deepEqual(
    [body.payment, ...body.further_payments].map(({ status }) => status),
    ["REVERSING", "REVERSED", "REVERSED"],
  );
});

Deno.test("GET /streams tells the money that waits for a person beside that of the messages", async () => {
  const before = (await ask(api, "GET", "/streams")).body.by_hand;
  await waitingRefund(350);
  await waitingPayment();
  const { count, money } = (await ask(api, "GET", "/streams")).body.by_hand;
  assert.equal(count, before.count + 2);
  assert.equal(money[0].currency, "EUR");
  assert.equal(money[0].amount_cents, (before.money[0]?.amount_cents ?? 0) + 1_350);
});

Deno.test("the dashboard lists what a person has to give back, and asks before it is booked", async () => {
  const { orderId, refundId } = await waitingRefund();
  const short = await waitingPayment();
  const list = await openPage(api, "/dashboard/refunds");
  assert.match(list.text, /To be given back by hand/);
  assert.match(list.text, new RegExp(`Refund #${refundId} shop_pay ref-${orderId}`));
  assert.match(list.text, new RegExp(`Payment shop_pay src_${short}`));
  const order = await openPage(api, `/dashboard/orders/${orderId}`);
  assert.match(
    order.text,
    new RegExp(`€4.00 of refund #${refundId} did not go back yet, .* at shop_pay, of the payment`),
  );

  const path = `/dashboard/refunds/${refundId}/complete`;
  const question = await sendForm(api, path, { reference: "transfer 9" });
  assert.equal(question.status, 200);
  assert.match(question.text, /Was €4\.00 given back to .*\? .*Reference: transfer 9\./);
  const sent = await sendForm(api, path, { reference: "transfer 9", confirmed: "yes" });
  assert.deepEqual(
    [sent.status, sent.headers.get("location")],
    [303, `/dashboard/orders/${orderId}?done=by_hand`],
  );
  const after = await openPage(api, `/dashboard/orders/${orderId}?done=by_hand`);
  assert.match(after.text, /Refund given back by hand #\d+ €4\.00: transfer 9/);
  assert.doesNotMatch(after.text, /did not go back yet/);

  const back = `/dashboard/orders/${short}/payment/returned`;
  assert.match((await sendForm(api, back, {})).text, /Was €10\.00 given back to/);
  assert.equal((await sendForm(api, back, { confirmed: "yes" })).status, 303);
  assert.equal((await sendForm(api, `/dashboard/refunds/${refundId}/refuse`, {})).status, 409);

  const second = await waitingRefund();
  const refuse = `/dashboard/refunds/${second.refundId}/refuse`;
  assert.match(
    (await sendForm(api, refuse, { reference: "no" })).text,
    /Refuse to give €4\.00 back\?/,
  );
  assert.equal((await sendForm(api, refuse, { reference: "no", confirmed: "yes" })).status, 303);
});

Deno.test("deno task refund says that money went back, or does not", async () => {
  const env = { ...api.env, LOG_LEVEL: "error", USER: "ann" };
  const type = (...args: string[]) => run(env, "refund", ...args);
  const { orderId, refundId } = await waitingRefund();
  const done = await type(`--done=${refundId}`, "--reference=transfer 3");
  assert.deepEqual([done.code, done.out], [
    0,
    `Refund ${refundId} of order ${orderId}: given back by hand`,
  ]);
  const again = await type(`--done=${refundId}`);
  assert.match(again.out, /given back by hand \(said before\)$/);
  const other = await waitingRefund();
  const refused = await type(`--refused=${other.refundId}`, "--reason=no");
  assert.equal(refused.out, `Refund ${other.refundId} of order ${other.orderId}: refused`);
  const short = await waitingPayment();
  const returned = await type(`--returned=${short}`);
  assert.equal(returned.out, `Payment of order ${short}: given back by hand`);
  const late = await type(`--done=${other.refundId}`);
  assert.equal(late.code, 1);
  assert.match(late.err, /Cannot decide about refund \d+ by hand: it was refused by hand/);
  for (
    const wrong of [
      [],
      ["--reference=x", "1"],
      [`--done=1`, "--returned=1"],
      ["--done=1", "--reason=x"],
      ["--refused=1", "--reference=x"],
      ["--done=1", "--key=x"],
      ["--done=1", "2"],
      ["--done=x"],
    ]
  ) {
    const { code, err } = await type(...wrong);
    assert.deepEqual([code, /^refund: /.test(err)], [2, true], wrong.join(" "));
  }
});
