import assert from "node:assert/strict";
import { formatApiToken, type Scope, tokenHash } from "../../../domain/api_token.ts";
import { type Api, openApi, storeOrder } from "../api.ts";

const entry = (name: string, scopes: Scope[]) =>
  formatApiToken({ name, hash: tokenHash(`${name}-secret`), scopes });

let api: Api;
Deno.test.beforeAll(async () => {
  api = await openApi("dashboard_session", {
    API_TOKENS: [entry("ann", ["read"]), entry("bob", ["admin"])].join(),
    SESSION_SECRET: "x".repeat(32),
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
  const form = { csrf_token: csrfIn(html) };
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
  const sent = await browse(`/dashboard/orders/${id}/cancel`, {
    cookie,
    form: { csrf_token: csrfIn(html) },
  });
  assert.equal(sent.response.status, 403);
});
