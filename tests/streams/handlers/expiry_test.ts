import assert from "node:assert/strict";
import { expireReservations } from "../../../streams/recovery/expire_reservations.ts";
import type { Gateway } from "../../../streams/payments/gateway.ts";
import { publish } from "../../../streams/workflow/publish.ts";
import { verify } from "../../../streams/verification/verify.ts";
import { anOrder, chargeKey, openWorkflow, type Workflow } from "../../workflow.ts";
import { makeDue } from "../consistent.ts";

/** A provider that takes requests and never answers by itself; it counts what it is asked. */
function silentGateway(): Gateway & { charges: string[]; givenBack: string[] } {
  const charges: string[] = [];
  const givenBack: string[] = [];
  return {
    name: "silent",
    charges,
    givenBack,
    charge: (requests) => {
      charges.push(...requests.map(({ idempotencyKey }) => idempotencyKey));
      return Promise.resolve(requests.map(() => ({ kind: "accepted", callback: null })));
    },
    refund: (requests) => {
      givenBack.push(...requests.map(({ idempotencyKey }) => idempotencyKey));
      return Promise.resolve(requests.map(() => ({ kind: "refunded" })));
    },
  };
}

async function reservedLongAgo(flow: Workflow, externalId: string): Promise<number> {
  const [order] = await flow.add([anOrder(externalId, [{ sku: externalId, qty: 2 }])]);
  await flow.turn("orders");
  await flow.turn("payments");
  assert.equal((await flow.order(order!.orderId!)).status, "RESERVED");
  await flow.db.run(
    "update orders set reserved_time = reserved_time - interval 1 hour where id = ?",
    [order!.orderId!],
  );
  return order!.orderId!;
}

function callback(orderId: number, amountCents: number) {
  return {
    message: {
      type: "payment.callback",
      orderId,
      amountCents,
      currency: "EUR",
      outcome: "succeeded",
      provider: "silent",
      providerRef: `late_${orderId}`,
    },
  } as const;
}

async function events(flow: Workflow, orderId: number): Promise<string[]> {
  const rows = await flow.rows("select event from order_events where order_id = ? order by id", [
    orderId,
  ]);
  return rows.map(({ event }) => String(event));
}

Deno.test("expired reservations", async (t) => {
  const gateway = silentGateway();
  const flow = await openWorkflow("expiry", { gateway });
  try {
    await t.step("are asked about again with the same key, then fail and give back", async () => {
      const id = await reservedLongAgo(flow, "silent");
      assert.equal(await expireReservations(flow, { olderThanSeconds: 900 }), 1);
      await flow.turn("payments");
      const key = await chargeKey(flow.db, id);
      assert.deepEqual(gateway.charges, [key, key]);
      assert.equal((await flow.order(id)).status, "RESERVED");

      await makeDue(flow);
      await flow.drain();
      const order = await flow.order(id);
      assert.equal(order.status, "FAILED");
      assert.equal(order.failureReason, "payment_timeout");
      assert.equal(await flow.stock("silent"), 50);
    });

    await t.step("are asked about once, however often they are looked for", async () => {
      const id = await reservedLongAgo(flow, "once");
      const before = gateway.charges.length;
      assert.equal(await expireReservations(flow, { olderThanSeconds: 900 }), 1);
      assert.equal(await expireReservations(flow, { olderThanSeconds: 900 }), 0);
      await flow.turn("payments");
      assert.deepEqual(gateway.charges.slice(before), [await chargeKey(flow.db, id)]);
      await makeDue(flow);
      await flow.drain();
    });

    await t.step("are paid if the second question is answered", async () => {
      const id = await reservedLongAgo(flow, "answered");
      await expireReservations(flow, { olderThanSeconds: 900 });
      await flow.turn("payments");
      await publish(flow, [callback(id, 200)]);
      await makeDue(flow);
      await flow.drain();
      assert.equal((await flow.order(id)).status, "PAID");
      assert.equal(await flow.stock("answered"), 48);
    });

    await t.step("give a success that comes later back, once", async () => {
      const id = await reservedLongAgo(flow, "late");
      await expireReservations(flow, { olderThanSeconds: 900 });
      await flow.turn("payments");
      await makeDue(flow);
      await flow.drain();
      assert.equal((await flow.order(id)).status, "FAILED");

      await publish(flow, [callback(id, 200), callback(id, 200)]);
      await flow.drain();
      assert.deepEqual(await flow.rows("select status from payments where order_id = ?", [id]), [
        { status: "REVERSED" },
      ]);
      assert.equal(gateway.givenBack.length, 1);
      assert.match(gateway.givenBack[0]!, /^reversal_/);
      assert.deepEqual(await events(flow, id), [
        "created",
        "reserved",
        "failed",
        "payment_late",
        "payment_reversed",
      ]);
      assert.equal((await flow.order(id)).status, "FAILED");
    });

    await t.step("are left alone while they are young", async () => {
      const [order] = await flow.add([anOrder("young", [{ sku: "young", qty: 2 }])]);
      await flow.turn("orders");
      assert.equal(await expireReservations(flow, { olderThanSeconds: 900 }), 0);
      assert.equal((await flow.order(order!.orderId!)).status, "RESERVED");
    });

    const proof = await verify(flow);
    assert.ok(proof.ok, JSON.stringify(proof.checks));
  } finally {
    await flow.close();
  }
});
