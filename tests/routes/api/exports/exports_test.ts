import assert from "node:assert/strict";
import { CsvParseStream } from "@std/csv/parse-stream";
import { Hono } from "hono";
import { type SharedPlaces, sharedPlaces } from "../../../../domain/operation/shared_places.ts";
import { silentLog } from "../../../../domain/operation/log.ts";
import { requestRefunds } from "../../../../services/refunds/request_refunds.ts";
import { makeApp } from "../../../../routes/app.ts";
import type { AppDeps } from "../../../../routes/deps.ts";
import { problemHandler } from "../../../../routes/middleware/problem.ts";
import { csvDownload, type CsvFile } from "../../../../routes/api/exports/csv_download.ts";
import { applyKpis } from "../../../../streams/kpis/kpis.ts";
import { giveMoney } from "../../../order_money.ts";
import { observeDatabase } from "../../../db/connection/observed_database.ts";
import { type Api, ask, assertProblem, openApi, orderBodyOf, storeOrder } from "../../api.ts";

let api: Api;
Deno.test.beforeAll(async () => {
  api = await openApi("exports_routes");
});
Deno.test.afterAll(() => api.close());

type Record_ = Record<string, string>;

/** A file as the project's own reader of imports understands it. */
async function read(response: Response): Promise<Record_[]> {
  assert.equal(response.status, 200);
  const rows = response.body!.pipeThrough(new TextDecoderStream())
    .pipeThrough(new CsvParseStream({ skipFirstRow: true }));
  return await Array.fromAsync(rows as ReadableStream<unknown>) as Record_[];
}

/** Every entry of a list, page after page. */
async function list(path: string): Promise<Record<string, unknown>[]> {
  const entries: Record<string, unknown>[] = [];
  for (let cursor: string | null = ""; cursor !== null;) {
    const { body } = await ask(
      api,
      "GET",
      `${path}${path.includes("?") ? "&" : "?"}cursor=${cursor}`,
    );
    entries.push(...body.data);
    cursor = body.next_cursor;
  }
  return entries;
}

/** Empty where an order has nothing of the kind. */
const adjustmentColumns = [
  "shipping_cents",
  "tax_cents",
  "tax_included_cents",
  "discount_cents",
  "tip_cents",
  "fee_cents",
  "gift_wrap_cents",
  "other_cents",
];

Deno.test("GET /orders.csv has what GET /orders lists, under the same filters", async () => {
  const customer = `X-${crypto.randomUUID()}`;
  for (let n = 0; n < 12; n++) {
    await storeOrder(api.deps.db, {
      customer: n % 2 === 0 ? customer : undefined,
      status: n % 3 === 0 ? "FAILED" : "PAID",
      currency: n % 4 === 0 ? "USD" : "EUR",
      totalCents: 100 * n,
      placedAt: `2024-05-0${1 + n % 5} 23:59:59.5`,
    });
  }
  const queries = [
    "",
    "status=FAILED",
    `customer=${customer}`,
    "from=2024-05-02&to=2024-05-03",
    `status=PAID&customer=${customer}&currency=usd`,
    "least_cents=300&most_cents=700",
    "q=TEA&status=FAILED",
    `q=${customer}`,
    "customer=nobody",
  ];
  for (const query of queries) {
    const rows = await read(await api.app.request(`/orders.csv?${query}`));
    const orders = await list(`/orders?limit=5&${query}`);
    assert.equal(rows.length, orders.length, query);
    assert.ok(query.includes("nobody") || rows.length > 0, query);
    assert.deepEqual(
      rows,
      orders.map(({ customer, ...order }) => {
        const { id, external_id, email, name } = customer as Record<string, unknown>;
        const fields = {
          ...order,
          items_cents: order.total_cents,
          ...Object.fromEntries(adjustmentColumns.map((name) => [name, null])),
          customer_id: id,
          customer_external_id: external_id,
          customer_email: email,
          customer_name: name,
        };
        return Object.fromEntries(
          Object.entries(fields).map(([key, value]) => [key, value === null ? "" : String(value)]),
        );
      }),
      query,
    );
  }
  for (const query of ["status=X", "from=2024-02-31", "least_cents=-1", "currency=EURO"]) {
    assertProblem(await ask(api, "GET", `/orders.csv?${query}`), 400);
    assertProblem(await ask(api, "GET", `/orders?${query}`), 400);
  }
});

