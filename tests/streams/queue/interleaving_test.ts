import assert from "node:assert/strict";
import fc from "fast-check";
import { cancelOrder } from "../../../services/orders/cancel_order.ts";
import { requestRefunds } from "../../../services/refunds/request_refunds.ts";
import { WorkflowError } from "../../../domain/errors.ts";
import { type Lane, lanes } from "../../../domain/messages/lane.ts";
import { type Group, groups, type Message } from "../../../domain/messages/messages.ts";
import { consumeOnce } from "../../../streams/queue/consumer.ts";
import { type Consumer, makeConsumer } from "../../../streams/workflow/consumer.ts";
import { publish } from "../../../streams/workflow/publish.ts";
import { recover } from "../../../streams/recovery/recover.ts";
import { anOrder, openWorkflow, simulatedRefOf, type Workflow } from "../../workflow.ts";
import { assertConsistent, makeDue, messagesOf, orphan } from "../consistent.ts";
import { fateAfter, mortal } from "./crash.ts";

/** Products that the orders of a run fight for, and units of each. */
const products = 3, units = 12;

const item = fc.record({ product: fc.nat(products - 1), qty: fc.integer({ min: 1, max: 4 }) });
const group = fc.constantFrom(...groups);
const lane = fc.constantFrom(...lanes);
const pick = fc.nat(1_000);

/** Something that happens to the workflow. */
const step = fc.oneof(
  {
    weight: 3,
    arbitrary: fc.record({
      do: fc.constant("add" as const),
      orders: fc.array(
        fc.record({
          items: fc.array(item, { minLength: 1, maxLength: 3 }),
          cents: fc.integer({ min: 0, max: 9 }),
          currency: fc.constantFrom("EUR", "GBP"),
        }),
        { minLength: 1, maxLength: 6 },
      ),
      lane,
    }),
  },
  { weight: 8, arbitrary: fc.record({ do: fc.constant("turn" as const), group }) },
  {
    weight: 3,
    arbitrary: fc.record({ do: fc.constant("crash" as const), group, lane, moment: fc.nat(45) }),
  },
  { weight: 2, arbitrary: fc.record({ do: fc.constant("repeat" as const), pick, lane }) },
  { weight: 2, arbitrary: fc.record({ do: fc.constant("cancel" as const), pick }) },
  {
    weight: 2,
    arbitrary: fc.record({
      do: fc.constant("refund" as const),
      pick,
      cents: fc.option(fc.integer({ min: 1, max: 40 }), { nil: null }),
    }),
  },
  {
    weight: 1,
    arbitrary: fc.record({
      do: fc.constant("answer" as const),
      pick,
      outcome: fc.constantFrom("succeeded" as const, "declined" as const),
    }),
  },
  { weight: 1, arbitrary: fc.record({ do: fc.constant("time_out" as const), pick }) },
  { weight: 1, arbitrary: fc.record({ do: fc.constant("lose_redis" as const) }) },
);

type Step = typeof step extends fc.Arbitrary<infer S> ? S : never;

/** One run: orders of its own that fight for products of its own. */
interface Run {
  flow: Workflow;
  number: number;
  orders: { id: number; cents: number; currency: string }[];
  /** Every message that was ever seen. */
  seen: Map<string, Message>;
  consumers: Map<Group, Record<Lane, [Consumer, Consumer]>>;
}

