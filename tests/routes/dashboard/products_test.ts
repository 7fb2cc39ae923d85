import assert from "node:assert/strict";
import { type Api, ask, openApi, orderBodyOf } from "../api.ts";
import { tokenHash } from "../../../domain/operation/api_token.ts";
import { readStock } from "../../../db/catalog/stock.ts";
import { fieldOf, openPage, sendForm } from "./pages.ts";

let api: Api;
Deno.test.beforeAll(async () => {
  api = await openApi("product_pages");
});
Deno.test.afterAll(() => api.close());

/** A product of ten units under a new SKU. */
async function aProduct(): Promise<{ id: number; sku: string }> {
  const sku = `S-${crypto.randomUUID().slice(0, 8)}`;
  const body = { sku, name: `Mug ${sku}`, price_cents: 1_250, stock_qty: 10 };
  const { body: { id } } = await ask(api, "POST", "/products", body);
  return { id, sku };
}

const leftOf = async (sku: string) => (await readStock(api.deps.db, sku))!.stockQty;

Deno.test("the page of a product shows its units and its timeline, page by page", async () => {
  const { id, sku } = await aProduct();
  for (let n = 0; n < 60; n++) await ask(api, "PUT", `/products/${sku}/stock`, { add: 1 });
  const page = await openPage(api, `/dashboard/products/${id}`);
  assert.equal(page.status, 200);
  assert.match(page.text, /Left 70 Held by orders 0 Received 70 Last price 12.50/);
  assert.match(page.text, /Received \+1 , 70 left/);
  const next = /href="([^"]*cursor=[^"]*)" rel="next"/.exec(page.html)![1]!;
  const older = await openPage(api, next.replaceAll("&amp;", "&"));
  assert.match(older.text, /first stock/);
  assert.doesNotMatch(older.html, /rel="next"/);
  const list = await openPage(api, `/dashboard/products?q=${sku}`);
  assert.ok(list.html.includes(`href="/dashboard/products/${id}"`));
  assert.equal((await openPage(api, "/dashboard/products/999999999")).status, 404);
});

Deno.test("units are changed after one question, which names the number and who it is put down to", async () => {
  const { id, sku } = await aProduct();
  const path = `/dashboard/products/${id}/stock`;
  const asked = await sendForm(api, path, { how: "add", qty: "5", detail: "delivery 7" });
  assert.equal(asked.status, 200);
  assert.match(asked.text, new RegExp(`Add 5 units to Mug ${sku}\\?`));
  assert.match(
    asked.text,
    /10 units are left now, and 15 will be\. Its timeline will name dashboard, and say: delivery 7\./,
  );
  assert.equal(await leftOf(sku), 10);
  const fields = {
    confirmed: "yes",
    how: "add",
    qty: "5",
    detail: "delivery 7",
    received: fieldOf(asked, "received"),
  };
  const done = await sendForm(api, path, fields);
  assert.deepEqual([done.status, done.headers.get("location")], [
    303,
    `/dashboard/products/${id}?done=stock`,
  ]);
  assert.equal(await leftOf(sku), 15);
  // The same answer twice changes nothing twice.
  const twice = await sendForm(api, path, fields);
  assert.equal(twice.status, 412);
  assert.match(twice.text, /it has changed since you looked, and has 15 units now/);
  assert.equal(await leftOf(sku), 15);
  const page = await openPage(api, `/dashboard/products/${id}?done=stock`);
  assert.match(page.text, /The units were changed/);
  assert.match(page.text, /Received \+5 ?, 15 left delivery 7/);
});

Deno.test("an order that reserves meanwhile does not stand in the way of an answer", async () => {
  const { id, sku } = await aProduct();
  const path = `/dashboard/products/${id}/stock`;
  const asked = await sendForm(api, path, { how: "set", qty: "20" });
  assert.match(asked.text, new RegExp(`Set Mug ${sku} to 20 units\\?`));
  await api.deps.db.run("update products set stock_qty = stock_qty - 2 where id = ?", [id]);
  const received = fieldOf(asked, "received");
  const done = await sendForm(api, path, { confirmed: "yes", how: "set", qty: "20", received });
  assert.equal(done.status, 303);
  assert.equal(await leftOf(sku), 20);
});