Deno.test("GET /orders.csv says what it is, and HEAD the same without the file", async () => {
  for (const method of ["GET", "HEAD"]) {
    const response = await api.app.request("/orders.csv?customer=nobody", { method });
    assert.equal(response.status, 200);
    assert.equal(response.headers.get("content-type"), "text/csv; charset=utf-8");
    assert.equal(
      response.headers.get("content-disposition"),
      'attachment; filename="orders.csv"',
    );
    assert.equal(
      await response.text(),
      method === "HEAD"
        ? ""
        : "id,external_order_id,status,failure_reason,currency,total_cents,refunded_cents,customer_id," +
          "customer_external_id,customer_email,customer_name,placed_at,reserved_at,settled_at," +
          "created_at,updated_at,recipient_name,recipient_email,items_cents,shipping_cents,tax_cents," +
          "tax_included_cents,discount_cents,tip_cents,fee_cents,gift_wrap_cents,other_cents," +
          "payment_status\r\n",
    );
  }
});

Deno.test("GET /orders.csv tells what totals are made of, by one statement a page", async () => {
  const { db } = api.deps;
  const customer = `M-${crypto.randomUUID()}`;
  const plain = await storeOrder(db, { customer, totalCents: 700 });
  const adjusted = await storeOrder(db, { customer, totalCents: 2_400 });
  await giveMoney(db, adjusted, {
    adjustments: [
      { kind: "shipping", label: "Express", amountCents: 400 },
      { kind: "shipping", label: "Island", amountCents: 90 },
      { kind: "discount", amountCents: -540 },
      { kind: "tax", amountCents: 375, included: true },
      { kind: "tax", amountCents: 20 },
      { kind: "gift_wrap", amountCents: 0 },
      { kind: "payment_difference", label: "Accepted", amountCents: -1 },
    ],
    paymentStatus: "paid",
  });
  const guest = await storeOrder(db, { totalCents: 500, placedAt: "2024-05-06 07:08:09.5" });
  await giveMoney(db, guest, { guest: true, recipientEmail: null, paymentStatus: "none" });
  const watched = observeDatabase(db);
  const app = makeApp({ ...api.deps, db: watched.db });
  const rows = await read(await app.request(`/orders.csv?customer=${customer}`));
  const sums = watched.sent.filter(({ sql }) => sql.includes("order_adjustments"));
  assert.equal(sums.length, 1);
  const money = ({ id, total_cents, ...row }: Record_) => ({
    id,
    total_cents,
    items_cents: row.items_cents,
    ...Object.fromEntries(
      adjustmentColumns.flatMap((name) => row[name] === "" ? [] : [[name, row[name]]]),
    ),
    payment_status: row.payment_status,
  });
  assert.deepEqual(rows.map(money), [
    {
      id: String(adjusted),
      total_cents: "2369",
      items_cents: "2400",
      shipping_cents: "490",
      tax_cents: "20",
      tax_included_cents: "375",
      discount_cents: "540",
      gift_wrap_cents: "0",
      other_cents: "-1",
      payment_status: "paid",
    },
    { id: String(plain), total_cents: "700", items_cents: "700", payment_status: "due" },
  ]);
  const all = await read(await api.app.request("/orders.csv?least_cents=500&most_cents=500"));
  const row = all.find(({ id }) => id === String(guest))!;
  assert.deepEqual([row.customer_external_id, row.recipient_email, row.payment_status], [
    "",
    "",
    "none",
  ]);
});

