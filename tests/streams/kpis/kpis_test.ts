import assert from "node:assert/strict";
import fc from "fast-check";
import { type KpiEvent, kpiIdOf } from "../../../domain/kpi/kpi.ts";
import { kpiKinds } from "../../../domain/kpi/kpi_table.ts";
import { keysFor, onceSegmentSize } from "../../../streams/redis/keys.ts";
import { applyKpis, type KpiDeps, readKpis, readLeaderboard } from "../../../streams/kpis/kpis.ts";
import { openRedis } from "../../../streams/redis/redis.ts";
import { emptyShadow, swapShadow } from "../../../streams/kpis/kpis_rebuild.ts";
import { testContext } from "../../support.ts";

async function setUp(name: string, baseCurrency = "EUR") {
  const test = await testContext(name);
  const redis = await openRedis(test.redisUrl);
  const deps: KpiDeps = { redis, keys: keysFor(test.redisPrefix, baseCurrency), baseCurrency };
  return {
    ...deps,
    /** Every key under the prefix that begins so, without the prefix. */
    values: async (start: string) => {
      const names = (await redis.keys(`${test.redisPrefix}${start}*`)).sort();
      const values = await Promise.all(names.map((name) => redis.get(name)));
      return Object.fromEntries(
        names.map((name, index) => [name.slice(test.redisPrefix.length), values[index]]),
      );
    },
    async [Symbol.asyncDispose]() {
      redis.disconnect();
      await test.close();
    },
  };
}

const day = "2025-03-01";
const paid = (orderId: number, cents: number, rest: Partial<KpiEvent & { kind: "paid" }> = {}) =>
  ({ kind: "paid", orderId, day, currency: "EUR", cents, customerId: 1, ...rest }) as const;
const failed = (orderId: number, currency = "EUR") =>
  ({ kind: "failed", orderId, day, currency, cents: 700, customerId: 1 }) as const;
const refunded = (refundId: number, cents: number, currency = "EUR") =>
  ({ kind: "refunded", refundId, day, currency, cents, customerId: 1 }) as const;

Deno.test("applyKpis() keeps each currency under the keys that are promised", async () => {
  await using deps = await setUp("kpis_keys");
  await applyKpis(deps, [
    paid(1, 1_000),
    paid(2, 501, { customerId: 2 }),
    failed(3),
    refunded(1, 400),
    paid(4, 300, { currency: "GBP" }),
    failed(5, "USD"),
  ]);
  assert.deepEqual(await deps.values("kpi:"), {
    "kpi:2025-03-01:GBP:avg_order_value_cents": "300",
    "kpi:2025-03-01:GBP:chargeback_amount_cents": "0",
    "kpi:2025-03-01:GBP:chargeback_count": "0",
    "kpi:2025-03-01:GBP:failed_order_count": "0",
    "kpi:2025-03-01:GBP:order_count": "1",
    "kpi:2025-03-01:GBP:refund_amount_cents": "0",
    "kpi:2025-03-01:GBP:refund_count": "0",
    "kpi:2025-03-01:GBP:revenue_cents": "300",
    "kpi:2025-03-01:USD:avg_order_value_cents": "0",
    "kpi:2025-03-01:USD:chargeback_amount_cents": "0",
    "kpi:2025-03-01:USD:chargeback_count": "0",
    "kpi:2025-03-01:USD:failed_order_count": "1",
    "kpi:2025-03-01:USD:order_count": "0",
    "kpi:2025-03-01:USD:refund_amount_cents": "0",
    "kpi:2025-03-01:USD:refund_count": "0",
    "kpi:2025-03-01:USD:revenue_cents": "0",
    // 1101 / 2, rounded down
    "kpi:2025-03-01:avg_order_value_cents": "550",
    "kpi:2025-03-01:chargeback_amount_cents": "0",
    "kpi:2025-03-01:chargeback_count": "0",
    "kpi:2025-03-01:failed_order_count": "1",
    "kpi:2025-03-01:order_count": "2",
    "kpi:2025-03-01:refund_amount_cents": "400",
    "kpi:2025-03-01:refund_count": "1",
    "kpi:2025-03-01:revenue_cents": "1101",
  });
  const board = (currency: string) =>
    deps.redis.zrange(deps.keys.leaderboard(currency), "0", "-1", "WITHSCORES");
  assert.deepEqual(await board("EUR"), ["2", "501", "1", "600"]);
  assert.deepEqual(await board("GBP"), ["1", "300"]);
  const boards = (await deps.redis.keys(`${deps.keys.prefix}leaderboard*`)).sort();
  assert.deepEqual(
    boards.map((name) => name.slice(deps.keys.prefix.length)),
    ["leaderboard:customers", "leaderboard:customers:GBP"],
  );
});

Deno.test("applyKpis() knows the base currency by its settings, not by its name", async () => {
  await using deps = await setUp("kpis_base", "GBP");
  await applyKpis(deps, [paid(1, 100, { currency: "GBP" }), paid(2, 200)]);
  assert.equal(await deps.redis.get(`${deps.keys.prefix}kpi:${day}:revenue_cents`), "100");
  assert.equal(await deps.redis.get(`${deps.keys.prefix}kpi:${day}:EUR:revenue_cents`), "200");
});