async function take(run: Run, one: Step): Promise<void> {
  const { flow, orders } = run;
  const order = "pick" in one && orders.length > 0 ? orders[one.pick % orders.length]! : null;
  const publishAll = (...messages: Message[]) => publishIn("live", messages);
  const publishIn = (lane: Lane, messages: Message[]) =>
    publish(flow, messages.map((message) => ({ message })), { lane });
  switch (one.do) {
    case "add": {
      const taken = await flow.add(
        one.orders.map(({ items, cents, currency }, index) =>
          anOrder(
            `${run.number} ${orders.length + index}`,
            items.map(({ product, qty }) => ({
              sku: `${run.number} ${product}`,
              qty,
              unitPriceCents: cents,
            })),
            { currency, customer: { externalId: `c${index % 3}`, email: "e", name: "n" } },
          )
        ),
        units,
        one.lane,
      );
      orders.push(...taken.map(({ orderId, totalCents, currency }) => ({
        id: orderId!,
        cents: totalCents,
        currency,
      })));
      return;
    }
    case "turn": {
      // Two consumers of each lane at once.
      const { live, bulk } = run.consumers.get(one.group)!;
      await Promise.all([...live, ...bulk].map((consumer) => consumeOnce(consumer)));
      return;
    }
    case "crash": {
      const fate = fateAfter(one.moment);
      const { deps, options } = run.consumers.get(one.group)![one.lane][0];
      const doomed = makeConsumer(mortal(deps, fate, "doomed"), options);
      await consumeOnce(doomed).catch((error) => assert.ok(fate.dead, error));
      await orphan(flow, one.group, undefined, one.lane);
      return;
    }
    case "repeat": {
      const seen = [...run.seen.values()];
      if (seen.length > 0) await publishIn(one.lane, [seen[one.pick % seen.length]!]);
      return;
    }
    case "cancel": {
      if (order === null) return;
      try {
        await cancelOrder(flow.db, order.id, "test");
      } catch (error) {
        assert.ok(error instanceof WorkflowError && error.code === "order_not_cancellable");
        return;
      }
      const { id: orderId, cents: amountCents, currency } = order;
      await publishAll({ type: "notify.order", orderId, amountCents, currency });
      return;
    }
    case "refund": {
      if (order === null) return;
      // Two at once, and the gateway asked twice for each.
      const request = {
        orderId: order.id,
        amountCents: one.cents,
        reason: null,
        idempotencyKey: null,
      };
      const results = await Promise.all([
        requestRefunds(flow.db, [request], "test"),
        requestRefunds(flow.db, [request], "test"),
      ]);
      for (const result of results.flat()) {
        if (result instanceof WorkflowError) continue;
        const { id: refundId, orderId, amountCents } = result.refund;
        const { currency } = result;
        const message = {
          type: "refund.process",
          orderId,
          refundId,
          amountCents,
          currency,
        } as const;
        await publishAll(message, message);
      }
      return;
    }
    case "answer": {
      if (order === null) return;
      await publishAll({
        type: "payment.callback",
        orderId: order.id,
        amountCents: order.cents,
        currency: order.currency,
        outcome: one.outcome,
        provider: "simulated",
        providerRef: await simulatedRefOf(flow.db, order.id),
      });
      return;
    }
    case "time_out": {
      if (order === null) return;
      const { id: orderId, cents: amountCents, currency } = order;
      await publishAll({ type: "payment.time_out", orderId, amountCents, currency });
      return;
    }
    case "lose_redis": {
      await flow.redis.del(...await flow.redis.keys(`${flow.keys.prefix}*`));
      assert.equal((await recover(flow)).kind, "recovered");
      return;
    }
  }
}

async function finishAll(run: Run): Promise<void> {
  const { flow } = run;
  for (let round = 0; (await messagesOf(flow)).length > 0; round++) {
    assert.ok(round < 40, "the streams drain");
    for (const group of groups) {
      for (const lane of lanes) {
        await orphan(flow, group, undefined, lane);
        await makeDue(flow);
        for (const consumer of run.consumers.get(group)![lane]) {
          consumer.reclaimAt = -Infinity;
          await consumeOnce(consumer);
        }
      }
    }
  }
}

Deno.test("stock, money, figures and notices agree, whatever happens in whatever order", async () => {
  const flow = await openWorkflow("interleaving");
  let number = 0;
  try {
    await fc.assert(
      fc.asyncProperty(fc.array(step, { minLength: 5, maxLength: 30 }), async (steps) => {
        const run: Run = {
          flow,
          number: ++number,
          orders: [],
          seen: new Map(),
          consumers: new Map(groups.map((group) => {
            const two = (lane: Lane): [Consumer, Consumer] => [
              flow.consumerOf(group, { batchSize: 4 }, "one", lane),
              flow.consumerOf(group, { batchSize: 4 }, "two", lane),
            ];
            return [group, { live: two("live"), bulk: two("bulk") }];
          })),
        };
        for (const one of steps) {
          for (const message of await messagesOf(flow)) {
            run.seen.set(JSON.stringify(message), message);
          }
          await take(run, one);
        }
        await finishAll(run);
        // A provider that declines what an order is paid by contradicts itself, which is for a person.
        const letters = await flow.rows("select error from dead_letters");
        assert.deepEqual(
          letters.filter(({ error }) => !/ says that it declined /.test(String(error))),
          [],
        );
        const open = await flow.rows("select id, status from orders where unfinished = 1");
        assert.deepEqual(open, []);
        await assertConsistent(flow);
      }),
      { numRuns: 25, endOnFailure: true },
    );
  } finally {
    await flow.close();
  }
});
