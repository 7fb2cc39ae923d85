import assert from "node:assert/strict";
import { deadLetterMessages } from "../../../db/dead_letters/dead_letters.ts";
import { formatApiToken, type Scope, tokenHash } from "../../../domain/operation/api_token.ts";
import { csvOf } from "../../csv_orders.ts";
import { type Api, openApi, storeOrder } from "../api.ts";

const entry = (name: string, scopes: Scope[]) =>
  formatApiToken({ name, hash: tokenHash(`${name}-secret`), scopes });

let api: Api;
Deno.test.beforeAll(async () => {
  api = await openApi("dashboard_session", {
    API_TOKENS: [entry("ann", ["read"]), entry("bob", ["admin"])].join(),
  });
});
Deno.test.afterAll(() => api.close());

/** Asks as a browser does that has a session; the form is sent by POST. */
async function browse(
  path: string,
  { cookie = "", form }: { cookie?: string; form?: Record<string, string> } = {},
): Promise<{ response: Response; html: string }> {
  const response = await api.app.request(`http://localhost${path}`, {
    headers: { accept: "text/html", cookie, ...(form ? { origin: "http://localhost" } : {}) },
    ...(form ? { method: "POST", body: new URLSearchParams(form) } : {}),
  });
  return { response, html: await response.text() };
}

async function signIn(name: string): Promise<string> {
  const { response } = await browse("/sign-in", {
    form: { token: `${name}-secret`, next: "/dashboard" },
  });
  assert.equal(response.headers.get("location"), "/dashboard");
  return response.headers.get("set-cookie")!.split(";")[0]!;
}

const csrfIn = (html: string) => /name="csrf_token" value="([^"]+)"/.exec(html)![1]!;

Deno.test("pages lead to the sign-in where tokens are asked for", async () => {
  const { response } = await browse("/dashboard/orders?status=PAID");
  assert.equal(response.status, 303);
  const next = encodeURIComponent("/dashboard/orders?status=PAID");
  assert.equal(response.headers.get("location"), `/sign-in?next=${next}`);
});

Deno.test("a form carries what proves that it is our own, and the timeline says who sent it", async () => {
  const id = await storeOrder(api.deps.db, { status: "PENDING" });
  const cookie = await signIn("bob");
  const { html } = await browse(`/dashboard/orders/${id}`, { cookie });
  const forged = await browse(`/dashboard/orders/${id}/cancel`, { cookie, form: {} });
  assert.equal(forged.response.status, 403);
  const form = { csrf_token: csrfIn(html), confirmed: "yes" };
  const sent = await browse(`/dashboard/orders/${id}/cancel`, { cookie, form });
  assert.equal(sent.response.status, 303);
  const after = await browse(`/dashboard/orders/${id}`, { cookie });
  assert.match(after.html, /Cancelled<\/b>.*api:bob/s);
  const out = await browse("/sign-out", { cookie, form });
  assert.equal(out.response.headers.get("location"), "/sign-in");
});

