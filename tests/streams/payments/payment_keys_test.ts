import assert from "node:assert/strict";
import { groupsInSearchOrder } from "../../../domain/messages/work.ts";
import { countDisputes } from "../../disputes.ts";
import { requestRefund } from "../../../services/refunds/request_refunds.ts";
import { noteOlderSeen, readInstallation } from "../../../db/payments/installation.ts";
import { cancelOrder } from "../../../services/orders/cancel_order.ts";
import type { ChargeMessage } from "../../../domain/messages/messages.ts";
import { migrate } from "../../../db/connection/migrate.ts";
import { keepOldKeysAway, leaveOldKeys } from "../../../streams/payments/end_old_keys.ts";
import { newConsumerName } from "../../../streams/workflow/living_consumers.ts";
import { lookOnce, readAlerts } from "../../../streams/alerts/alerts.ts";
import { consumeOnce } from "../../../streams/queue/consumer.ts";
import { refuseUnknownProviders } from "../../../streams/payments/gateways.ts";
import { publish } from "../../../streams/workflow/publish.ts";
import { recover } from "../../../streams/recovery/recover.ts";
import { type Dump, restoreDump, takeDump } from "../../dump.ts";
import { loseRedis } from "../../settled_workflow.ts";
import { recordedLog } from "../../routes/api.ts";
import { type Provided, settleAll, until, withProvider } from "../../provider.ts";
import { anOrder, chargeKey, type Workflow } from "../../workflow.ts";
import { assertConsistent } from "../consistent.ts";
import { alertSettings } from "../../alert_settings.ts";

/** An order of one even amount, so the provider takes its money. */
const web = (n: number, unitPriceCents = 1_000) =>
  anOrder(`web-${n}`, [{ sku: "A", qty: 1, unitPriceCents }]);

/** Asks for a refund under a client's key and publishes it, as the API does. */
async function refund(
  flow: Workflow,
  orderId: number,
  amountCents: number,
  idempotencyKey: string | null,
): Promise<number> {
  const wish = { orderId, amountCents, reason: null, idempotencyKey };
  const { refund, currency } = await requestRefund(flow.db, wish, "api:shop");
  await publish(flow, [{
    message: { type: "refund.process", orderId, refundId: refund.id, amountCents, currency },
  }]);
  return refund.id;
}

/** Goes back to older books, with an empty Redis, as docs/operating.md says. */
async function goBack({ flow }: Provided, dump: Dump): Promise<void> {
  await restoreDump(flow.test.databaseUrl, dump);
  await loseRedis(flow);
  await recover(flow);
}

async function addAndSettle(provided: Provided, ...orders: ReturnType<typeof web>[]) {
  const taken = await provided.flow.add(orders, 1_000);
  await settleAll(provided);
  return taken.map(({ orderId }) => orderId!);
}

/** The provider's charges by the shop's ids, with what it has given back. */
const takenFor = ({ provider }: Provided) =>
  [...provider.charges.values()]
    .filter(({ status }) => status === "succeeded")
    .map(({ reference, amountCents, refundedCents }) => [reference, amountCents, refundedCents])
    .sort();

/** Asserts that every paid order was paid by the provider's own charge for it. */
async function assertOwnCharges({ flow, provider }: Provided): Promise<void> {
  const byRef = new Map([...provider.charges.values()].map((charge) => [charge.id, charge]));
  const paid = await flow.rows(`
    select orders.external_order_id as name, orders.total_cents as cents, payments.provider_ref as ref
    from payments
    join orders on orders.id = payments.order_id
    where orders.status = 'PAID'`);
  for (const { name, cents, ref } of paid) {
    const charge = byRef.get(String(ref));
    assert.deepEqual([charge?.reference, charge?.amountCents], [name, cents], String(name));
  }
}