Deno.test("applyKpis() counts each order and each refund once", async () => {
  await using deps = await setUp("kpis_once");
  const events = [paid(1, 1_000), failed(2), refunded(1, 100), refunded(2, 100)];
  assert.equal(await applyKpis(deps, [...events, ...events]), 4);
  const before = await deps.values("kpi:");
  assert.equal(await applyKpis(deps, events), 0);
  assert.deepEqual(await deps.values("kpi:"), before);
  const [row] = await readKpis(deps, day, day);
  assert.deepEqual(row, {
    date: day,
    currency: "EUR",
    revenue_cents: 800,
    order_count: 1,
    avg_order_value_cents: 800,
    failed_order_count: 1,
    refund_count: 2,
    refund_amount_cents: 200,
    chargeback_count: 0,
    chargeback_amount_cents: 0,
  });
});

Deno.test("applyKpis() tells ids apart at every edge of its bitmaps", async () => {
  await using deps = await setUp("kpis_ids");
  const ids = [1, onceSegmentSize - 1, onceSegmentSize, onceSegmentSize + 1, 2 ** 40];
  const events = ids.flatMap((id) => [paid(id, 2), refunded(id, 1)]);
  assert.equal(await applyKpis(deps, events), 10);
  assert.equal(await applyKpis(deps, events), 0);
  assert.equal(await deps.redis.strlen(deps.keys.countedOrders(0)), onceSegmentSize / 8);
  assert.equal(await deps.redis.getbit(deps.keys.countedOrders(1), 0), 1);
  assert.equal(await deps.redis.getbit(deps.keys.countedRefunds(2 ** 20), 0), 1);
});

Deno.test("applyKpis() is exact to the cent for large sums", async () => {
  await using deps = await setUp("kpis_large");
  const large = 4_503_599_627_370_495;
  await applyKpis(deps, [paid(1, large), paid(2, large), refunded(1, large - 1)]);
  const [row] = await readKpis(deps, day, day);
  assert.equal(row!.revenue_cents, large + 1);
  assert.deepEqual(await readLeaderboard(deps, "EUR", 1), [
    { customerId: 1, revenueCents: large + 1 },
  ]);
});

Deno.test("applyKpis() counts thousands at once, in whatever pieces they come", async () => {
  await using deps = await setUp("kpis_many");
  const events = Array.from(
    { length: 5_000 },
    (_, n) => n % 5 === 0 ? failed(n + 1) : paid(n + 1, n, { customerId: n % 7 }),
  );
  assert.equal(await applyKpis(deps, events.slice(0, 3_000)), 3_000);
  assert.equal(await applyKpis(deps, events), 2_000);
  const cents = events.reduce((sum, event) => event.kind === "paid" ? sum + event.cents : sum, 0);
  const [row] = await readKpis(deps, day, day);
  assert.deepEqual([row!.revenue_cents, row!.order_count, row!.failed_order_count], [
    cents,
    4_000,
    1_000,
  ]);
});

Deno.test("applyKpis() gives the same figures in any order, with any repetitions", async () => {
  await using deps = await setUp("kpis_order");
  const event: fc.Arbitrary<KpiEvent> = fc.oneof(
    fc.record({
      kind: fc.constant("paid" as const),
      orderId: fc.integer({ min: 1, max: 50 }),
      day: fc.constantFrom("2025-03-01", "2025-03-02"),
      currency: fc.constantFrom("EUR", "GBP"),
      cents: fc.integer({ min: 0, max: 1_000 }),
      customerId: fc.integer({ min: 1, max: 3 }),
    }),
    fc.record({
      kind: fc.constant("refunded" as const),
      refundId: fc.integer({ min: 1, max: 50 }),
      day: fc.constantFrom("2025-03-01", "2025-03-02"),
      currency: fc.constantFrom("EUR", "GBP"),
      cents: fc.integer({ min: 1, max: 1_000 }),
      customerId: fc.integer({ min: 1, max: 3 }),
    }),
    fc.record({
      kind: fc.constantFrom("charged_back" as const, "chargeback_held" as const),
      movementId: fc.integer({ min: 1, max: 50 }),
      day: fc.constantFrom("2025-03-01", "2025-03-02"),
      currency: fc.constantFrom("EUR", "GBP"),
      cents: fc.integer({ min: -1_000, max: 1_000 }),
      customerId: fc.integer({ min: 1, max: 3 }),
    }),
  );
  let runs = 0;
  const events = fc.uniqueArray(event, {
    selector: (one) => `${kpiKinds[one.kind].of} ${kpiIdOf(one)}`,
    maxLength: 20,
  });
  await fc.assert(
    fc.asyncProperty(
      events.chain((list) =>
        fc.tuple(
          fc.constant(list),
          fc.shuffledSubarray([...list, ...list], { minLength: 2 * list.length }),
        )
      ),
      async ([once, shuffled]) => {
        const runPrefix = (name: string) => ({
          ...deps,
          keys: keysFor(`${deps.keys.prefix}${runs}${name}:`, "EUR"),
        });
        const [straight, mixed] = [runPrefix("s"), runPrefix("m")];
        runs++;
        await applyKpis(straight, once);
        for (let from = 0; from < shuffled.length; from += 3) {
          await applyKpis(mixed, shuffled.slice(from, from + 3));
        }
        assert.deepEqual(
          await readKpis(mixed, "2025-03-01", "2025-03-02"),
          await readKpis(straight, "2025-03-01", "2025-03-02"),
        );
        for (const currency of ["EUR", "GBP"]) {
          const board = async (of: KpiDeps) =>
            (await readLeaderboard(of, currency, 10)).sort((a, b) => a.customerId - b.customerId);
          assert.deepEqual(await board(mixed), await board(straight));
        }
      },
    ),
    { numRuns: 25 },
  );
});