Deno.test("who may only read sees the pages and changes nothing", async () => {
  const id = await storeOrder(api.deps.db, { status: "PENDING" });
  const cookie = await signIn("ann");
  const { response, html } = await browse(`/dashboard/orders/${id}`, { cookie });
  assert.equal(response.status, 200);
  assert.doesNotMatch(html, /Cancel the order/);
  assert.match(html, /To change this needs the scope orders or cancel/);
  const sent = await browse(`/dashboard/orders/${id}/cancel`, {
    cookie,
    form: { csrf_token: csrfIn(html) },
  });
  assert.equal(sent.response.status, 403);
  assert.match(
    sent.html,
    /<h1[^>]*>This needs the scope orders or cancel</,
    "a page, not a document",
  );
  assert.match(sent.response.headers.get("content-security-policy")!, /script-src 'self'/);
  for (const path of ["/dashboard", "/dashboard/imports", "/dashboard/streams/orders"]) {
    const page = await browse(path, { cookie });
    assert.doesNotMatch(page.html, /method="post" action="\/dashboard/, path);
    assert.match(page.html, /To change this needs the scope/, path);
  }
  const letter = await storeDeadLetter(api);
  for (const path of ["/dashboard/dead-letters", `/dashboard/dead-letters/${letter}`]) {
    const page = await browse(path, { cookie });
    assert.match(page.html, /provider away/, path);
    assert.match(page.html, /To change this needs the scope admin/, path);
    assert.doesNotMatch(page.html, /dead-letters\/decide|type="checkbox"/, path);
    const able = await browse(path, { cookie: await signIn("bob") });
    assert.match(able.html, /dead-letters\/decide/, path);
  }
});

/** @returns the dead letter's id */
async function storeDeadLetter({ deps: { db } }: Api): Promise<number> {
  await deadLetterMessages(db, [{
    group: "payments",
    messageId: "1-1",
    orderId: null,
    refundId: null,
    amountCents: 0,
    currency: null,
    payload: "[]",
    error: "provider away",
    attempts: 5,
    firstSeenMs: Date.now(),
  }]);
  const [row] = await db.query("select max(id) as id from dead_letters");
  return Number(row!.id);
}

Deno.test("what stands before all pages refuses people by a page and programs by a problem", async () => {
  const asked = (accept: string) =>
    api.app.request("http://localhost/dashboard/proof", {
      method: "POST",
      headers: { accept, origin: "https://elsewhere.example" },
    });
  const page = await asked("text/html");
  assert.equal(page.status, 403);
  assert.match(page.headers.get("content-type")!, /^text\/html/);
  assert.equal(page.headers.get("cache-control"), "no-store");
  assert.match(await page.text(), /A page of another origin can(&#39;|')t change anything here/);
  const problem = await asked("*/*");
  assert.equal((await problem.json()).status, 403);
});

const file = (id: string) =>
  csvOf([{ external_order_id: id, customer_id: "upload", product_sku: "upload" }]);

/** Sends a form with a file as a browser without scripts does, its fields in this order. */
async function upload(cookie: string, fields: [name: string, value: string | File][]) {
  const form = new FormData();
  for (const [name, value] of fields) form.append(name, value);
  return await api.app.request("http://localhost/dashboard/imports", {
    method: "POST",
    body: form,
    headers: { accept: "text/html", cookie, origin: "http://localhost" },
  });
}

Deno.test("a file is brought without scripts, by a form that carries its token first", async () => {
  const cookie = await signIn("bob");
  const { html } = await browse("/dashboard/imports", { cookie });
  const inForm = /<form[^>]*multipart[^]*?<\/form>/.exec(html)![0];
  assert.ok(inForm.indexOf("csrf_token") < inForm.indexOf('type="file"'));
  const token = csrfIn(inForm);
  const id = `upload-${crypto.randomUUID()}`;
  const orders = new File([file(id)], "orders.csv", { type: "text/csv" });
  const before = await api.deps.db.query("select id from imports");

  const other = csrfIn((await browse("/dashboard/imports", { cookie: await signIn("bob") })).html);
  const refused: [name: string, value: string | File][][] = [
    [["file", orders]],
    [["csrf_token", ""], ["file", orders]],
    [["csrf_token", other], ["file", orders]],
    [["other", token], ["file", orders]],
    [["file", orders], ["csrf_token", token]],
    [["csrf_token", new File([token], "token")], ["file", orders]],
    [["x".repeat(20_000), "x"], ["csrf_token", token], ["file", orders]],
  ];
  for (const [index, fields] of refused.entries()) {
    assert.equal((await upload(cookie, fields)).status, 403, String(index));
  }
  assert.deepEqual(await api.deps.db.query("select id from imports"), before);

  const sent = await upload(cookie, [["csrf_token", token], ["file", orders]]);
  assert.equal(sent.status, 303);
  const page = sent.headers.get("location")!;
  const events = await api.app.request(`http://localhost${page.replace("/dashboard", "")}/events`, {
    headers: { cookie },
  });
  assert.match(await events.text(), /"status":"DONE"/);
  const shown = await browse(page, { cookie });
  assert.match(shown.html, /orders\.csv/);
  assert.match(shown.html, /api:bob/);
});

Deno.test("a form with a large file is not held to find its token", async () => {
  const cookie = await signIn("bob");
  const token = csrfIn((await browse("/dashboard/imports", { cookie })).html);
  const boundary = "b".repeat(40);
  const head =
    `--${boundary}\r\ncontent-disposition: form-data; name="csrf_token"\r\n\r\n${token}\r\n` +
    `--${boundary}\r\ncontent-disposition: form-data; name="file"; filename="x.csv"\r\n\r\n`;
  const encoder = new TextEncoder();
  let pulled = 0;
  // In pieces of a single byte at first, so that every edge is crossed; no table, so it is refused early.
  const body = new ReadableStream<Uint8Array>({
    pull(controller) {
      if (pulled < head.length) controller.enqueue(encoder.encode(head[pulled]));
      else controller.enqueue(encoder.encode(`%PDF-1.7 ${"x".repeat(65_536)}\n`));
      if (++pulled > head.length + 200) controller.close();
    },
  }, { highWaterMark: 0 });
  const response = await api.app.request("http://localhost/dashboard/imports", {
    method: "POST",
    body,
    headers: {
      accept: "text/html",
      cookie,
      origin: "http://localhost",
      "content-type": `multipart/form-data; boundary=${boundary}`,
    },
  });
  assert.equal(response.status, 422);
  assert.ok(pulled < head.length + 100, "nobody read on");
});

Deno.test("a file of stock is taken from a session's own page alone, and the timeline says who sent it", async () => {
  const cookie = await signIn("bob");
  const { html } = await browse("/dashboard/products/file", { cookie });
  const send = async (token: string | undefined) => {
    const form = new FormData();
    if (token !== undefined) form.set("csrf_token", token);
    const rows = Array.from({ length: 3_000 }, (_, n) => `file-${n},1,Name,100\n`).join("");
    form.set("file", new File([`sku,set_qty,name,price_cents\n${rows}`], "stock.csv"));
    const response = await api.app.request("http://localhost/dashboard/products/file?create=1", {
      method: "POST",
      headers: { accept: "text/html", cookie, origin: "http://localhost" },
      body: form,
    });
    return { status: response.status, html: await response.text() };
  };
  assert.equal((await send(undefined)).status, 403);
  assert.equal((await send("forged")).status, 403);
  const sent = await send(csrfIn(html));
  assert.equal(sent.status, 200);
  assert.match(sent.html, /The file was applied/);
  const [row] = await api.deps.db.query(
    "select count(*) as n from stock_movements where actor = 'api:bob'",
  );
  assert.equal(Number(row!.n), 3_000);
});
