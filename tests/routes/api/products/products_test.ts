import assert from "node:assert/strict";
import { tokenHash } from "../../../../domain/operation/api_token.ts";
import { readStock } from "../../../../db/catalog/stock.ts";
import { type Api, ask, assertProblem, openApi, orderBodyOf } from "../../api.ts";

let api: Api;
Deno.test.beforeAll(async () => {
  api = await openApi("products_routes");
});
Deno.test.afterAll(() => api.close());

const nextSku = () => `S-${crypto.randomUUID()}`;

/** A product of ten units under a new SKU. */
async function aProduct(fields: Record<string, unknown> = {}): Promise<string> {
  const sku = nextSku();
  const body = { sku, name: "Mug", price_cents: 1_250, stock_qty: 10, ...fields };
  assert.equal((await ask(api, "POST", "/products", body)).status, 201);
  return String(body.sku);
}

const unitsOf = async (sku: string) => {
  const { stockQty, receivedQty } = (await readStock(api.deps.db, sku))!;
  return [stockQty, receivedQty];
};

Deno.test("POST /products adds a product, knows it again, and refuses another content", async () => {
  const sku = `a/b c%${crypto.randomUUID()}`;
  const body = { sku, name: "Mug", price_cents: 1_250, stock_qty: 40 };
  const added = await ask(api, "POST", "/products", body);
  assert.equal(added.status, 201);
  const { id, ...fields } = added.body;
  assert.ok(id > 0);
  assert.deepEqual(fields, {
    sku,
    name: "Mug",
    price_cents: 1_250,
    stock_qty: 40,
    held_qty: 0,
    received_qty: 40,
  });
  const location = added.headers.get("location")!;
  const shown = await ask(api, "GET", location);
  assert.deepEqual([shown.status, shown.body], [200, added.body]);
  const again = await ask(api, "POST", "/products", body);
  assert.deepEqual([again.status, again.body, again.headers.get("location")], [
    200,
    added.body,
    location,
  ]);
  assertProblem(
    await ask(api, "POST", "/products", { ...body, name: "Cup" }),
    409,
    "product-conflict",
  );
  const key = { "idempotency-key": crypto.randomUUID() };
  const other = { ...body, sku: nextSku() };
  assert.equal((await ask(api, "POST", "/products", other, key)).status, 201);
  const replay = await ask(api, "POST", "/products", other, key);
  assert.deepEqual([replay.status, replay.headers.get("idempotent-replayed")], [201, "true"]);
});

Deno.test("POST /products names every fault, with what would be right", async () => {
  const bad = await ask(api, "POST", "/products", {
    sku: "",
    name: "x".repeat(256),
    price_cents: 12.5,
    stok_qty: 1,
  });
  assertProblem(bad, 422, "invalid");
  assert.deepEqual(bad.body.errors, [
    { pointer: "#/sku", detail: "is missing" },
    { pointer: "#/name", detail: "must be at most 255 characters long" },
    {
      pointer: "#/price_cents",
      detail: "must be an integer 0…2147483647: minor units of the currency, not 12.5",
    },
    { pointer: "#/stok_qty", detail: "is not known" },
  ]);
  const other = { sku: "MUG", name: "Mug", price_cents: "€12.50", stock_qty: -1 };
  const { errors } = (await ask(api, "POST", "/products", other)).body;
  assert.deepEqual(errors.map(({ detail }: { detail: string }) => detail), [
    'must be an integer 0…2147483647: minor units of the currency, not "€12.50"',
    "must be an integer 0…1000000000000: whole units, not -1",
  ]);
});