Deno.test("GET /orders.csv goes over many pages without repeating or missing an order", async () => {
  const ids = JSON.stringify(Array.from({ length: 2_345 }, (_, n) => n));
  const id = await storeOrder(api.deps.db);
  await api.deps.db.run(
    `
    insert into orders
      (external_order_id, customer_id, status, currency, total_cents, content_hash, placed_at, settled_time)
    select concat('page-', j.n), orders.customer_id, 'PAID', 'CHF', j.n, orders.content_hash,
      orders.placed_at, orders.settled_time
    from json_table(?, '$[*]' columns (n int path '$')) j
    straight_join orders on orders.id = ?`,
    [ids, id],
  );
  const rows = await read(await api.app.request("/orders.csv?currency=CHF"));
  assert.equal(rows.length, 2_345);
  assert.equal(new Set(rows.map((row) => row.external_order_id)).size, 2_345);
  const inOrder = rows.map((row) => Number(row.id));
  assert.deepEqual(inOrder, inOrder.toSorted((a, b) => b - a));
});

Deno.test("GET /orders.csv quotes what needs it, and disarms formulas in text alone", async () => {
  const name = 'Ann, "the\nfirst"';
  const external_id = `=C-${crypto.randomUUID()}`;
  const customer = { external_id, email: "@x@example.com", name };
  await ask(api, "POST", "/orders", orderBodyOf({ customer }));
  const [row] = await read(
    await api.app.request(`/orders.csv?customer=${encodeURIComponent(external_id)}`),
  );
  assert.equal(row!.customer_name, name);
  assert.equal(row!.customer_external_id, `'${external_id}`);
  assert.equal(row!.customer_email, "'@x@example.com");
  assert.equal(row!.recipient_name, name);
  assert.equal(row!.recipient_email, "'@x@example.com");
});

Deno.test("GET /refunds.csv has what GET /refunds lists, under the same filters", async () => {
  const { db } = api.deps;
  const orderId = await storeOrder(db, { totalCents: 10_000 });
  const results = await requestRefunds(
    db,
    [1, 2, 3].map((amountCents) => ({
      orderId,
      amountCents,
      reason: "-2 mugs",
      idempotencyKey: amountCents === 3 ? "key-3" : null,
      actor: "test",
    })),
    "test",
  );
  assert.equal(results.length, 3);
  await db.run(
    `
    update refunds
    set status = 'FAILED', processed_at = created_at, created_at = '2024-04-04 23:59:59.999999'
    where order_id = ? and amount_cents = 2`,
    [orderId],
  );
  for (
    const query of ["", "status=FAILED", "status=REQUESTED", "to=2024-04-04", "from=2024-04-05"]
  ) {
    const rows = await read(await api.app.request(`/refunds.csv?${query}`));
    const refunds = await list(`/refunds?limit=2&${query}`);
    assert.deepEqual(
      rows.map((
        { id, status, amount_cents, created_at },
      ) => [id, status, amount_cents, created_at]),
      refunds.map(({ id, status, amount_cents, created_at }) =>
        [id, status, amount_cents, created_at].map(String)
      ),
      query,
    );
    assert.equal(
      rows.length,
      query === "" ? 3 : query.includes("F") || query.startsWith("to") ? 1 : 2,
    );
  }
  const all = await read(await api.app.request("/refunds.csv"));
  assert.deepEqual(all.map(({ idempotency_key }) => idempotency_key), ["key-3", "", ""]);
  const [row] = await read(await api.app.request("/refunds.csv?status=FAILED"));
  assert.equal(row!.reason, "'-2 mugs");
  assert.equal(row!.order_id, String(orderId));
  assert.ok(row!.external_order_id!.startsWith("S-"));
  assertProblem(await ask(api, "GET", "/refunds.csv?status=PAID"), 400);
});

