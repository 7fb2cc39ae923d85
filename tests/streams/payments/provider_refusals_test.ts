import assert from "node:assert/strict";
import { sumDeadLetters } from "../../../db/dead_letters/dead_letters.ts";
import { listProviders } from "../../../db/payments/payments.ts";
import { expireReservations } from "../../../streams/recovery/expire_reservations.ts";
import type { Gateway } from "../../../streams/payments/gateway.ts";
import { readProviderAway } from "../../../streams/payments/provider_away.ts";
import { publish } from "../../../streams/workflow/publish.ts";
import { readStreams } from "../../../streams/workflow/queue_status.ts";
import { retryDeadLetters } from "../../../services/operation/decide_dead_letters.ts";
import { anOrder, chargeKey, openWorkflow, type Workflow } from "../../workflow.ts";
import { assertConsistent, makeDue, messagesOf } from "../consistent.ts";
import { assertSameMoney, type ProviderStage, withProviderStage } from "./provider_stage.ts";
import { anOperator } from "../../operator.ts";

/** What waits in the payments group, in cents. */
async function waitingCents({ redis, keys }: Workflow): Promise<number> {
  const streams = await readStreams({ redis, keys });
  return streams.find(({ group }) => group === "payments")!.money
    .reduce((sum, { amountCents }) => sum + amountCents, 0);
}

async function endsOf(flow: Workflow) {
  return await flow.rows("select status, failure_reason from orders order by id");
}

/** Lets time pass until nothing waits any more. */
async function untilDone({ flow, passTime }: ProviderStage): Promise<void> {
  for (let round = 0; round < 20; round++) {
    if ((await messagesOf(flow)).length === 0) return;
    await passTime(0);
  }
  assert.deepEqual(await messagesOf(flow), []);
}

const timedOut = { status: "FAILED", failure_reason: "payment_timeout" };

Deno.test("a charge that the provider refuses is declined at once, with its words and without a dead letter", () =>
  withProviderStage("refusal", { refusals: 100 }, async (stage) => {
    const { flow, provider, add, passTime } = stage;
    await add([100, 102]);
    await passTime(0);
    const declined = { status: "FAILED", failure_reason: "payment_declined" };
    assert.deepEqual(await endsOf(flow), [declined, declined]);
    assert.equal(provider.charges.size, 0);
    for (const row of await flow.rows("select status, provider_ref from payments")) {
      assert.equal(row.status, "DECLINED");
      assert.match(String(row.provider_ref), /^refused .*: 422 amount_too_small$/);
    }
    assert.equal(await flow.stock("a"), 10_000);
    assert.deepEqual(await flow.rows("select * from dead_letters"), []);
    await assertConsistent(flow);
  }));

Deno.test("a charge that is refused although its key took money is no decline", () =>
  withProviderStage("refusal_known", {}, async (stage) => {
    const { flow, provider, add, passTime } = stage;
    const [id] = await add([100]) as [number];
    await flow.turn("orders");
    // The provider has a charge of another amount under this key, and answers 422.
    await provider.app.request("/charges", {
      method: "POST",
      headers: {
        "idempotency-key": await chargeKey(flow.db, id),
        "content-type": "application/json",
      },
      body: JSON.stringify({ order_id: id, amount_cents: 98, currency: "EUR" }),
    });
    await provider.settled();
    await passTime(0);
    assert.deepEqual(await flow.rows("select amount_cents, status from payments"), [
      { amount_cents: 98, status: "DISPUTED" },
    ]);
    assert.equal((await flow.order(id)).status, "RESERVED");
  }));