Deno.test("PUT /products/{sku}/stock sets and adds units, once a key", async () => {
  const sku = await aProduct();
  const path = `/products/${sku}/stock`;
  const set = await ask(api, "PUT", path, { set: 3 });
  assert.deepEqual([set.status, set.body.stock_qty, set.body.received_qty], [200, 3, 3]);
  const key = { "idempotency-key": crypto.randomUUID() };
  for (let n = 0; n < 3; n++) {
    const added = await ask(api, "PUT", path, { add: 5, detail: "delivery 7" }, key);
    assert.deepEqual([added.status, added.body.stock_qty], [200, 8]);
    assert.ok(added.headers.has("etag"));
  }
  assertProblem(await ask(api, "PUT", path, { add: 6 }, key), 422, "idempotency-key-reused");
  await ask(api, "PUT", path, { add: 5 });
  await ask(api, "PUT", path, { add: 5 });
  assert.deepEqual(await unitsOf(sku), [18, 18]);
  const { body } = await ask(api, "GET", `/products/${sku}/movements`);
  assert.deepEqual(
    body.data.map((
      step: Record<string, unknown>,
    ) => [step.kind, step.qty, step.stock_qty, step.detail]),
    [
      ["received", 5, 18, null],
      ["received", 5, 13, null],
      ["received", 5, 8, "delivery 7"],
      ["corrected", -7, 3, null],
      ["received", 10, 10, "first stock"],
    ],
  );
  assert.equal(body.data[0].actor, "api");
});

Deno.test("PUT /products/{sku}/stock adds once a key, however many requests come at once", async () => {
  const sku = await aProduct();
  const key = { "idempotency-key": crypto.randomUUID() };
  const answers = await Promise.all(
    Array.from({ length: 10 }, () => ask(api, "PUT", `/products/${sku}/stock`, { add: 1 }, key)),
  );
  assert.ok(answers.every(({ status }) => status === 200));
  assert.deepEqual(await unitsOf(sku), [11, 11]);
});

Deno.test("PUT /products/{sku}/stock changes only what is as it was seen, with If-Match", async () => {
  const sku = await aProduct();
  const path = `/products/${sku}/stock`;
  const tag = (await ask(api, "GET", `/products/${sku}`)).headers.get("etag")!;
  assert.match(tag, /^"[0-9a-f]{32}"$/);
  const first = await ask(api, "PUT", path, { set: 20 }, { "if-match": tag });
  assert.equal(first.status, 200);
  assertProblem(
    await ask(api, "PUT", path, { set: 21 }, { "if-match": tag }),
    412,
    "stock-changed",
  );
  const now = first.headers.get("etag")!;
  const second = await ask(api, "PUT", path, { set: 22 }, { "if-match": `${tag}, ${now}` });
  assert.deepEqual([second.status, second.body.stock_qty], [200, 22]);
  assert.equal((await ask(api, "PUT", path, { set: 23 }, { "if-match": "*" })).status, 200);
  assertProblem(await ask(api, "PUT", path, { set: 1 }, { "if-match": "7" }), 400, "bad-request");
});

Deno.test("PUT /products/{sku}/stock refuses what makes no sense and changes nothing", async () => {
  const sku = await aProduct();
  const path = `/products/${sku}/stock`;
  for (
    const body of [{}, { set: 1, add: 1 }, { set: -1 }, { add: 0.5 }, { add: "5" }, { sett: 1 }, []]
  ) {
    assertProblem(await ask(api, "PUT", path, body), 422, "invalid");
  }
  const short = await ask(api, "PUT", path, { add: -11 });
  assertProblem(short, 422, "invalid");
  assert.equal(short.body.detail, `Cannot take 11 units of ${sku}: only 10 left`);
  assertProblem(await ask(api, "PUT", "/products/nothing/stock", { add: 1 }), 404, "not-found");
  assertProblem(await ask(api, "GET", "/products/nothing"), 404, "not-found");
  assertProblem(await ask(api, "GET", "/products/nothing/movements"), 404, "not-found");
  assert.deepEqual(await unitsOf(sku), [10, 10]);
});