Deno.test("GET /kpis.csv has what GET /kpis answers, over more days than a page has", async () => {
  await applyKpis(api.deps, [
    {
      kind: "refunded",
      refundId: 1,
      day: "2023-06-01",
      currency: "EUR",
      cents: 250,
      customerId: 1,
    },
    { kind: "paid", orderId: 1, day: "2023-11-11", currency: "SEK", cents: 7, customerId: 1 },
  ]);
  for (const query of ["from=2023-01-01&to=2023-12-31", "date=2023-11-11", ""]) {
    const response = await api.app.request(`/kpis.csv?${query}`);
    const rows = await read(response);
    const { body: { kpis } } = await ask(api, "GET", `/kpis?${query}`);
    assert.deepEqual(
      rows,
      kpis.map((row: Record<string, unknown>) =>
        Object.fromEntries(Object.entries(row).map(([key, value]) => [key, String(value)]))
      ),
    );
    if (query.startsWith("from")) {
      assert.equal(rows.length, 366);
      assert.match(response.headers.get("content-disposition")!, /kpis-2023-01-01-2023-12-31\.csv/);
      assert.ok(rows.some(({ revenue_cents }) => revenue_cents === "-250"), "a number stays one");
    }
  }
  assertProblem(await ask(api, "GET", "/kpis.csv?from=2023-01-01"), 400);
});

/** Serves a file of the test's own over a real connection. */
async function withFile(
  file: Pick<CsvFile, "nextPage">,
  work: (url: string) => Promise<void>,
  { stopping, ...options }: {
    stopping?: AbortSignal;
    places?: SharedPlaces;
    silentMs?: number;
  } = {},
): Promise<void> {
  const app = new Hono().onError(problemHandler({ log: silentLog } as AppDeps)).get(
    "/file.csv",
    (c) =>
      csvDownload(c, { log: silentLog, stopping }, {
        name: "file.csv",
        columns: ["text"],
        ...file,
      }, options),
  );
  const server = Deno.serve({ port: 0, hostname: "127.0.0.1", onListen() {} }, app.fetch);
  try {
    await work(`http://127.0.0.1:${server.addr.port}/file.csv`);
  } finally {
    await server.shutdown();
  }
}

const page = Array.from({ length: 1_000 }, () => ({ text: "x".repeat(1_000) }));

Deno.test("csvDownload() reads no further than its reader does, and ends when that hangs up", async () => {
  let pages = 0;
  await withFile(
    { nextPage: () => Promise.resolve(++pages > 1_000 ? undefined : page) },
    async (url) => {
      const response = await fetch(url);
      const reader = response.body!.getReader();
      await reader.read();
      // The sockets' buffers take some pages; then nobody asks for more.
      let before = -1;
      for (let calm = 0; calm < 3;) {
        calm = pages === before ? calm + 1 : 0;
        before = pages;
        await new Promise((resolve) => setTimeout(resolve, 20));
      }
      assert.ok(pages < 100, `${pages} pages are held for a reader that does not read`);
      await reader.cancel();
    },
  );
  const ended = pages;
  assert.ok(ended < 100, `${ended} pages were read for nobody`);
});

Deno.test("csvDownload() looks no further for a reader that hung up while nothing fitted", async () => {
  let pages = 0;
  let hangUp = () => {};
  const hungUp = new Promise<void>((resolve) => hangUp = resolve);
  await withFile({
    nextPage: async () => {
      if (++pages === 1) return page;
      if (pages > 100_000) return undefined;
      if (pages === 3) hangUp();
      await new Promise((resolve) => setTimeout(resolve, 1));
      return [];
    },
  }, async (url) => {
    const stop = new AbortController();
    const response = await fetch(url, { signal: stop.signal });
    const reader = response.body!.getReader();
    const reading = (async () => {
      while (!(await reader.read()).done);
    })().catch(() => {});
    await hungUp;
    stop.abort();
    await reading;
  });
  assert.ok(pages < 10_000, `${pages} pages`);
});