Deno.test("an expired token costs no try, is named, and lets reservations end in their time", () =>
  withProviderStage("denied", {}, async (stage) => {
    const { flow, provider, add, passTime } = stage;
    await add([1_000, 2_000]);
    provider.trouble = "denied";
    await flow.turn("orders");
    const turn = await flow.turn("payments");
    assert.deepEqual([turn.delayed, turn.retried, turn.dead], [2, 0, 0]);
    const cause = await readProviderAway(flow);
    assert.match(
      String(cause),
      /401 to (POST|GET) \/charges; are GATEWAY_URL and GATEWAY_TOKEN right/,
    );
    await passTime(50);
    assert.deepEqual((await endsOf(flow)).map(({ status }) => status), ["RESERVED", "RESERVED"]);
    assert.equal(await waitingCents(flow), 3_000);
    for (let minute = 0; minute < 9; minute++) {
      await passTime(60);
      assert.equal(await waitingCents(flow), 3_000, `minute ${minute}`);
    }
    assert.deepEqual(await endsOf(flow), [timedOut, timedOut]);
    assert.equal(await flow.stock("a"), 10_000, "the stock is free");
    assert.deepEqual(await flow.rows("select * from dead_letters"), []);
    provider.trouble = "none";
    await untilDone(stage);
    assert.equal(provider.charges.size, 0, "what has ended is only asked about");
    await assertConsistent(flow);
  }));

Deno.test("money that was taken before the token expired goes back once the provider can be asked", () =>
  withProviderStage("denied_late", {}, async (stage) => {
    const { flow, provider, add, passTime } = stage;
    await add([1_000, 2_000]);
    await flow.turn("orders");
    await flow.turn("payments");
    await provider.settled();
    provider.trouble = "denied";
    for (let minute = 0; minute < 4; minute++) {
      await passTime(60);
      assert.equal(await waitingCents(flow), 3_000, `minute ${minute}`);
    }
    assert.deepEqual(await endsOf(flow), [timedOut, timedOut]);
    provider.trouble = "none";
    await untilDone(stage);
    assert.deepEqual(
      [...provider.charges.values()].map(({ refundedCents }) => refundedCents),
      [1_000, 2_000],
    );
    await assertSameMoney(stage);
    await assertConsistent(flow);
  }));

Deno.test("nine minutes without the provider show each order's money once, and one message that carries it", () =>
  withProviderStage("outage", {}, async (stage) => {
    const { flow, provider, add, passTime } = stage;
    await add([1_000, 2_000]);
    provider.trouble = "down";
    await flow.turn("orders");
    await flow.turn("payments");
    for (let minute = 1; minute <= 9; minute++) {
      await passTime(60);
      assert.equal(await waitingCents(flow), 3_000, `minute ${minute}`);
      const messages = await messagesOf(flow);
      const lookUps = messages.filter(({ type }) => type === "payment.ask_again");
      assert.ok(lookUps.length <= 2, `minute ${minute}: ${JSON.stringify(messages)}`);
      const carried = messages.filter((message) =>
        "amountCents" in message && message.amountCents > 0
      );
      assert.equal(carried.length, 2, `minute ${minute}: ${JSON.stringify(messages)}`);
    }
    assert.deepEqual(await endsOf(flow), [timedOut, timedOut]);
    provider.trouble = "none";
    await untilDone(stage);
    assert.equal(await waitingCents(flow), 0);
    assert.equal(provider.charges.size, 0);
    assert.deepEqual(await flow.rows("select * from dead_letters"), []);
    await assertConsistent(flow);
  }));

Deno.test("expireReservations() reaches every order behind a thousand that are stuck, and asks about each once", () =>
  withProviderStage("starved", {}, async ({ flow, provider, add }) => {
    await add(Array.from({ length: 1_150 }, () => 100));
    provider.trouble = "denied";
    while ((await flow.turn("orders")).handled > 0);
    await flow.rows("update orders set reserved_time = reserved_time - interval 1 hour");
    const late = { olderThanSeconds: 900 };
    assert.equal(await expireReservations(flow, late), 1_150);
    // Nobody handles them, and the marks of the first look are over.
    const marks = await flow.redis.keys(`${flow.keys.expiryMark}*`);
    await flow.redis.del(...marks);
    assert.equal(await expireReservations(flow, late), 0, "each is being asked about");
    assert.equal(await waitingCents(flow), 115_000);
  }));