Deno.test("GET /products lists products page by page and finds them", async () => {
  const start = `L-${crypto.randomUUID().slice(0, 8)}`;
  for (let n = 0; n < 5; n++) {
    await aProduct({ sku: `${start}-${n}`, name: `Name ${start} ${n}`, stock_qty: n * 10 });
  }
  const listed: string[] = [];
  for (let cursor: string | null = ""; cursor !== null;) {
    const { body } = await ask(api, "GET", `/products?q=${start}&limit=2&cursor=${cursor}`);
    listed.push(...body.data.map(({ sku }: { sku: string }) => sku));
    cursor = body.next_cursor;
  }
  assert.deepEqual(listed, [0, 1, 2, 3, 4].map((n) => `${start}-${n}`));
  const below = await ask(api, "GET", `/products?q=Name%20${start}&below=20`);
  assert.deepEqual(below.body.data.map((one: { stock_qty: number }) => one.stock_qty), [0, 10]);
  assert.equal(below.body.data[0].short, false);
  await api.deps.db.run(
    `insert into order_shortages (order_id, product_id, missing_qty, placed_at)
     values (?, ?, 3, current_timestamp(6))`,
    [(await ask(api, "POST", "/orders", orderBodyOf())).body.id, below.body.data[1].id],
  );
  const short = await ask(api, "GET", `/products?q=${start}&short=true`);
  assert.deepEqual(short.body.data.map((one: { sku: string }) => one.sku), [`${start}-1`]);
  assert.equal(short.body.data[0].short, true);
  assertProblem(await ask(api, "GET", "/products?below=0"), 400, "bad-request");
  assertProblem(await ask(api, "GET", "/products?stock=1"), 400, "bad-request");
  assertProblem(
    await ask(api, "GET", `/products/${start}-1/movements?cursor=x.y`),
    400,
    "bad-request",
  );
});

async function sendFile(text: string, query = "", headers: Record<string, string> = {}) {
  return await ask(api, "POST", `/products/stock${query}`, text, {
    "content-type": "text/csv",
    ...headers,
  });
}

Deno.test("POST /products/stock applies a file, once where it adds", async () => {
  const [a, b] = [await aProduct(), await aProduct()];
  const text = `sku,add_qty\n${a},5\n${b},x\nnothing,1\n`;
  const key = { "idempotency-key": crypto.randomUUID() };
  const { status, body } = await sendFile(text, "", key);
  assert.equal(status, 200);
  assert.deepEqual(body, {
    rows: 3,
    rows_changed: 1,
    rows_unchanged: 0,
    rows_rejected: 2,
    products_created: 0,
    units_received: 5,
    units_corrected: 0,
    rejects: [
      {
        line: 3,
        reason:
          'add_qty: "x" must be an integer -1000000000000…1000000000000: whole units, without separators',
      },
      {
        line: 4,
        reason:
          "sku: there is no such product: correct it, or let the file create products with --create " +
          '(create=true over HTTP) ("nothing")',
      },
    ],
  });
  const replayed = await sendFile(text, "", key);
  assert.deepEqual([replayed.status, replayed.body], [200, body]);
  assert.equal(replayed.headers.get("idempotent-replayed"), "true");
  assertProblem(await sendFile(text), 409, "stock-file-applied");
  assertProblem(await sendFile(text, "?again=true", key), 422, "idempotency-key-reused");
  assert.deepEqual(await unitsOf(a), [15, 15]);
  assert.equal((await sendFile(text, "?again=true")).status, 200);
  assert.deepEqual(await unitsOf(a), [20, 20]);
});