for (const raised of [true, false]) {
  const how = raised ? "raised" : "not raised";
  Deno.test(`an order that is sent again after its row was lost is charged once (counter ${how})`, () =>
    withProvider("keys_again", {}, async (provided) => {
      const { flow, provider } = provided;
      await addAndSettle(provided, web(1));
      const dump = await takeDump(flow.test.databaseUrl);
      const [first] = await addAndSettle(provided, web(2));
      await goBack(provided, dump);
      if (raised) await flow.rows("alter table orders auto_increment = 1000");
      const [again] = await addAndSettle(provided, web(2));
      assert.equal(again, raised ? 1_000 : first);
      assert.deepEqual(takenFor(provided), [["web-1", 1_000, 0], ["web-2", 1_000, 0]]);
      assert.equal(provider.charges.size, 2);
      await assertOwnCharges(provided);
      await assertConsistent(flow);
    }));
}

Deno.test("another order that gets the id of a lost one is not paid by its charge", () =>
  withProvider("keys_other", {}, async (provided) => {
    const { flow } = provided;
    await addAndSettle(provided, web(1));
    const dump = await takeDump(flow.test.databaseUrl);
    const [lost] = await addAndSettle(provided, web(2));
    await goBack(provided, dump);
    const [other] = await addAndSettle(provided, web(3));
    assert.equal(other, lost, "the id is given anew");
    assert.deepEqual(takenFor(provided).map(([name]) => name), ["web-1", "web-2", "web-3"]);
    await assertOwnCharges(provided);
    await addAndSettle(provided, web(2));
    assert.equal(provided.provider.charges.size, 3);
    await assertOwnCharges(provided);
    await assertConsistent(flow);
  }));

Deno.test("a refund that gets the id of a lost one is paid out", () =>
  withProvider("keys_refund", {}, async (provided) => {
    const { flow } = provided;
    const [one, two] = await addAndSettle(provided, web(1), web(2)) as [number, number];
    const dump = await takeDump(flow.test.databaseUrl);
    const lost = await refund(flow, one, 300, null);
    await settleAll(provided);
    await goBack(provided, dump);
    assert.equal(await refund(flow, two, 300, null), lost, "the id is given anew");
    await settleAll(provided);
    assert.deepEqual(takenFor(provided), [["web-1", 1_000, 300], ["web-2", 1_000, 300]]);
    assert.equal((await flow.order(two)).refundedCents, 300);
  }));

Deno.test("a refund that is asked for again under the client's key is paid out once, another one anew", () =>
  withProvider("keys_refund_again", {}, async (provided) => {
    const { flow } = provided;
    const [one] = await addAndSettle(provided, web(1)) as [number];
    const dump = await takeDump(flow.test.databaseUrl);
    await refund(flow, one, 300, "return-1");
    await refund(flow, one, 300, "return-2");
    await settleAll(provided);
    assert.deepEqual(takenFor(provided), [["web-1", 1_000, 600]]);
    await goBack(provided, dump);
    await refund(flow, one, 300, "return-2");
    await refund(flow, one, 300, "return-1");
    await settleAll(provided);
    assert.deepEqual(takenFor(provided), [["web-1", 1_000, 600]]);
    assert.equal((await flow.order(one)).refundedCents, 600);
    await assertConsistent(flow);
    // Whoever frees a key in the database asks for another refund by it.
    await flow.rows("update refunds set idempotency_key = null");
    await refund(flow, one, 300, "return-1");
    await settleAll(provided);
    assert.deepEqual(takenFor(provided), [["web-1", 1_000, 900]]);
  }));

Deno.test("a callback for a lost order hits no other one, and is taken once the order is there again", () =>
  withProvider("keys_callback", { delayMs: 1_500, resendMs: 300 }, async (provided) => {
    const { flow, provider } = provided;
    await addAndSettle(provided, web(1));
    const dump = await takeDump(flow.test.databaseUrl);
    const [lost] = await flow.add([web(2)]);
    await flow.turn("orders");
    await flow.turn("payments");
    await goBack(provided, dump);
    const [other] = await flow.add([web(3)]);
    assert.equal(other!.orderId, lost!.orderId);
    await flow.turn("orders");
    await until(
      "a callback is refused",
      () => provider.deliveries.some(({ status }) => status === 409),
    );
    assert.equal((await flow.order(other!.orderId!)).status, "RESERVED");
    await addAndSettle(provided, web(2));
    assert.equal(provider.deliveries.at(-1)!.status, 202);
    assert.deepEqual(takenFor(provided).map(([name]) => name), ["web-1", "web-2", "web-3"]);
    await assertOwnCharges(provided);
    await assertConsistent(flow);
  }));

