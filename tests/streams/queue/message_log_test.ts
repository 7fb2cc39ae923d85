import assert from "node:assert/strict";
import { consumeOnce } from "../../../streams/queue/consumer.ts";
import { makeConsumer } from "../../../streams/workflow/consumer.ts";
import { recordedLog } from "../../routes/api.ts";
import { anOrder, openWorkflow } from "../../workflow.ts";
import { makeDue, pendingOf } from "../consistent.ts";

/** The address of a customer whom a shop knows by it, so that it stands in a key. */
const email = "ann.miller@example.com";

/** What an engine may repeat: a value that is there already, one that does not fit, and a piece of a statement. */
const statements = [
  "insert into customers (external_id, email, name) select external_id, email, name from customers",
  "update customers set created_at = email",
  "selekt 'Ann Miller ann.miller@example.com'",
];

for (const statement of statements) {
  Deno.test(`a message that fails by "${statement}" leaves nothing of the customer in the log`, async () => {
    const flow = await openWorkflow("message_log");
    const { log, lines } = recordedLog();
    try {
      const customer = { externalId: email, email, name: "Ann Miller" };
      const [order] = await flow.add([anOrder("A", [{ sku: "x", qty: 1 }], { customer })]);
      const consumer = makeConsumer({ ...flow, log, consumer: "host:1:abc" }, {
        group: "orders",
        batchSize: 10,
        maxDeliveries: 2,
        retryBackoffMs: 1,
        takeoverMs: 10_000,
        share: ([...deliveries]) => [{
          deliveries,
          handle: async ({ db }) => {
            await db.query(statement);
            return [];
          },
        }],
      });
      await consumeOnce(consumer);
      const [id] = [...(await pendingOf(flow, "orders")).keys()];
      await makeDue(flow);
      await consumeOnce(consumer);

      const about = { id, order_id: order!.orderId, consumer: "host:1:abc" };
      const told = lines.map((line) => JSON.parse(line)).map(
        ({ event, id, order_id, consumer, attempt }) => ({
          event,
          id,
          order_id,
          consumer,
          attempt,
        }),
      );
      assert.deepEqual(told.filter(({ event }) => event.startsWith("message ")), [
        { event: "message failed", ...about, attempt: 1 },
        { event: "message failed", ...about, attempt: 2 },
        { event: "message buried", ...about, attempt: 2 },
      ]);
      assert.doesNotMatch(lines.join("\n"), /ann|miller|example\.com/i);
      const [letter] = await flow.rows("select error from dead_letters");
      assert.match(
        String(letter!.error),
        /ann\.miller/,
        "people who may see it see the whole error",
      );
    } finally {
      await flow.close();
    }
  });
}
