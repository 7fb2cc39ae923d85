import assert from "node:assert/strict";
import fc from "fast-check";
import { deadLetterMessages, sumDeadLetters } from "../../../db/dead_letters/dead_letters.ts";
import type { KpiEvent } from "../../../domain/kpi/kpi.ts";
import { entryOf } from "../../../domain/messages/messages.ts";
import { applyKpis } from "../../../streams/kpis/kpis.ts";
import { rebuildKpis } from "../../../streams/kpis/kpis_rebuild.ts";
import { finish } from "../../../streams/queue/enqueue.ts";
import { messageCodec } from "../../../streams/workflow/message_codec.ts";
import { publish } from "../../../streams/workflow/publish.ts";
import { readStreams } from "../../../streams/workflow/queue_status.ts";
import { askRefund, dumpFigures, verifyNow, withSettled } from "../../settled_workflow.ts";
import { anOrder, withWorkflow } from "../../workflow.ts";

const maxCents = Number.MAX_SAFE_INTEGER;

/** Orders that are worth more than new ones may be, as the books of earlier versions can have them. */
function hugeOrder(name: string, odd = false) {
  const items = Array.from({ length: 4 }, (_, index) => ({
    sku: `huge-${index}`,
    qty: 1_000_000,
    unitPriceCents: 2_147_483_647,
  }));
  return anOrder(name, odd ? [...items, { sku: "penny", qty: 1, unitPriceCents: 1 }] : items);
}

Deno.test("orders beyond every bound are proven, counted anew and refunded to the cent", () =>
  withSettled("large_sums", async (flow) => {
    const { redis, keys, day } = flow;
    const total = 4n * 1_000_000n * 2_147_483_647n;
    const names = Array.from({ length: 4 }, (_, index) => `huge-${index}`);
    const declined = Array.from({ length: 3 }, (_, index) => `declined-${index}`);
    const taken = await flow.add(
      [...names.map((name) => hugeOrder(name)), ...declined.map((name) => hugeOrder(name, true))],
      100_000_000,
    );
    await flow.drain();
    const statuses = await Promise.all(taken.map(({ orderId }) => flow.order(orderId!)));
    assert.deepEqual(statuses.map(({ status }) => status), [
      ...names.map(() => "PAID"),
      ...declined.map(() => "FAILED"),
    ]);
    const key = keys.kpiFigure(day, "EUR", "revenue_cents");
    // 300 are what the others come to.
    assert.equal(await redis.get(key), String(4n * total + 300n));
    assert.equal(
      await redis.get(keys.kpiFigure(day, "EUR", "avg_order_value_cents")),
      String((4n * total + 300n) / 5n),
    );
    assert.deepEqual((await verifyNow(flow)).checks.filter(({ ok }) => !ok), []);

    const live = await dumpFigures(flow);
    await rebuildKpis(flow);
    assert.deepEqual(
      (await dumpFigures(flow))[key.slice(flow.test.redisPrefix.length)],
      live[
        key.slice(flow.test.redisPrefix.length)
      ],
    );
    const { orderId } = taken[0]!;
    await publish(flow, [{ message: await askRefund(flow, orderId!, Number(total) - 1) }]);
    await flow.drain();
    assert.equal(await redis.get(key), String(3n * total + 301n));
    assert.deepEqual((await verifyNow(flow)).checks.filter(({ ok }) => !ok), []);

    await redis.incr(key);
    const [drift] = (await verifyNow(flow)).checks.find(({ name }) => name === "kpis")!.drift;
    assert.deepEqual(drift, {
      subject: key,
      what: "value",
      expected: String(3n * total + 301n),
      found: String(3n * total + 302n),
    });
  }));