Deno.test("settlePayments() settles no order by an answer to another one's charge", () =>
  withProvider("keys_answer", {}, async ({ flow }) => {
    const [one, two] = (await flow.add([web(1), web(2)])).map(({ orderId }) => orderId!) as [
      number,
      number,
    ];
    await flow.turn("orders");
    await flow.redis.xtrim(flow.keys.stream("payments"), "MAXLEN", 0);
    const answer = {
      type: "payment.callback",
      amountCents: 1_000,
      currency: "EUR",
      outcome: "succeeded",
      provider: "http",
    } as const;
    await publish(flow, [
      {
        message: { ...answer, orderId: one, key: await chargeKey(flow.db, two), providerRef: "a" },
      },
      {
        message: { ...answer, orderId: two, key: await chargeKey(flow.db, two), providerRef: "b" },
      },
    ]);
    const turn = await flow.turn("payments");
    assert.deepEqual([turn.handled, turn.dead], [1, 1]);
    assert.deepEqual(
      [(await flow.order(one)).status, (await flow.order(two)).status],
      ["RESERVED", "PAID"],
    );
    const [letter] = await flow.rows("select error from dead_letters");
    assert.match(
      String(letter!.error),
      /^the answer to charge charge_[0-9a-f]{40} is not about order 1$/,
    );
  }));

Deno.test("orders and refunds of before the upgrade keep their old keys, and no later one gets one", () =>
  withProvider("keys_upgrade", { silent: 100 }, async (provided) => {
    const { flow, provider } = provided;
    const ids = (await flow.add([web(1), web(2), web(3)])).map(({ orderId }) => orderId!);
    const [reserved, cancelled, pending] = ids as [number, number, number];
    await flow.turn("orders");
    await flow.rows(
      "update orders set status = 'PENDING', reserved_time = '1000-01-01' where id = ?",
      [pending],
    );
    await flow.rows("update installation set old_keys_until = utc_timestamp(6)");
    // As the version before charged them, without an answer.
    for (const orderId of [reserved, cancelled]) {
      await provider.app.request("/charges", {
        method: "POST",
        headers: { "idempotency-key": `order-${orderId}`, "content-type": "application/json" },
        body: JSON.stringify({ order_id: orderId, amount_cents: 1_000, currency: "EUR" }),
      });
    }
    await cancelOrder(flow.db, cancelled, "test");
    await flow.rows(
      "update orders set status = 'RESERVED', reserved_time = utc_timestamp(6) where id = ?",
      [
        pending,
      ],
    );
    await flow.add([web(4)]);
    await settleAll(provided);
    assert.deepEqual([...provider.charges.keys()].slice(0, 2), ["order-1", "order-2"]);
    assert.equal(provider.charges.size, 4);
    for (const key of [...provider.charges.keys()].slice(2)) assert.match(key, /^charge_/);
    assert.equal(provider.charges.get("order-2")!.refundedCents, 1_000, "it was cancelled");
    const paid = await flow.rows("select id, status from orders order by id");
    assert.deepEqual(paid.map(({ status }) => status), ["PAID", "CANCELLED", "PAID", "PAID"]);

    // Requested before, with its money on its way, under the key made of its id.
    const old = await refund(flow, reserved, 200, null);
    await flow.rows("update refunds set provider_key = null where id = ?", [old]);
    const charge = provider.charges.get("order-1")!;
    await provider.app.request("/refunds", {
      method: "POST",
      headers: { "idempotency-key": `refund-${old}`, "content-type": "application/json" },
      body: JSON.stringify({ order_id: reserved, amount_cents: 200, currency: "EUR" }),
    });
    assert.equal(charge.refundedCents, 200);
    await settleAll(provided);
    assert.equal(charge.refundedCents, 200, "it went back once");
    assert.equal((await flow.order(reserved)).refundedCents, 200);
    await assertConsistent(flow);
  }));

