import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import { Hono } from "hono";
import { formatApiToken, type Scope, tokenHash } from "../../../domain/operation/api_token.ts";
import { makeApp } from "../../../routes/app.ts";
import { csrfHeader, makeSessions } from "../../../routes/middleware/session.ts";
import { type Api, openApi, orderBodyOf, storeOrder } from "../api.ts";

const entry = (name: string, scopes: Scope[]) =>
  formatApiToken({ name, hash: tokenHash(`${name}-secret`), scopes });

let api: Api;
Deno.test.beforeAll(async () => {
  api = await openApi("session_routes", {
    API_TOKENS: [entry("ann", ["read", "orders"]), entry("bob", ["admin"])].join(),
  });
});
Deno.test.afterAll(() => api.close());

const site = "http://localhost:8000";

function post(app: Hono, path: string, form: Record<string, string>, headers = {}) {
  return app.request(`${site}${path}`, {
    method: "POST",
    body: new URLSearchParams(form),
    headers: { origin: site, ...headers },
  });
}

async function signIn(name: string, app = api.app): Promise<string> {
  const response = await post(app, "/sign-in", {
    token: `${name}-secret`,
    next: "/orders?limit=2",
  });
  assert.equal(response.status, 303);
  assert.equal(response.headers.get("location"), "/orders?limit=2");
  return response.headers.get("set-cookie")!.split(";")[0]!;
}

/** The CSRF token that a page of this session would carry. */
async function csrfTokenOf(cookie: string): Promise<string> {
  const sessions = makeSessions(api.deps);
  const page = new Hono().get(
    "/",
    async (c) => c.text((await sessions.callerOf(c))?.csrfToken ?? ""),
  );
  const response = await page.request(`${site}/`, { headers: { cookie } });
  return await response.text();
}

Deno.test("a page asked for without a session leads to the sign-in and back", async () => {
  const response = await api.app.request(`${site}/orders?status=PAID`, {
    headers: { accept: "text/html,*/*" },
  });
  assert.equal(response.status, 303);
  assert.equal(response.headers.get("location"), "/sign-in?next=%2Forders%3Fstatus%3DPAID");
  const page = await api.app.request(`${site}/sign-in?next=%2Forders%3Fstatus%3D%22PAID`);
  assert.equal(page.status, 200);
  const html = await page.text();
  assert.match(html, /<input type="hidden" name="next" value="\/orders\?status=(&quot;|%22)PAID">/);
  assert.match(
    page.headers.get("content-security-policy")!,
    /^default-src 'none'; style-src 'sha256-/,
  );
  assert.equal(page.headers.get("referrer-policy"), "same-origin");
  const style = /<style>([^]*)<\/style>/.exec(html)![1]!;
  const hash = createHash("sha256").update(style).digest("base64");
  assert.ok(page.headers.get("content-security-policy")!.includes(`'sha256-${hash}'`));
});

Deno.test("signing in gives a cookie that scripts can't read and other sites can't send", async () => {
  const response = await post(api.app, "/sign-in", { token: " ann-secret ", next: "/" });
  const cookie = response.headers.get("set-cookie")!;
  assert.match(cookie, /^orders_session=[^;]+; Max-Age=43200; Path=\/; HttpOnly; SameSite=Lax$/);
  assert.doesNotMatch(cookie, /ann-secret/);
  const secure = await api.app.request("http://orders.example/sign-in", {
    method: "POST",
    body: new URLSearchParams({ token: "ann-secret" }),
  });
  const prefixed = secure.headers.get("set-cookie")!;
  assert.match(prefixed, /^__Host-orders_session=[^;]+; .*HttpOnly; Secure; SameSite=Lax$/);
});

Deno.test("a wrong token gives the page again and no cookie", async () => {
  for (const token of ["", "wrong", tokenHash("ann-secret")]) {
    const response = await post(api.app, "/sign-in", { token, next: "/" });
    assert.equal(response.status, 401);
    assert.equal(response.headers.get("set-cookie"), null);
    assert.match(await response.text(), /not known/);
  }
});

