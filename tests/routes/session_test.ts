import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import { Hono } from "hono";
import { formatApiToken, type Scope, tokenHash } from "../../domain/api_token.ts";
import { makeApp } from "../../routes/app.ts";
import { csrfHeader, makeSessions } from "../../routes/session.ts";
import { type Api, openApi, orderBodyOf, storeOrder } from "./api.ts";

const entry = (name: string, scopes: Scope[]) =>
  formatApiToken({ name, hash: tokenHash(`${name}-secret`), scopes });

let api: Api;
Deno.test.beforeAll(async () => {
  api = await openApi("session_routes", {
    API_TOKENS: [entry("ann", ["read", "orders"]), entry("bob", ["admin"])].join(),
    SESSION_SECRET: "x".repeat(32),
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
  const page = new Hono().get("/", (c) => c.text(sessions.callerOf(c)?.csrfToken ?? ""));
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

Deno.test("a session that was changed, is old, or whose token is gone is none", async () => {
  const cookie = await signIn("bob");
  const [name, value = ""] = cookie.split("=");
  const [payload, signature] = decodeURIComponent(value).split(".");
  const forged = btoa(atob(payload!).replace(tokenHash("bob-secret"), tokenHash("ann-secret")));
  const status = async (app: Hono, cookie: string) => {
    const response = await app.request(`${site}/orders`, { headers: { cookie } });
    return response.status;
  };
  assert.equal(await status(api.app, cookie), 200);
  const bad = [`${forged}.${signature}`, `${payload}.`, `${payload}`, "", ".", `x.${signature}`];
  for (const other of bad) {
    assert.equal(await status(api.app, `${name}=${encodeURIComponent(other)}`), 401, other);
  }
  const { config } = api.deps;
  const apiTokens = config.apiTokens.filter(({ name }) => name !== "bob");
  assert.equal(
    await status(makeApp({ ...api.deps, config: { ...config, apiTokens } }), cookie),
    401,
  );
  const sessionSecret = "y".repeat(32);
  const other = makeApp({ ...api.deps, config: { ...config, sessionSecret } });
  assert.equal(await status(other, cookie), 401, "another secret");
  const later = makeSessions(api.deps, () => Date.now() + 12 * 3_600_000);
  const page = new Hono().get("/", (c) => c.json(later.callerOf(c) ?? null));
  const old = await page.request(`${site}/`, { headers: { cookie } });
  assert.equal(await old.json(), null, "twelve hours later");
});

Deno.test("signing out takes the cookie away, with the CSRF token in the form", async () => {
  const cookie = await signIn("ann");
  assert.equal((await post(api.app, "/sign-out", {}, { cookie })).status, 403);
  const form = { csrf_token: await csrfTokenOf(cookie) };
  const response = await post(api.app, "/sign-out", form, { cookie });
  assert.equal(response.status, 303);
  assert.match(response.headers.get("set-cookie")!, /^orders_session=; Max-Age=0/);
});

Deno.test("nobody needs to sign in where nobody is asked who they are", async () => {
  const config = { ...api.deps.config, apiTokens: [] };
  const open = makeApp({ ...api.deps, config });
  const response = await open.request(`${site}/sign-in?next=/kpis`);
  assert.equal(response.status, 303);
  assert.equal(response.headers.get("location"), "/kpis");
});