Deno.test("a callback under an old key settles its order, and none that only has the same id", () =>
  withProvider("keys_old_callback", { delayMs: 200, resendMs: 50 }, async (provided) => {
    const { flow, provider } = provided;
    await flow.add([web(1)]);
    await flow.turn("orders");
    await flow.redis.xtrim(flow.keys.stream("payments"), "MAXLEN", 0);
    const ask = (key: string) =>
      provider.app.request("/charges", {
        method: "POST",
        headers: { "idempotency-key": key, "content-type": "application/json" },
        body: JSON.stringify({ order_id: 1, amount_cents: 1_000, currency: "EUR" }),
      });
    await ask("order-1");
    await until("a callback came", () => provider.deliveries.length > 0);
    assert.equal(provider.deliveries[0]!.status, 409, "it was reserved after the upgrade");
    await flow.rows("update installation set old_keys_until = utc_timestamp(6)");
    await provider.settled();
    await flow.drain();
    assert.equal((await flow.order(1)).status, "PAID");
  }));

Deno.test("older books under load, and everything sent again: the provider took each order's money once", () =>
  withProvider("keys_load", {
    delayMs: 30,
    resendMs: 60,
    errors: 15,
    timeOuts: 3,
    duplicates: 20,
    early: 20,
    silent: 10,
  }, async (provided) => {
    const { flow, provider } = provided;
    const orders = Array.from({ length: 90 }, (_, n) => web(n, 1_000 + n % 7));
    const refunded = new Set<string>();
    const refundAgain = async (names: Iterable<string>) => {
      for (const name of names) {
        const [row] = await flow.rows("select id from orders where external_order_id = ?", [name]);
        for (const part of ["a", "b"]) await refund(flow, Number(row!.id), 100, `${name}-${part}`);
        refunded.add(name);
      }
    };
    let stopped = false;
    const consuming = (async () => {
      while (!stopped) {
        for (const group of groupsInSearchOrder) {
          await flow.turn(group);
        }
      }
    })();
    const paidNames = async () => {
      const rows = await flow.rows(`
        select external_order_id as name
        from orders
        where status = 'PAID'
        order by id desc`);
      return rows.map(({ name }) => String(name));
    };
    let dump: Dump | undefined;
    try {
      for (let from = 0; from < orders.length; from += 10) {
        await flow.add(orders.slice(from, from + 10), 1_000);
        if (from === 30) await until("some are paid", async () => (await paidNames()).length >= 4);
        await refundAgain((await paidNames()).slice(0, 4).filter((name) => !refunded.has(name)));
        if (from === 40) dump = await takeDump(flow.test.databaseUrl);
      }
      // In the middle of everything: some are charged, some are not, some callbacks are on their way.
      await until("more are paid", async () => (await paidNames()).length >= 25);
    } finally {
      stopped = true;
      await consuming;
    }
    await goBack(provided, dump!);

    // Somebody else comes first, and gets the ids of lost orders.
    const newcomers = Array.from({ length: 15 }, (_, n) => web(500 + n, 1_000 + n % 7));
    await flow.add(newcomers, 1_000);
    await flow.add(orders, 1_000);
    await settleAll(provided);
    await refundAgain(refunded);
    await settleAll(provided);
    const all = [...orders, ...newcomers];
    const [counted] = await flow.rows("select count(*) as n from orders");
    assert.equal(counted!.n, all.length);
    const wanted = all
      .map(({ externalOrderId, items }) => [externalOrderId, items[0]!.unitPriceCents] as const)
      .filter(([, cents]) => cents % 2 === 0);
    assert.deepEqual(
      takenFor(provided),
      wanted.map(([name, cents]) => [name, cents, refunded.has(name) ? 200 : 0]).sort(),
      "each order's money was taken once, and each refund paid out once",
    );
    assert.equal(provider.charges.size, all.length);
    await assertOwnCharges(provided);
    const paid = await flow.rows("select id from orders where status = 'PAID'");
    assert.equal(paid.length, wanted.length);
    assert.deepEqual(await flow.rows("select error from dead_letters"), []);
    await assertConsistent(flow);
    const { name } = await readInstallation(flow.db);
    assert.equal(name, dump!.get("installation")!.rows[0]![1]);
  }));

