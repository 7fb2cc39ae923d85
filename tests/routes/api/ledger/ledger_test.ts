import assert from "node:assert/strict";
import { postMovements, postSales } from "../../../../db/ledger/post_movements.ts";
import { closeDays, sealPiece } from "../../../../streams/ledger/close_days.ts";
import { openPage } from "../../dashboard/pages.ts";
import { type Api, ask, assertProblem, openApi, storeOrder } from "../../api.ts";

const first = "2026-01-05 10:00:00.000000", second = "2026-01-06 10:00:00.000000";

let api: Api;
let ids: number[];
Deno.test.beforeAll(async () => {
  api = await openApi("ledger_routes");
  const { db } = api.deps;
  ids = [];
  for (let n = 0; n < 5; n++) ids.push(await storeOrder(db, { totalCents: 100 + n }));
  await db.transaction(async (tx) => {
    const sale = (orderId: number, totalCents: number, currency = "EUR") => ({
      orderId,
      totalCents,
      currency,
    });
    await postSales(tx, [sale(ids[0]!, 100), sale(ids[1]!, 101), sale(ids[2]!, 70, "USD")], first);
    await postSales(tx, [sale(ids[3]!, 103), sale(ids[4]!, 104)], second);
    await postMovements(tx, [{
      orderId: 0,
      source: "fee",
      sourceId: 7,
      step: 1,
      currency: "EUR",
      at: second,
      entries: [
        { account: "clearing", amountCents: -30 },
        { account: "fees", amountCents: 30 },
      ],
    }], second);
  });
});
Deno.test.afterAll(() => api.close());

/** All pages of a list, its rows in short. */
async function all(query: string): Promise<string[]> {
  const rows: string[] = [];
  for (let cursor = "";;) {
    const { status, body } = await ask(api, "GET", `/ledger?${query}${cursor}`);
    assert.equal(status, 200, JSON.stringify(body));
    rows.push(
      ...body.data.map((row: Record<string, unknown>) =>
        `${row.day} ${row.account} ${row.order_id} ${row.amount_cents} ${row.currency}`
      ),
    );
    if (body.next_cursor === null) return rows;
    cursor = `&cursor=${body.next_cursor}`;
  }
}

Deno.test("GET /ledger lists what was converted by its account, in both currencies", async () => {
  const side = (step: number, currency: string, amountCents: number) => ({
    orderId: 0,
    source: "conversion" as const,
    sourceId: 1,
    step,
    currency,
    at: "2026-01-04 10:00:00.000000",
    entries: [
      { account: "clearing" as const, amountCents: -amountCents },
      { account: "conversion" as const, amountCents },
    ],
  });
  const { db } = api.deps;
  await db.transaction((tx) =>
    postMovements(tx, [side(1, "EUR", 1_000), side(2, "USD", -1_114)], null)
  );
  assert.deepEqual(await all("account=conversion&limit=1"), [
    "2026-01-04 conversion null -1114 USD",
    "2026-01-04 conversion null 1000 EUR",
  ]);
  await db.run("delete from ledger_entries where source = 9");
});

Deno.test("GET /ledger lists each row once, whatever the pages, the latest day first", async () => {
  const whole = await all("limit=200");
  assert.equal(whole.length, 12);
  assert.deepEqual(whole.slice(0, 3), [
    "2026-01-06 fees null 30 EUR",
    `2026-01-06 sales ${ids[4]} -104 EUR`,
    `2026-01-06 sales ${ids[3]} -103 EUR`,
  ]);
  for (const limit of [1, 2, 5]) assert.deepEqual(await all(`limit=${limit}`), whole);
  const day = whole.filter((row) => row.startsWith("2026-01-06"));
  for (const limit of [1, 200]) assert.deepEqual(await all(`day=2026-01-06&limit=${limit}`), day);
  const clearing = day.filter((row) => row.includes("clearing"));
  assert.deepEqual(await all("day=2026-01-06&account=clearing&limit=1"), clearing);
  const order = [
    `2026-01-05 clearing ${ids[1]} 101 EUR`,
    `2026-01-05 sales ${ids[1]} -101 EUR`,
  ];
  for (const limit of [1, 200]) {
    assert.deepEqual(await all(`order=${ids[1]}&limit=${limit}`), order);
  }
  assert.deepEqual(await all("day=2026-01-07"), []);
});