Deno.test("POST /products/stock takes a small file, whose length a server is told before it comes", async () => {
  const sku = await aProduct();
  const text = `sku,set_qty\n${sku},7\n`;
  const sent = await sendFile(text, "", { "content-length": String(text.length) });
  assert.deepEqual([sent.status, sent.body.rows_changed], [200, 1]);
  for (const path of ["/products/stock", "/dashboard/products/file"]) {
    const form = new FormData();
    form.set("file", new File([text], "small.csv"));
    const request = new Request(`http://localhost${path}`, { method: "POST", body: form });
    // First: Bun's request forgets it with its body.
    const type = request.headers.get("content-type")!;
    const body = await request.bytes();
    const response = await api.app.request(path, {
      method: "POST",
      body,
      headers: { "content-type": type, "content-length": String(body.length) },
    });
    assert.equal(response.status, 200, await response.text());
  }
});

Deno.test("POST /products/stock refuses a form that says what belongs into the address", async () => {
  const sku = await aProduct();
  const form = new FormData();
  form.set("again", "true");
  form.set("file", new File([`sku,add_qty\n${sku},7\n`], "small.csv"));
  const response = await api.app.request("/products/stock", { method: "POST", body: form });
  assert.equal(response.status, 400);
  assert.match((await response.json()).detail, /again is not read in a form: .*\?again=…$/);
});

Deno.test("POST /products/stock takes forms of a megabyte, and refuses what is no stock file", async () => {
  const sku = await aProduct();
  const rows = Array.from({ length: 6_000 }, (_, n) => `${sku}-${n},1,Name,100\n`).join("");
  const form = new FormData();
  form.set("file", new File([`sku,set_qty,name,price_cents\n${rows}`], "march.csv"));
  const response = await api.app.request("/products/stock?create=1", {
    method: "POST",
    body: form,
  });
  assert.equal(response.status, 200);
  assert.equal((await response.json()).products_created, 6_000);
  const refused = await sendFile("sku,qty\na,1\n");
  assertProblem(refused, 422, "invalid");
  assert.match(refused.body.detail, /^Cannot apply upload: line 1: a column set_qty/);
  const large = await sendFile(`sku,set_qty\n${"a,1\n".repeat(300_000)}`);
  assertProblem(large, 413);
  assert.match(
    large.body.detail,
    /at most 1048576 bytes: send the file in parts, or packed by gzip \(8388608 bytes and 50000 rows/,
  );
  const long = await sendFile(`sku,set_qty\n${"a,1\n".repeat(50_001)}`);
  assert.match(long.body.detail, /more than 50000 rows/);
  const wide = await sendFile(
    `sku,set_qty${",".repeat(9_998)}\n${`a${",".repeat(9_999)}\n`.repeat(101)}`,
  );
  assert.match(wide.body.detail, /more than 1000000 fields/);
});

Deno.test("products are changed with the scope stock alone, and the timeline names who did it", async () => {
  const secret = (name: string) => `secret-of-${name}`;
  const guarded = await openApi("products_guarded", {
    API_TOKENS: [["depot", "stock+read"], ["shop", "orders"], ["reader", "read"]]
      .map(([name, scope]) => `${name}:${tokenHash(secret(name!))}:${scope}`).join(","),
  });
  try {
    const by = (name: string) => ({ authorization: `Bearer ${secret(name)}` });
    const body = { sku: "MUG", name: "Mug", price_cents: 1, stock_qty: 1 };
    for (const name of ["shop", "reader"]) {
      assertProblem(await ask(guarded, "POST", "/products", body, by(name)), 403);
      assertProblem(await ask(guarded, "PUT", "/products/MUG/stock", { set: 1 }, by(name)), 403);
      assertProblem(await ask(guarded, "POST", "/products/stock", "sku", by(name)), 403);
    }
    assertProblem(await ask(guarded, "GET", "/products", undefined, by("shop")), 403);
    assert.equal((await ask(guarded, "POST", "/products", body, by("depot"))).status, 201);
    const { body: timeline } = await ask(
      guarded,
      "GET",
      "/products/MUG/movements",
      undefined,
      by("reader"),
    );
    assert.equal(timeline.data[0].actor, "api:depot");
  } finally {
    await guarded.close();
  }
});