Deno.test("leaveOldKeys() waits until no consumer asks under keys of row ids, and keeps what they may have asked for", () =>
  withProvider("keys_side_by_side", { silent: 100 }, async (provided) => {
    const { flow, provider } = provided;
    await flow.add([web(1), web(2)]);
    await flow.turn("orders");
    // As after an upgrade of books with orders in them.
    await flow.rows("delete from installation");
    await flow.rows("delete from schema_migrations where version = 13");
    await migrate(flow.test.databaseUrl);
    assert.equal((await readInstallation(flow.db)).oldKeysUntil, null);
    assert.equal(await chargeKey(flow.db, 1), "order-1");

    const older = "shop.example:7:0123abcd";
    const stream = flow.keys.stream("payments");
    await flow.redis.xreadgroup("GROUP", "payments", older, "COUNT", 1, "STREAMS", stream, ">");
    await flow.redis.zadd(flow.keys.alive("refunds"), Date.now() + 60_000, `${older}:2`);
    await flow.redis.zadd(
      flow.keys.alive("refunds"),
      Date.now() + 60_000,
      newConsumerName("shop.example"),
    );
    const recorded = recordedLog();
    const stop = new AbortController();
    const leaving = leaveOldKeys({ ...flow, log: recorded.log }, stop.signal);
    await until("it waits", () => recorded.lines.length > 0);
    assert.match(recorded.lines[0]!, new RegExp(`"consumers":"${older},${older}:2"`));
    stop.abort();
    assert.equal(await leaving, false);
    await flow.redis.zrem(flow.keys.alive("refunds"), `${older}:2`);
    const left = leaveOldKeys({ ...flow, log: recorded.log }, new AbortController().signal);
    await until("it waits for the message in hand", () => recorded.lines.length > 1);
    assert.match(recorded.lines[1]!, new RegExp(`"consumers":"${older}"`));
    assert.equal((await readInstallation(flow.db)).oldKeysUntil, null);

    // It charges and stops.
    await flow.gateway.charge([{
      orderId: 1,
      reference: "web-1",
      amountCents: 1_000,
      currency: "EUR",
      idempotencyKey: await chargeKey(flow.db, 1),
    }]);
    await flow.redis.xgroup("SETID", stream, "payments", "0");
    await flow.redis.xgroup("DELCONSUMER", stream, "payments", older);
    assert.equal(await left, true);
    await flow.add([web(3)]);
    await settleAll(provided);
    const keys = [...provider.charges.keys()].sort();
    assert.deepEqual(keys.slice(1), ["order-1", "order-2"]);
    assert.match(keys[0]!, /^charge_/);
    await assertOwnCharges(provided);
    await assertConsistent(flow);
  }));

Deno.test("a new database has the keys of today as soon as somebody takes payments, and no sooner", () =>
  withProvider("keys_new", {}, async ({ flow }) => {
    await flow.rows("delete from installation");
    await flow.rows("delete from schema_migrations where version in (13, 20)");
    await migrate(flow.test.databaseUrl);
    assert.equal((await readInstallation(flow.db)).oldKeysUntil, null, "an older one may run");
    for (const group of ["payments", "refunds"] as const) {
      await flow.redis.del(flow.keys.stream(group));
    }
    let looks = 0;
    const query: Workflow["db"]["query"] = (sql, values) => {
      if (sql.includes("from installation")) looks++;
      return flow.db.query(sql, values);
    };
    const deps = { ...flow, db: { ...flow.db, query } };
    assert.equal(await leaveOldKeys(deps, new AbortController().signal), true);
    assert.equal(looks, 1, "nothing is waited for");
    const { oldKeysUntil } = await readInstallation(flow.db);
    assert.equal(oldKeysUntil, "1000-01-01 00:00:00.000000", "no order has an old key");
  }));

