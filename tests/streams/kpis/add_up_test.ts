import assert from "node:assert/strict";
import fc from "fast-check";
import { type KpiEvent, kpiIdOf } from "../../../domain/kpi/kpi.ts";
import { kpiKinds } from "../../../domain/kpi/kpi_table.ts";
import { applyKpis, applyTogether } from "../../../streams/kpis/kpis.ts";
import { onceSegmentSize } from "../../../streams/redis/keys.ts";
import { scanKeys } from "../../../streams/redis/scan_keys.ts";
import { openWorkflow, type Workflow } from "../../workflow.ts";

/** So much that with all the small amounts of a list it is still a number that a sorted set holds to the cent. */
const large = 2 ** 53 - 1 - 100_000;
const facts = {
  day: fc.constantFrom("2026-01-01", "2026-01-02"),
  currency: fc.constantFrom("EUR", "USD"),
  cents: fc.oneof(fc.nat(1_000), fc.constant(large)),
  customerId: fc.integer({ min: 1, max: 5 }),
};
const ids = fc.oneof(
  fc.integer({ min: 1, max: 40 }),
  fc.integer({ min: onceSegmentSize - 5, max: onceSegmentSize + 5 }),
  fc.constant(10 ** 11),
);
const events: fc.Arbitrary<KpiEvent> = fc.oneof(
  fc.record({ kind: fc.constantFrom("paid" as const, "failed" as const), orderId: ids, ...facts }),
  fc.record({ kind: fc.constant("refunded" as const), refundId: ids, ...facts }),
  fc.record({
    kind: fc.constantFrom(
      "charged_back" as const,
      "chargeback_changed" as const,
      "chargeback_held" as const,
      "chargeback_lost" as const,
    ),
    movementId: ids,
    ...facts,
    cents: fc.oneof(fc.integer({ min: -1_000, max: 1_000 }), fc.constant(-large)),
  }),
  fc.record({
    kind: fc.constant("failed" as const),
    orderId: ids,
    retry: fc.record({ id: ids, undoes: fc.boolean() }),
    ...facts,
  }),
);

/** Leaves the first large amount of a list, as two of one customer are more than a sorted set holds to the cent. */
function withOneLarge(list: KpiEvent[]): KpiEvent[] {
  const first = list.findIndex(({ cents }) => Math.abs(cents) === large);
  return list.map((event, at) =>
    at > first && Math.abs(event.cents) === large ? { ...event, cents: 7 } : event
  );
}

/** Everything in the shadow, which is emptied. */
async function takeShadow({ redis, keys }: Workflow) {
  const dump: Record<string, unknown> = {};
  for (const key of [...await scanKeys(redis, keys.kpiShadow)].sort()) {
    const type = await redis.type(key);
    const value = type === "zset"
      ? await redis.zrange(key, "0", "-1", "WITHSCORES")
      : type === "set"
      ? (await redis.smembers(key)).sort()
      : [...(await redis.getBuffer(key))!].flatMap((byte, at) => byte === 0 ? [] : [[at, byte]]);
    dump[key] = value;
    await redis.del(key);
  }
  dump.noted = (await redis.smembers(keys.kpiShadowKeys)).sort();
  await redis.del(keys.kpiShadowKeys);
  return dump;
}

Deno.test("applyTogether() counts exactly what applyKpis() does, whatever was counted before", async () => {
  const flow = await openWorkflow("add_up");
  try {
    await flow.redis.set(flow.keys.kpiRebuild, "token");
    await fc.assert(
      fc.asyncProperty(
        fc.uniqueArray(events, {
          maxLength: 30,
          selector: (event) =>
            JSON.stringify(
              "orderId" in event && event.retry !== undefined
                ? event.retry
                : [kpiKinds[event.kind].of, kpiIdOf(event)],
            ),
        }).map(withOneLarge),
        fc.nat(30),
        async (list, before) => {
          const live = list.slice(0, before);
          const counted = [];
          for (const apply of [applyKpis, applyTogether]) {
            await applyKpis(flow, live, "token");
            counted.push(await apply(flow, list, "token"), await takeShadow(flow));
          }
          assert.deepEqual(counted.slice(0, 2), counted.slice(2));
        },
      ),
      { numRuns: 40 },
    );
  } finally {
    await flow.close();
  }
});
