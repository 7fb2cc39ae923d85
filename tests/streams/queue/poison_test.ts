import assert from "node:assert/strict";
import { orderIdOf } from "../../../domain/messages/messages.ts";
import { deliveriesBeforeIsolation } from "../../../domain/messages/retry.ts";
import { consumeOnce } from "../../../streams/queue/consumer.ts";
import { shareOut } from "./share_out.ts";
import { anOrder, openWorkflow } from "../../workflow.ts";
import { pendingOf } from "../consistent.ts";

Deno.test("consumeOnce() reclaims one suspect at a time, the least tried first, and goes on at once", async () => {
  const flow = await openWorkflow("suspects");
  try {
    const orders = Array.from({ length: 5 }, (_, n) => anOrder(`s${n}`, [{ sku: "a", qty: 1 }]));
    const ids = (await flow.add(orders)).map(({ orderId }) => orderId!);
    const stream = flow.keys.stream("orders");
    await flow.redis.xreadgroup("GROUP", "orders", "dead", "COUNT", 5, "STREAMS", stream, ">");
    const entries = [...(await pendingOf(flow, "orders")).keys()];
    /** The first has outlived more consumers than its neighbours; the last was only unlucky once. */
    const deliveries = [
      deliveriesBeforeIsolation + 2,
      deliveriesBeforeIsolation,
      deliveriesBeforeIsolation + 1,
      deliveriesBeforeIsolation,
      1,
    ];
    for (const [at, id] of entries.entries()) {
      const claim = [stream, "orders", "dead", 0, id, "IDLE", 60_000];
      await flow.redis.call("XCLAIM", ...claim, "RETRYCOUNT", deliveries[at]!, "JUSTID");
    }
    const batches: number[][] = [];
    const heir = flow.consumerOf("orders", {
      share: (batch) => {
        batches.push(batch.map(({ message }) => orderIdOf(message)!));
        return shareOut(batch);
      },
    }, "heir");
    const turns = [];
    for (let turn = 0; turn < 4; turn++) turns.push((await consumeOnce(heir)).handled);

    const [first, second, third, fourth, fifth] = ids;
    assert.deepEqual(turns, [2, 1, 1, 1]);
    assert.deepEqual(batches.filter((batch) => batch.length > 0), [
      [fifth],
      [second],
      [fourth],
      [third],
      [first],
    ]);
    assert.equal(await flow.redis.xlen(stream), 0);
  } finally {
    await flow.close();
  }
});