Deno.test("readKpis() has a row of the base currency for every day, and others that have figures", async () => {
  await using deps = await setUp("kpis_read");
  await applyKpis(deps, [
    paid(1, 100, { day: "2024-02-28" }),
    paid(2, 200, { day: "2024-03-01", currency: "USD" }),
    paid(3, 300, { day: "2024-03-01", currency: "GBP" }),
    paid(4, 400, { day: "2024-03-02", currency: "GBP" }),
  ]);
  const rows = await readKpis(deps, "2024-02-28", "2024-03-01");
  assert.deepEqual(
    rows.map(({ date, currency, revenue_cents }) => [date, currency, revenue_cents]),
    [
      ["2024-02-28", "EUR", 100],
      ["2024-02-29", "EUR", 0],
      ["2024-03-01", "EUR", 0],
      ["2024-03-01", "GBP", 300],
      ["2024-03-01", "USD", 200],
    ],
  );
});

Deno.test("readLeaderboard() has the best first and no more than asked for", async () => {
  await using deps = await setUp("kpis_board");
  await applyKpis(
    deps,
    [100, 300, 200].map((cents, n) => paid(n + 1, cents, { customerId: n + 1 })),
  );
  assert.deepEqual(await readLeaderboard(deps, "EUR", 2), [
    { customerId: 2, revenueCents: 300 },
    { customerId: 3, revenueCents: 200 },
  ]);
  assert.deepEqual(await readLeaderboard(deps, "JPY", 2), []);
});

Deno.test("a rebuild's shadow gets what is counted meanwhile, and takes the place of the live figures", async () => {
  await using deps = await setUp("kpis_shadow");
  const { redis, keys } = deps;
  const token = `token|${keys.kpiBasis}`;
  await applyKpis(deps, [paid(1, 100), paid(2, 200)]);
  // Something wrong that only a rebuild can repair.
  await redis.incrby(keys.kpiFigure(day, "EUR", "revenue_cents"), 1_000_000);
  await redis.set(keys.kpiFigure("1999-01-01", "EUR", "revenue_cents"), "5");

  assert.equal(await applyKpis(deps, [paid(1, 100)], token), -1, "no rebuild has begun");
  // Left behind by a process of an older version, which noted no keys.
  await redis.setbit(`${keys.kpiShadow}once:kpi-orders:0`, 1, 1);
  await redis.set(keys.kpiRebuild, token);
  await applyKpis(deps, [paid(1, 100)], token);
  assert.equal(await emptyShadow(deps, "two"), false, "the mark is another's");
  assert.equal(await emptyShadow(deps, token), true);
  assert.deepEqual(await deps.values("shadow:"), {});
  assert.equal(await applyKpis(deps, [paid(3, 300)]), 1, "a live event counts in both");
  assert.equal(await applyKpis(deps, [paid(1, 100), paid(2, 200), paid(3, 300)], token), 2);
  assert.equal(await applyKpis(deps, [paid(4, 400)], "another"), -1);
  assert.equal(await applyKpis(deps, [paid(2, 200), refunded(1, 50)]), 1, "2 was counted before");

  // Such a process counts as well, and notes none.
  await redis.set(`${keys.kpiShadow}kpi:2025-03-09:refund_count`, "3");
  assert.equal(await swapShadow(deps, "another"), false);
  assert.equal(await swapShadow(deps, token), true);
  assert.equal(await swapShadow(deps, token), false);
  assert.equal(await redis.get(keys.kpiFigure("2025-03-09", "EUR", "refund_count")), "3");
  const [row] = await readKpis(deps, day, day);
  assert.deepEqual([row!.revenue_cents, row!.order_count, row!.refund_count], [550, 3, 1]);
  assert.deepEqual(await deps.values("kpi:1999"), {});
  assert.deepEqual(await deps.values("shadow:"), {});
  assert.equal(await applyKpis(deps, [paid(3, 300), refunded(1, 50)]), 0, "the bitmaps came along");
  assert.equal(await applyKpis(deps, [paid(4, 400)]), 1);
});
