import assert from "node:assert/strict";
import { applyKpis } from "../../../../streams/kpis/kpis.ts";
import { type Api, ask, assertProblem, openApi, storeOrder } from "../../api.ts";

let api: Api;
Deno.test.beforeAll(async () => {
  api = await openApi("kpis_routes", { KPI_TIMEZONE: "Pacific/Kiritimati", BASE_CURRENCY: "GBP" });
  await applyKpis(api.deps, [
    { kind: "paid", orderId: 1, day: "2024-05-06", currency: "GBP", cents: 1_001, customerId: 1 },
    { kind: "paid", orderId: 2, day: "2024-05-06", currency: "GBP", cents: 500, customerId: 1 },
    { kind: "failed", orderId: 3, day: "2024-05-06", currency: "GBP", cents: 9, customerId: 1 },
    { kind: "refunded", refundId: 1, day: "2024-05-06", currency: "GBP", cents: 1, customerId: 1 },
    { kind: "paid", orderId: 4, day: "2024-05-07", currency: "USD", cents: 70, customerId: 1 },
  ]);
});
Deno.test.afterAll(() => api.close());

const zeros = {
  revenue_cents: 0,
  order_count: 0,
  avg_order_value_cents: 0,
  failed_order_count: 0,
  refund_count: 0,
  refund_amount_cents: 0,
  chargeback_count: 0,
  chargeback_amount_cents: 0,
};

Deno.test("GET /kpis shows one day", async () => {
  const { status, body } = await ask(api, "GET", "/kpis?date=2024-05-06");
  assert.equal(status, 200);
  assert.deepEqual(body, {
    kpis: [{
      date: "2024-05-06",
      currency: "GBP",
      revenue_cents: 1_500,
      order_count: 2,
      avg_order_value_cents: 750,
      failed_order_count: 1,
      refund_count: 1,
      refund_amount_cents: 1,
      chargeback_count: 0,
      chargeback_amount_cents: 0,
    }],
  });
});

Deno.test("GET /kpis shows every day of a range, other currencies apart", async () => {
  const { body } = await ask(api, "GET", "/kpis?from=2024-05-06&to=2024-05-08");
  const rows = body.kpis.map((row: { date: string; currency: string; revenue_cents: number }) => [
    row.date,
    row.currency,
    row.revenue_cents,
  ]);
  assert.deepEqual(rows, [
    ["2024-05-06", "GBP", 1_500],
    ["2024-05-07", "GBP", 0],
    ["2024-05-07", "USD", 70],
    ["2024-05-08", "GBP", 0],
  ]);
});

Deno.test("GET /kpis shows today in the KPI time zone by default", async () => {
  const today = () => new Date(Date.now() + 14 * 3_600_000).toISOString().slice(0, 10);
  const before = today();
  const { body } = await ask(api, "GET", "/kpis");
  assert.equal(body.kpis.length, 1);
  assert.ok([before, today()].includes(body.kpis[0].date));
  assert.deepEqual(body.kpis[0], { date: body.kpis[0].date, currency: "GBP", ...zeros });
});

Deno.test("GET /kpis refuses dates that do not exist and ranges that make no sense", async () => {
  const queries: [query: string, parameter: string][] = [
    ["date=2024-02-30", "date"],
    ["date=2023-02-29", "date"],
    ["date=yesterday", "date"],
    ["date=2024-5-6", "date"],
    ["date=9999-12-31", "date"],
    ["date=0000-00-00", "date"],
    ["date=2024-05-06&date=2024-05-07", "date"],
    ["date=2024-05-06&from=2024-05-06&to=2024-05-07", "date"],
    ["from=2024-05-06", "to"],
    ["to=2024-05-06", "from"],
    ["from=2024-05-07&to=2024-05-06", "from"],
    ["from=2000-01-01&to=2024-05-06", "to"],
    ["from=2024-05-06&to=2024-05-32", "to"],
  ];
  for (const [query, parameter] of queries) {
    const answer = await ask(api, "GET", `/kpis?${query}`);
    assertProblem(answer, 400, "bad-request");
    assert.equal(answer.body.errors[0].parameter, parameter, query);
  }
  assert.equal((await ask(api, "GET", "/kpis?date=9998-12-31")).status, 200);
  assert.equal((await ask(api, "GET", "/kpis?from=2014-05-01&to=2024-05-06")).status, 200);
});

Deno.test("GET /leaderboard ranks customers by revenue, with their names", async () => {
  const { db } = api.deps;
  const customers: number[] = [];
  for (const customer of ["board-a", "board-b", "board-c"]) {
    const order = await storeOrder(db, { customer });
    customers.push((await ask(api, "GET", `/orders/${order}`)).body.customer.id);
  }
  await applyKpis(
    api.deps,
    customers.map((customerId, index) => ({
      kind: "paid",
      orderId: 100 + index,
      day: "2024-06-01",
      currency: "SEK",
      cents: (index + 1) * 100,
      customerId,
    })),
  );
  const { status, body } = await ask(api, "GET", "/leaderboard?currency=sek&limit=2");
  assert.equal(status, 200);
  assert.deepEqual(body, {
    currency: "SEK",
    leaderboard: [
      {
        rank: 1,
        customer_id: customers[2],
        external_id: "board-c",
        name: "Name of board-c",
        revenue_cents: 300,
      },
      {
        rank: 2,
        customer_id: customers[1],
        external_id: "board-b",
        name: "Name of board-b",
        revenue_cents: 200,
      },
    ],
  });
  await api.deps.db.run("update customers set guest = 1 where id = ?", [customers[2]!]);
  const guest = (await ask(api, "GET", "/leaderboard?currency=sek&limit=1")).body.leaderboard[0];
  assert.deepEqual([guest.external_id, guest.name], [null, "Name of board-c"]);
  assert.equal((await ask(api, "GET", "/leaderboard")).body.currency, "GBP");
  assert.deepEqual((await ask(api, "GET", "/leaderboard?currency=JPY")).body, {
    currency: "JPY",
    leaderboard: [],
  });
});

Deno.test("GET /leaderboard refuses limits and currencies out of range", async () => {
  const queries = [
    "limit=0",
    "limit=1001",
    "limit=-1",
    "limit=ten",
    "limit=1.5",
    "limit=1e2",
    "currency=EURO",
    "currency=E1R",
    "limit=1&limit=2",
  ];
  for (const query of queries) {
    assertProblem(await ask(api, "GET", `/leaderboard?${query}`), 400, "bad-request");
  }
});

Deno.test("figures that were counted by other settings are 503 and not shown", async () => {
  const { redis, keys } = api.deps;
  await redis.set(keys.kpiBasisKept, "EUR Pacific/Kiritimati");
  try {
    for (
      const path of ["/kpis", "/kpis?from=2024-05-01&to=2024-05-09", "/leaderboard", "/kpis.csv"]
    ) {
      const answer = await ask(api, "GET", path);
      assertProblem(answer, 503, "unavailable");
      assert.match(answer.body.detail, /BASE_CURRENCY and KPI_TIMEZONE/);
    }
    for (const path of ["/dashboard/kpis", "/dashboard/customers"]) {
      const page = await api.app.request(path);
      assert.equal(page.status, 503, path);
      assert.doesNotMatch(await page.text(), /15\.00/);
    }
  } finally {
    await redis.set(keys.kpiBasisKept, keys.kpiBasis);
  }
  assert.equal((await ask(api, "GET", "/kpis")).status, 200);
});