Deno.test("an older consumer that comes back keeps the others from payments until it is gone", () =>
  withProvider("keys_come_back", {}, async (provided) => {
    const { flow, provider } = provided;
    const gate = { isShut: false };
    const recorded = recordedLog();
    const stop = new AbortController();
    const deps = { ...flow, log: recorded.log };
    const watching = keepOldKeysAway(deps, gate, stop.signal);
    const older = "shop.example:7:0123abcd";
    await flow.redis.zadd(flow.keys.alive("payments"), Date.now(), older);
    await until("it is seen", () => gate.isShut);
    await until("it is noted", async () => (await readInstallation(flow.db)).olderSeenAt !== null);
    await until("it is told", () => recorded.lines.length > 0);
    assert.match(recorded.lines[0]!, new RegExp(`"level":"error".*"consumers":"${older}"`));
    assert.equal(await leaveOldKeys(deps, AbortSignal.timeout(100)), false, "at a start as well");

    await flow.add([web(1)]);
    await flow.turn("orders");
    const gated = flow.consumerOf("payments", { gate }, newConsumerName("shop.example"));
    assert.equal((await consumeOnce(gated)).handled, 0);
    assert.equal(provider.charges.size, 0);
    const config = alertSettings;
    await lookOnce({ ...deps, config }, 0);
    await lookOnce({ ...deps, config }, 60_000);
    const names = (await readAlerts(flow)).map(({ name }) => name);
    assert.ok(names.includes("older_version"), names.join());

    await flow.redis.zrem(flow.keys.alive("payments"), older);
    await until("it is gone", () => !gate.isShut);
    stop.abort();
    await watching;
    assert.equal((await consumeOnce(gated)).handled, 1);
    await settleAll(provided);
    assert.equal(provider.charges.size, 1);
    await assertConsistent(flow);
  }));

/** Charges as a process of the version before does. */
const chargeAsBefore = async ({ provider }: Provided, orderId: number, of = {}) => {
  const { status } = await provider.app.request("/charges", {
    method: "POST",
    headers: { "idempotency-key": `order-${orderId}`, "content-type": "application/json" },
    body: JSON.stringify({ order_id: orderId, amount_cents: 1_000, currency: "EUR", ...of }),
  });
  assert.ok(status < 300, String(status));
};

Deno.test("what an older process has charged although its time was over is not charged again, and goes back where it has to", () =>
  withProvider("keys_charged_by_older", { silent: 100 }, async (provided) => {
    const { flow, provider } = provided;
    const taken = await flow.add([web(1), web(2), web(3), web(4), web(5, 1_200)]);
    const [paid, cancelled, , other, otherMoney] = taken.map(({ orderId }) => orderId!);
    await flow.turn("orders");
    await chargeAsBefore(provided, paid!);
    await chargeAsBefore(provided, cancelled!);
    // Those of lost rows with the same ids.
    await chargeAsBefore(provided, other!, { reference: "web-77" });
    await chargeAsBefore(provided, otherMoney!);
    await noteOlderSeen(flow.db);
    await cancelOrder(flow.db, cancelled!, "test");
    await settleAll(provided);
    await flow.add([web(6)]);
    await settleAll(provided);
    const statuses = await flow.rows("select status from orders order by id");
    assert.deepEqual(
      statuses.map(({ status }) => status),
      ["PAID", "CANCELLED", "PAID", "PAID", "PAID", "PAID"],
    );
    assert.equal(provider.charges.size, 8, "one more for each but the first two");
    assert.equal(provider.charges.get("order-2")!.refundedCents, 1_000);
    const refs = await flow.rows("select provider_ref from payments order by order_id");
    const byKey = [...provider.charges].filter(([, { id }]) =>
      refs.some(({ provider_ref }) => provider_ref === id)
    ).map(([key]) => key.replace(/_.*/, ""));
    assert.deepEqual(byKey, ["order-1", "order-2", "charge", "charge", "charge", "charge"]);
    await assertConsistent(flow);
  }));