Deno.test("what can't be done with units is said, with what was typed", async () => {
  const { id, sku } = await aProduct();
  const path = `/dashboard/products/${id}/stock`;
  for (
    const [fields, says] of [
      [{ how: "add", qty: "-11" }, `Cannot take 11 units of ${sku}: only 10 left`],
      [{ how: "add", qty: "1.5" }, "“1.5” is no number of units"],
      [{ how: "set", qty: "-1" }, "“-1” is no number of units"],
      [{ how: "both", qty: "1" }, "“1” is no number of units"],
    ] as const
  ) {
    const page = await sendForm(api, path, fields);
    assert.equal(page.status, 422);
    assert.ok(page.text.includes(says), says);
    assert.equal(fieldOf(page, "qty"), fields.qty);
  }
  assert.equal(await leftOf(sku), 10);
});

Deno.test("a product is added by a form, which says what is wrong with it", async () => {
  const form = await openPage(api, "/dashboard/products/new");
  assert.equal(form.status, 200);
  const sku = `N-${crypto.randomUUID().slice(0, 8)}`;
  const typed = { sku, name: "New mug", price: "12.5x", qty: "4" };
  const refused = await sendForm(api, "/dashboard/products", typed);
  assert.equal(refused.status, 422);
  assert.match(refused.text, /“12.5x” is no price in EUR, such as 12.50/);
  assert.equal(fieldOf(refused, "name"), "New mug");
  const added = await sendForm(api, "/dashboard/products", { ...typed, price: "12.50" });
  assert.equal(added.status, 303);
  const page = await openPage(api, added.headers.get("location")!);
  assert.match(page.text, /Left 4 Held by orders 0 Received 4 Last price 12.50/);
  const other = await sendForm(api, "/dashboard/products", { ...typed, price: "13" });
  assert.equal(other.status, 409);
  assert.match(other.text, /is known with another price_cents/);
});

async function sendFile(text: string, query = "") {
  const body = new FormData();
  body.set("file", new File([text], "stock.csv"));
  const response = await api.app.request(`/dashboard/products/file${query}`, {
    method: "POST",
    body,
    headers: { origin: "http://localhost" },
  });
  const html = await response.text();
  const text_ = html.replace(/<[^>]*>/g, " ").replaceAll("&quot;", '"').replace(/\s+/g, " ");
  return { status: response.status, text: text_ };
}

Deno.test("a file of stock is applied, and shows the rows that were not taken", async () => {
  const { sku } = await aProduct();
  const page = await openPage(api, "/dashboard/products/file");
  assert.match(page.html, /enctype="multipart\/form-data"/);
  const text = `sku,add_qty\n${sku},5\n<b>,1\n`;
  const { status, text: said } = await sendFile(text);
  assert.equal(status, 200);
  assert.match(said, /The file was applied in part/);
  assert.match(said, /Rows 2 Changed 1 Unchanged 0 Rejected 1/);
  assert.match(said, /3 &lt;b&gt;, 1 sku: there is no such product/);
  assert.equal(await leftOf(sku), 15);
  const again = await sendFile(text);
  assert.equal(again.status, 409);
  assert.match(again.text, /was applied on .* Nothing was changed/);
  assert.equal((await sendFile(text, "?again=1")).status, 200);
  assert.equal(await leftOf(sku), 20);
  const wrong = await sendFile("sku\n");
  assert.equal(wrong.status, 422);
  assert.match(wrong.text, /Cannot apply stock.csv: line 1: a column set_qty/);
});

Deno.test("products that orders ran short of are told from others", async () => {
  const { id, sku } = await aProduct();
  await api.deps.db.run(
    `insert into order_shortages (order_id, product_id, missing_qty, placed_at)
     values (?, ?, 3, current_timestamp(6))`,
    [(await ask(api, "POST", "/orders", orderBodyOf())).body.id, id],
  );
  const page = await openPage(api, "/dashboard/products?stock=short");
  assert.match(page.text, new RegExp(`Mug ${sku} ${sku} low orders ran short`));
});

Deno.test("whoever may only look sees no form, and is told the scope", async () => {
  const guarded = await openApi("product_pages_guarded", {
    API_TOKENS: `reader:${tokenHash("secret")}:read`,
  });
  try {
    const get = async (path: string) => {
      const response = await guarded.app.request(path, {
        headers: { authorization: "Bearer secret" },
      });
      return await response.text();
    };
    await guarded.deps.db.run(
      "insert into products (id, sku, name, price_cents, stock_qty, received_qty) values (1, 'a', 'A', 1, 1, 1)",
    );
    for (const path of ["1", "new", "file"]) {
      const html = await get(`/dashboard/products/${path}`);
      assert.match(html, /needs the scope stock/, path);
      assert.doesNotMatch(html, /<form method="post" action="\/dashboard\/products/, path);
    }
  } finally {
    await guarded.close();
  }
});