/** An account alone, whatever the pages, also where its days are sealed. */
async function expectAccounts(): Promise<void> {
  const whole = await all("limit=200");
  for (const account of ["clearing", "sales", "fees", "bank"]) {
    const own = whole.filter((row) => row.split(" ")[1] === account);
    for (const limit of [1, 2, 200]) {
      assert.deepEqual(await all(`account=${account}&limit=${limit}`), own);
    }
  }
}

Deno.test("GET /ledger lists the rows of an account alone, page by page", expectAccounts);

Deno.test("GET /ledger refuses an account that there is not, and cursors of other lists", async () => {
  for (const query of ["account=bank_charges", "day=tomorrow", "order=0"]) {
    assertProblem(await ask(api, "GET", `/ledger?${query}`), 400);
  }
  const { body } = await ask(api, "GET", "/orders?limit=1");
  for (const cursor of [body.next_cursor, "x", btoa("ledger:2026-01-05:1:1:1:0")]) {
    assertProblem(await ask(api, "GET", `/ledger?cursor=${cursor}`), 400);
  }
});

Deno.test("GET /ledger/balance comes to nothing in each currency, before and after days were sealed", async () => {
  const balances = async (query = "") => {
    const { status, body } = await ask(api, "GET", `/ledger/balance${query}`);
    assert.equal(status, 200);
    return body.accounts.map((row: Record<string, unknown>) =>
      `${row.account} ${row.currency} ${row.debit_cents} ${row.credit_cents} ${row.balance_cents} ${row.rows}`
    );
  };
  const expected = [
    "clearing EUR 408 30 378 5",
    "sales EUR 0 408 -408 4",
    "fees EUR 30 0 30 1",
    "clearing USD 70 0 70 1",
    "sales USD 0 70 -70 1",
  ];
  const ofFirst = [
    "clearing EUR 201 0 201 2",
    "sales EUR 0 201 -201 2",
    "clearing USD 70 0 70 1",
    "sales USD 0 70 -70 1",
  ];
  for (const isSealed of [false, true]) {
    if (isSealed) {
      await closeDays(api.deps.db);
      while (await sealPiece(api.deps.db));
      const { body } = await ask(api, "GET", "/ledger/balance");
      assert.notEqual(body.closed_day, null);
    }
    assert.deepEqual(await balances(), expected);
    assert.deepEqual(await balances("?day=2026-01-05"), ofFirst);
    await expectAccounts();
  }
});

Deno.test("GET /ledger.csv has what the list has", async () => {
  const response = await api.app.request("/ledger.csv?day=2026-01-05");
  const lines = (await response.text()).trimEnd().split("\r\n");
  assert.equal(
    lines[0],
    "order_id,source,source_id,step,account,amount_cents,currency,day,booked_at",
  );
  assert.equal(lines.length, 7);
  const fees = await (await api.app.request("/ledger.csv?account=fees")).text();
  assert.equal(fees.trimEnd().split("\r\n").length, 2);
  assert.equal(
    lines.at(-1),
    `${ids[0]},payment,0,1,clearing,100,EUR,2026-01-05,2026-01-05T10:00:00.000000Z`,
  );
});

Deno.test("the dashboard shows the trial balance, a day's rows and those of an order", async () => {
  const page = await openPage(api, "/dashboard/ledger");
  assert.match(page.text, /Trial balance in EUR/);
  assert.match(
    page.text,
    /All 4\.38 4\.38 0\.00|All €4\.38 €4\.38 €0\.00|All.*4\.38.*4\.38.*0\.00/,
  );
  const day = await openPage(api, "/dashboard/ledger?day=2026-01-06&account=fees");
  assert.match(day.text, /1 row/);
  const account = await openPage(api, "/dashboard/ledger?account=fees");
  assert.match(account.text, /1 row/);
  const wrong = await openPage(api, "/dashboard/ledger?cursor=x&order=y");
  assert.match(wrong.text, /is no order's number/);
  const order = await openPage(api, `/dashboard/orders/${ids[0]}`);
  assert.match(order.text, /clearing/);
});