Deno.test("an order that was charged under its own key keeps it when an older process is seen", () =>
  withProvider("keys_keep", { silent: 100, delayMs: 300 }, async (provided) => {
    const { flow, provider } = provided;
    await flow.add([web(1)]);
    await flow.turn("orders");
    await flow.turn("payments");
    assert.equal(provider.charges.size, 1, "asked, without an answer yet");
    await noteOlderSeen(flow.db);
    await settleAll(provided);
    assert.equal((await flow.order(1)).status, "PAID");
    assert.equal(provider.charges.size, 1);
    await assertOwnCharges(provided);
    await assertConsistent(flow);
  }));

Deno.test("a callback about an older process' charge is taken once that one was seen, and second money is disputed", () =>
  withProvider("keys_older_callback", { delayMs: 100, resendMs: 50 }, async (provided) => {
    const { flow, provider } = provided;
    await flow.add([web(1), web(2), web(3)]);
    await flow.turn("orders");
    await flow.redis.xtrim(flow.keys.stream("payments"), "MAXLEN", 0);
    await chargeAsBefore(provided, 1);
    await chargeAsBefore(provided, 2);
    await chargeAsBefore(provided, 3, { amount_cents: 1_200 });
    // The second one is charged by both.
    const message = { type: "payment.charge", orderId: 2, amountCents: 1_000, currency: "EUR" };
    await publish(flow, [{ message: message as ChargeMessage }]);
    await until("callbacks are refused", async () => {
      await flow.turn("payments");
      return provider.deliveries.filter(({ status }) => status === 409).length >= 3 &&
        (await flow.order(2)).status === "PAID";
    });
    await noteOlderSeen(flow.db);
    await until("both are paid, and a person is asked about second money", async () => {
      await flow.turn("payments");
      return (await flow.order(1)).status === "PAID" && await countDisputes(flow.db) === 1;
    });
    const disputed = await flow.rows(
      "select order_id, surplus from payments where status = 'DISPUTED'",
    );
    assert.deepEqual(disputed.map(({ order_id, surplus }) => [order_id, surplus]), [[2, 1]]);
    assert.equal((await flow.order(3)).status, "RESERVED", "it is other money");
    const [{ n }] = await flow.rows("select count(*) as n from dead_letters") as [{ n: number }];
    assert.equal(Number(n), 0);
  }));

Deno.test("what the version before charged while none of today's ran is not charged again", () =>
  withProvider("keys_rolled_back", { silent: 100 }, async (provided) => {
    const { flow, provider } = provided;
    await flow.add([web(1)]);
    await flow.turn("orders");
    const never = new AbortController().signal;
    assert.equal(await leaveOldKeys(flow, never), true);
    assert.equal((await readInstallation(flow.db)).olderSeenAt, null, "none ran");
    await flow.rows("update order_events set actor = 'shop.example:7:0123abcd'");
    await chargeAsBefore(provided, 1);
    assert.equal(await leaveOldKeys(flow, never), true);
    await settleAll(provided);
    assert.equal((await flow.order(1)).status, "PAID");
    assert.deepEqual([...provider.charges.keys()], ["order-1"]);
    await assertConsistent(flow);
  }));

Deno.test("a provider's name that the version before has misread is repaired while it is there, and at a start", () =>
  withProvider("keys_misread", {}, async (provided) => {
    const { flow } = provided;
    await addAndSettle(provided, web(1));
    const providers = async () =>
      (await flow.rows("select provider from payments")).map(({ provider }) => provider);
    const misread = () =>
      flow.rows("update payments set provider = 'http/charge_33b22d9163bbd2e0c9de'");
    await misread();
    await refuseUnknownProviders({ config: { gateway: "http", furtherGateways: [] }, db: flow.db });
    assert.deepEqual(await providers(), ["http"]);
    await misread();
    await flow.redis.zadd(flow.keys.alive("payments"), Date.now(), "shop.example:7:0123abcd");
    assert.equal(await leaveOldKeys(flow, AbortSignal.timeout(300)), false);
    assert.deepEqual(await providers(), ["http"]);
  }));