Deno.test("what goes wrong with an order's charge for one reason is one dead letter, and its money counts once", async () => {
  const error = "the provider speaks in riddles";
  const failed = (requests: readonly unknown[]) =>
    Promise.resolve(requests.map(() => ({ kind: "failed" as const, error })));
  const gateway: Gateway = { name: "riddles", charge: failed, status: failed, refund: failed };
  const flow = await openWorkflow("one_letter", { gateway, consumer: { maxDeliveries: 1 } });
  try {
    const [order] = await flow.add([anOrder("1", [{ sku: "a", qty: 1, unitPriceCents: 1_500 }])]);
    const id = order!.orderId!;
    await flow.turn("orders");
    assert.equal((await flow.turn("payments")).dead, 1);
    await flow.rows("update orders set reserved_time = reserved_time - interval 1 hour");
    for (let minute = 0; minute < 9; minute++) {
      await flow.redis.del(`${flow.keys.expiryMark}${id}`);
      await expireReservations(flow, { olderThanSeconds: 900 });
      await makeDue(flow);
      for (const group of ["payments", "notifications"] as const) await flow.turn(group);
    }
    assert.deepEqual((await endsOf(flow))[0], timedOut);
    assert.equal(await flow.stock("a"), 50);
    const letters = await flow.rows(
      "select order_id, amount_cents, error, attempts from dead_letters",
    );
    assert.deepEqual(letters, [
      { order_id: id, amount_cents: 1_500, error, attempts: 2 },
    ]);
    // Another letter about the same order is no other money.
    const about = { orderId: id, amountCents: 1_500, currency: "EUR" };
    await publish(flow, [{ message: { type: "payment.reverse", ...about } }]);
    assert.equal((await flow.turn("refunds")).dead, 1);
    const [sum] = await sumDeadLetters(flow.db, {});
    assert.deepEqual([sum!.count, sum!.amountCents], [2, 1_500n]);
    // Once decided about, the same may die again.
    await retryDeadLetters(flow, { group: "payments" }, anOperator("test"));
    assert.equal((await flow.turn("payments")).dead, 1);
    const [row] = await flow.rows(
      "select count(*) as n from dead_letters where status = 'DEAD' and group_name = 'payments'",
    );
    assert.equal(Number(row!.n), 1);
  } finally {
    await flow.close();
  }
});

Deno.test("an order that costs nothing is paid without the provider, and gives nothing back", () =>
  withProviderStage("free", {}, async ({ flow, provider, add }) => {
    const ids = await add([0, 100]);
    const [free, dear] = ids as [number, number];
    provider.trouble = "down";
    await flow.turn("orders");
    await flow.turn("payments");
    assert.equal((await flow.order(free)).status, "PAID");
    assert.deepEqual(
      await flow.rows("select order_id, provider, amount_cents, status from payments"),
      [{ order_id: free, provider: "none", amount_cents: 0, status: "SUCCEEDED" }],
    );
    // One that has ended is not asked about, nor is nothing given back.
    await flow.rows("delete from payments where order_id = ?", [free]);
    await flow.rows(
      "insert into payments (order_id, provider, provider_ref, amount_cents, status) values (?, 'http', 'x', 0, 'REVERSING')",
      [free],
    );
    const asked = provider.asked;
    const about = { orderId: free, amountCents: 0, currency: "EUR" };
    await publish(flow, [{ message: { type: "payment.reverse", ...about } }]);
    assert.equal((await flow.turn("refunds")).handled, 1);
    assert.equal(provider.asked, asked);
    assert.deepEqual(await flow.rows("select status from payments where order_id = ?", [free]), [
      { status: "REVERSED" },
    ]);
    assert.equal((await flow.order(dear)).status, "RESERVED");
  }));

Deno.test("free orders agree with verify() and the figures, whatever the gateway is", async () => {
  const flow = await openWorkflow("free_orders");
  try {
    await flow.add([
      anOrder("free", [{ sku: "a", qty: 2, unitPriceCents: 0 }]),
      anOrder("dear", [{ sku: "a", qty: 1 }]),
    ]);
    await flow.drain();
    assert.deepEqual((await endsOf(flow)).map(({ status }) => status), ["PAID", "PAID"]);
    assert.deepEqual(await listProviders(flow.db), ["simulated"], "none has to be configured");
    await assertConsistent(flow);
  } finally {
    await flow.close();
  }
});