Deno.test("csvDownload() breaks the connection on an error, so that a part is not taken for the whole", async () => {
  let pages = 0;
  const nextPage = () =>
    ++pages < 3
      ? Promise.resolve(page.slice(0, 2))
      : Promise.reject(new Error("the engine is gone"));
  await withFile({ nextPage }, async (url) => {
    // Where nothing was sent yet, not even the head, there is no answer at all.
    const response = await fetch(url).catch(() => undefined);
    assert.equal(response?.status ?? 200, 200);
    if (response !== undefined) await assert.rejects(response.text());
  });
  const stopping = new AbortController();
  const stopped = () => {
    stopping.abort();
    return Promise.resolve(page.slice(0, 2));
  };
  await withFile({ nextPage: stopped }, async (url) => {
    await assert.rejects(async () => await (await fetch(url)).text());
  }, { stopping: stopping.signal });
});

Deno.test("csvDownload() sends only so many files at once, and one that nobody reads gives its place back", async () => {
  const places = sharedPlaces({ max: 2, share: 2 });
  let pages = 0;
  const nextPage = () => Promise.resolve(++pages > 100_000 ? undefined : page);
  await withFile({ nextPage }, async (url) => {
    const unread = await Promise.all([fetch(url), fetch(url)]);
    const read = pages;
    const refused = await fetch(url);
    assert.equal(refused.status, 503);
    assert.ok(Number(refused.headers.get("retry-after")) > 0);
    const problem = await refused.json();
    assert.equal(problem.type, "/problems/unavailable");
    assert.match(problem.detail, /^Too many files are sent; try again later/);
    assert.ok(pages >= read);
    let next = await fetch(url);
    for (let tries = 0; next.status === 503; tries++) {
      assert.ok(tries < 1_000, "no place is given back");
      await next.body!.cancel();
      await new Promise((resolve) => setTimeout(resolve, 10));
      next = await fetch(url);
    }
    assert.equal(next.status, 200);
    for (const response of [...unread, next]) await response.body!.cancel().catch(() => {});
  }, { places, silentMs: 500 });
  const [one, two] = [places.take(null), places.take(null)];
  assert.ok(typeof one === "function" && typeof two === "function", "a place is still taken");
});

Deno.test("a place for a file is free again after HEAD, after the whole file and after an engine was away", async () => {
  const places = sharedPlaces({ max: 1, share: 1 });
  let isAway = false;
  const nextPage = () =>
    isAway ? Promise.reject(new Error("the engine is gone")) : Promise.resolve(undefined);
  await withFile({ nextPage }, async (url) => {
    for (const method of ["HEAD", "GET", "HEAD", "GET"]) {
      const response = await fetch(url, { method });
      assert.equal(response.status, 200, method);
      assert.equal(await response.text(), method === "GET" ? "text\r\n" : "");
    }
    isAway = true;
    for (let n = 0; n < 2; n++) {
      const response = await fetch(url);
      assert.equal(response.status, 500);
      await response.body!.cancel();
    }
    isAway = false;
    assert.equal(await (await fetch(url)).text(), "text\r\n");
  }, { places });
});

Deno.test("GET /orders.csv is a problem where the database is away before it begins", async () => {
  const gone = Object.assign(new Error("read only"), { errno: 1290, sqlState: "HY000" });
  const away = { ...api.deps.db, query: () => Promise.reject(gone) };
  const app = makeApp({ ...api.deps, db: away });
  const answer = await ask({ app }, "GET", "/orders.csv");
  assertProblem(answer, 503, "unavailable");
  assert.equal(answer.headers.get("retry-after"), "1");
});

Deno.test("columns that a file had first keep their places: new ones come at the end", async () => {
  const header = async (path: string) =>
    (await (await api.app.request(path)).text()).split("\r\n")[0]!.split(",");
  assert.deepEqual((await header("/orders.csv")).slice(0, 16), [
    ..."id external_order_id status failure_reason currency total_cents refunded_cents".split(" "),
    ..."customer_id customer_external_id customer_email customer_name".split(" "),
    ..."placed_at reserved_at settled_at created_at updated_at".split(" "),
  ]);
  assert.deepEqual((await header("/refunds.csv")).slice(0, 13), [
    ..."id order_id external_order_id customer_external_id customer_name".split(" "),
    ..."amount_cents currency reason status failure_reason idempotency_key".split(" "),
    ..."processed_at created_at".split(" "),
  ]);
});