Deno.test("signing in leads to no other site", async () => {
  const tricks = [
    "https://evil.example/",
    "//evil.example",
    "/\\evil.example",
    "\\\\evil.example",
    "/\t/evil.example",
    "/.//evil.example",
    "javascript:alert(1)",
    "",
  ];
  for (const next of tricks) {
    const response = await post(api.app, "/sign-in", { token: "ann-secret", next });
    assert.equal(response.headers.get("location"), "/", next);
  }
});

Deno.test("a session may do what its token may, and no more", async () => {
  const cookie = await signIn("ann");
  const read = await api.app.request(`${site}/orders`, { headers: { cookie } });
  assert.equal(read.status, 200);
  const id = await storeOrder(api.deps.db, { status: "PAID" });
  const refund = await api.app.request(`${site}/orders/${id}/refunds`, {
    method: "POST",
    headers: { cookie, [csrfHeader]: await csrfTokenOf(cookie) },
  });
  assert.equal(refund.status, 403);
});

Deno.test("a session changes nothing without its own CSRF token", async () => {
  const cookie = await signIn("ann");
  const foreign = await csrfTokenOf(await signIn("ann"));
  const send = (headers: Record<string, string>) =>
    api.app.request(`${site}/orders`, {
      method: "POST",
      body: JSON.stringify(orderBodyOf()),
      headers: { "content-type": "application/json", cookie, ...headers },
    });
  for (const token of [undefined, "", "x", foreign]) {
    const response = await send(token === undefined ? {} : { [csrfHeader]: token });
    assert.equal(response.status, 403, String(token));
  }
  const own = await send({ [csrfHeader]: await csrfTokenOf(cookie) });
  assert.equal(own.status, 202);
  const { id } = await own.json();
  const rows = await api.deps.db.query("select actor from order_events where order_id = ?", [id]);
  assert.equal(rows[0]!.actor, "api:ann");
});

const statusOf = async (cookie: string, app = api.app) => {
  const response = await app.request(`${site}/orders`, { headers: { cookie } });
  await response.body?.cancel();
  return response.status;
};

Deno.test("a session that was changed, is over, or whose token is gone is none", async () => {
  const cookie = await signIn("bob");
  const [name, id = ""] = cookie.split("=");
  assert.equal(await statusOf(cookie), 200);
  const bad = [
    `${id}x`,
    id.slice(1),
    id.toUpperCase(),
    `${id}.${id}`,
    "",
    ".",
    "%00",
    "x".repeat(43),
  ];
  for (const other of bad) assert.equal(await statusOf(`${name}=${other}`), 401, other);
  const { config, db } = api.deps;
  const apiTokens = config.apiTokens.filter(({ name }) => name !== "bob");
  const without = makeApp({ ...api.deps, config: { ...config, apiTokens } });
  assert.equal(await statusOf(cookie, without), 401);
  const renewed = { name: "bob", hash: tokenHash("bob-second"), scopes: ["admin" as const] };
  const other = makeApp({
    ...api.deps,
    config: { ...config, apiTokens: [...apiTokens, renewed] },
  });
  assert.equal(await statusOf(cookie, other), 401, "another token of the same name");
  assert.equal(await statusOf(cookie, makeApp(api.deps)), 200, "another process");
  await db.run("update sessions set ends_at = ends_at - interval 12 hour");
  assert.equal(await statusOf(cookie), 401, "twelve hours later");
  await signIn("ann");
  const rows = await db.query("select ends_at from sessions");
  assert.equal(rows.length, 1, "what is over is cleared away");
});