Deno.test("applyKpis() adds up exactly what no number and no 64 bits hold", () =>
  withWorkflow("large_figures", async (flow) => {
    const { redis, keys } = flow;
    let runs = 0;
    const amounts = fc.array(
      fc.tuple(fc.boolean(), fc.integer({ min: maxCents - 1_000, max: maxCents })),
      { minLength: 1, maxLength: 60 },
    );
    await fc.assert(
      fc.asyncProperty(
        fc.array(amounts, { minLength: 1, maxLength: 4 }),
        fc.constantFrom(
          "0",
          "9223372036854775000",
          "-9223372036854775000",
          "100000000000000000000",
          "-100000000000000000000",
        ),
        async (batches, begin) => {
          const day = new Date(Date.UTC(1990, 0, 1 + runs++)).toISOString().slice(0, 10);
          const key = keys.kpiFigure(day, "EUR", "revenue_cents");
          await redis.set(key, begin);
          let revenue = BigInt(begin), orders = 0n, refunded = 0n, id = runs * 1_000;
          for (const batch of batches) {
            const events = batch.map(([isPaid, cents]): KpiEvent => {
              id++;
              revenue += isPaid ? BigInt(cents) : -BigInt(cents);
              if (isPaid) orders++;
              else refunded += BigInt(cents);
              const about = { day, currency: "EUR", cents, customerId: runs };
              return isPaid
                ? { kind: "paid", orderId: id, ...about }
                : { kind: "refunded", refundId: id, ...about };
            });
            await applyKpis(flow, events);
            await applyKpis(flow, events);
          }
          const average = orders === 0n ? 0n : revenue / orders - (revenue % orders < 0n ? 1n : 0n);
          assert.deepEqual(
            await redis.mget(
              key,
              keys.kpiFigure(day, "EUR", "refund_amount_cents"),
              keys.kpiFigure(day, "EUR", "avg_order_value_cents"),
            ),
            [String(revenue), String(refunded), String(average)],
          );
        },
      ),
      { numRuns: 60 },
    );
  }));

Deno.test("a queue of more money than 64 bits hold loses no message and is empty in the end", () =>
  withWorkflow("large_queue", async (flow) => {
    const { redis, keys } = flow;
    const messages = Array.from({ length: 1_100 }, (_, index) => ({
      message: {
        type: "order.reserve",
        orderId: index + 1,
        amountCents: maxCents,
        currency: "EUR",
      } as const,
    }));
    await publish(flow, messages.slice(0, 3));
    assert.equal(await redis.hget(keys.weights("orders"), "EUR"), String(3n * BigInt(maxCents)));
    await publish(flow, messages.slice(3));
    assert.equal(await redis.xlen(keys.stream("orders")), messages.length);
    const [orders] = await readStreams(flow);
    assert.ok(orders!.money[0]!.amountCents > maxCents);

    const group = [flow.consumer, "COUNT", 2_000, "STREAMS", keys.stream("orders"), ">"] as const;
    const read = await redis.xreadgroup("GROUP", "orders", ...group) as [string, [string][]][];
    const finished = read[0]![1].map(([id], index) => ({
      id,
      message: messages[index]!.message,
      followUps: [{
        message: { ...messages[index]!.message, type: "payment.charge" as const },
      }],
    }));
    assert.equal(
      await finish(flow, messageCodec, { group: "orders", finished, counter: "processed" }),
      messages.length,
    );
    assert.equal(await redis.xlen(keys.stream("payments")), messages.length);
    assert.equal(await redis.hget(keys.weights("orders"), "EUR"), "0");
  }));

Deno.test("sumDeadLetters() tells a sum that no number holds", () =>
  withWorkflow("large_dead", async (flow) => {
    await deadLetterMessages(
      flow.db,
      [1, 2, 3].map((orderId) => ({
        group: "orders",
        messageId: `1-${orderId}`,
        orderId,
        refundId: null,
        amountCents: maxCents,
        currency: "EUR",
        payload: JSON.stringify(entryOf({
          type: "order.reserve",
          orderId,
          amountCents: maxCents,
          currency: "EUR",
        })),
        error: "because",
        attempts: 5,
        firstSeenMs: 1,
      })),
    );
    const [sum] = await sumDeadLetters(flow.db, {});
    assert.equal(sum!.amountCents, 3n * BigInt(maxCents));
  }));
