import assert from "node:assert/strict";
import { consumeOnce } from "../../../streams/queue/consumer.ts";
import { makeConsumer } from "../../../streams/workflow/consumer.ts";
import { orphan } from "../consistent.ts";
import { fateAfter, mortal } from "../queue/crash.ts";
import { addPaid } from "../../source_orders.ts";
import { verifyNow } from "../../settled_workflow.ts";
import { anOrder, withWorkflow } from "../../workflow.ts";

Deno.test("verify misses no message about source money while the reservation that owes it is to be acknowledged", () =>
  withWorkflow("verify_source", async (flow) => {
    await addPaid(flow, [anOrder("short", [{ sku: "MUG", qty: 9 }])], { initialStock: 1 });
    for (let moment = 0, isOver = false; !isOver; moment++) {
      const fate = fateAfter(moment);
      const dying = makeConsumer(mortal(flow, fate, `dying ${moment}`), {
        group: "orders",
        batchSize: 500,
        maxDeliveries: 500,
        retryBackoffMs: 1,
        takeoverMs: 10_000,
      });
      await consumeOnce(dying).catch((error) => assert.ok(fate.dead, String(error)));
      const { checks } = await verifyNow(flow);
      assert.deepEqual(checks.filter(({ ok }) => !ok), [], `after a crash at moment ${moment}`);
      await orphan(flow, "orders");
      isOver = !fate.dead;
    }
  }));