Deno.test("the cookie is random, and neither it nor the table holds anything of a token", async () => {
  const cookies = [await signIn("bob"), await signIn("bob")];
  assert.notEqual(cookies[0], cookies[1]);
  const hashes = ["bob-secret", tokenHash("bob-secret")].flatMap((text) => {
    const digest = createHash("sha256").update(text).digest();
    return [text, digest.toString("hex"), digest.toString("base64"), digest.toString("base64url")];
  });
  const rows = await api.deps.db.query(
    "select lower(hex(id_hash)) as id, lower(hex(token_print)) as print from sessions",
  );
  const stored = rows.map(({ id, print }) => `${id} ${print}`).join(" ");
  for (const cookie of cookies) {
    assert.match(cookie, /^orders_session=[\w-]{43}$/);
    const id = cookie.split("=")[1]!;
    const decoded = atob(id.replaceAll("-", "+").replaceAll("_", "/"));
    for (const secret of hashes) {
      assert.ok(!`${cookie} ${decoded}`.includes(secret));
      assert.ok(!stored.includes(secret));
    }
    assert.ok(!stored.includes(Uint8Array.from(decoded, (c) => c.charCodeAt(0)).toHex()));
  }
});

Deno.test("signing out ends the session for all processes, with the CSRF token in the form", async () => {
  const cookie = await signIn("ann");
  const elsewhere = makeApp(api.deps);
  assert.equal((await post(api.app, "/sign-out", {}, { cookie })).status, 403);
  assert.equal(await statusOf(cookie, elsewhere), 200);
  const other = await signIn("ann");
  const form = { csrf_token: await csrfTokenOf(cookie) };
  const response = await post(api.app, "/sign-out", form, { cookie });
  assert.equal(response.status, 303);
  assert.match(response.headers.get("set-cookie")!, /^orders_session=; Max-Age=0/);
  for (const app of [api.app, elsewhere]) assert.equal(await statusOf(cookie, app), 401);
  assert.equal(await statusOf(other), 200, "another session of the same token goes on");
  assert.equal((await post(api.app, "/sign-out", {}, { cookie })).status, 303, "again is nothing");
});

Deno.test("signing in ends the session that the browser came with: nobody can plant one", async () => {
  const planted = await signIn("bob");
  const form = { token: "ann-secret", next: "/", csrf_token: await csrfTokenOf(planted) };
  const response = await post(api.app, "/sign-in", form, { cookie: planted });
  const own = response.headers.get("set-cookie")!.split(";")[0]!;
  assert.notEqual(own, planted);
  assert.equal(await statusOf(planted), 401);
  assert.equal(await statusOf(own), 200);
});

Deno.test("a live page ends when its session does", async () => {
  const cookie = await signIn("ann");
  const response = await api.app.request(`${site}/dashboard/streams/live`, { headers: { cookie } });
  assert.equal(response.status, 200);
  const ended = response.text();
  await post(api.app, "/sign-out", { csrf_token: await csrfTokenOf(cookie) }, { cookie });
  assert.match(await ended, /event: regions/);
});

Deno.test("what is open to all asks no database who has a cookie", async () => {
  const cookie = `orders_session=${"x".repeat(43)}`;
  const away = {
    execute: () => Promise.reject(new Error("asked")),
    query: () => Promise.reject(new Error("asked")),
    run: () => Promise.reject(new Error("asked")),
  };
  const app = makeApp({ ...api.deps, db: away as never });
  for (const path of ["/livez", "/docs", "/openapi.json"]) {
    const response = await app.request(`${site}${path}`, { headers: { cookie } });
    await response.body?.cancel();
    assert.equal(response.status, 200, path);
  }
});

Deno.test("nobody needs to sign in where nobody is asked who they are", async () => {
  const config = { ...api.deps.config, apiTokens: [] };
  const open = makeApp({ ...api.deps, config });
  const response = await open.request(`${site}/sign-in?next=/kpis`);
  assert.equal(response.status, 303);
  assert.equal(response.headers.get("location"), "/kpis");
});
