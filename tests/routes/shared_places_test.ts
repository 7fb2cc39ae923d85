import assert from "node:assert/strict";
import { formatApiToken, type Scope, tokenHash } from "../../domain/operation/api_token.ts";
import { createImport } from "../../db/imports/imports.ts";
import { sharedPlaces } from "../../domain/operation/shared_places.ts";
import { csvOf } from "../csv_orders.ts";
import { type Api, ask, assertProblem, openApi } from "./api.ts";

let api: Api;
Deno.test.beforeAll(async () => {
  const entry = (name: string, scopes: Scope[]) =>
    formatApiToken({ name, hash: tokenHash(`${name}-secret`), scopes });
  api = await openApi("places", {
    API_TOKENS: [
      entry("shop", ["read", "orders"]),
      entry("mall", ["read", "orders"]),
      entry("late", ["orders"]),
    ].join(),
    RATE_LIMIT: "0",
  });
});
Deno.test.afterAll(() => api.close());

const as = (name: string) => ({ authorization: `Bearer ${name}-secret` });

Deno.test("sharedPlaces() gives no token all places, and each place back once", () => {
  const places = sharedPlaces({ max: 3, share: 2 });
  const held = (name: string | null) => {
    const place = places.take(name);
    assert.ok(typeof place === "function", `${name}: ${place}`);
    return place;
  };
  const first = held("a");
  held("a");
  assert.equal(places.take("a"), "share");
  const other = held("b");
  assert.equal(places.take("b"), "full");
  first();
  first();
  const again = held("a");
  assert.equal(places.take("c"), "full");
  other();
  again();
  held(null);
  held(null);
  assert.equal(places.take(null), "full");
});

/** Begins to send a file and never ends. */
function sending(name: string) {
  let end = () => {};
  const body = new ReadableStream<Uint8Array>({
    start(controller) {
      controller.enqueue(new TextEncoder().encode(csvOf([])));
      end = () => controller.close();
    },
  });
  const answered = Promise.resolve(api.app.request("/imports", {
    method: "POST",
    body,
    headers: { "content-type": "text/csv", ...as(name) },
  }));
  return { end: () => end(), answered };
}

const settled = (promise: Promise<unknown>) =>
  Promise.race([promise.then(() => true), new Promise((go) => setTimeout(go, 300, false))]);

Deno.test("one token's imports leave places to others", async () => {
  const sent = [sending("shop"), sending("shop")];
  for (const { answered } of sent) assert.equal(await settled(answered), false);
  const csv = { "content-type": "text/csv" };
  const third = await ask(api, "POST", "/imports", csvOf([{}]), { ...csv, ...as("shop") });
  assertProblem(third, 503, "unavailable");
  assert.ok(third.headers.get("retry-after"));
  assert.match(third.body.detail, /2 imports of the token shop are running/);
  const page = await api.app.request("/dashboard/imports", {
    method: "POST",
    body: csvOf([{}]),
    headers: { ...csv, ...as("shop"), "accept": "text/html" },
  });
  assert.match(await page.text(), /2 imports of the token shop are running/);
  const other = await ask(api, "POST", "/imports", csvOf([{}]), { ...csv, ...as("mall") });
  assert.equal(other.status, 202);

  sent.push(sending("late"));
  assert.equal(await settled(sent.at(-1)!.answered), false);
  for (const { end } of sent) end();
  for (const { answered } of sent) await (await answered).body?.cancel();
  // They go on for a moment after their answer.
  const next = () => ask(api, "POST", "/imports", csvOf([{}]), { ...csv, ...as("shop") });
  let status = 503;
  for (let looks = 0; status === 503 && looks < 50; looks++) {
    await new Promise((go) => setTimeout(go, 100));
    status = (await next()).status;
  }
  assert.equal(status, 202);
});

Deno.test("one token's followers and live pages leave places to others", async () => {
  const id = await createImport(api.deps.db, "followed");
  for (const path of [`/imports/${id}/events`, "/dashboard/live"]) {
    const open = async (name: string) => await api.app.request(path, { headers: as(name) });
    const own = await Promise.all(Array.from({ length: 50 }, () => open("shop")));
    assert.ok(own.every(({ status }) => status === 200), path);
    const refused = await open("shop");
    assert.equal(refused.status, 503, path);
    assert.ok(refused.headers.get("retry-after"));
    assert.match(await refused.text(), /token shop/);
    const other = await open("mall");
    assert.equal(other.status, 200, path);
    for (const { body } of [...own, other]) await body!.cancel();
    let next = await open("shop");
    for (let looks = 0; next.status === 503 && looks < 50; looks++) {
      await next.body?.cancel();
      await new Promise((go) => setTimeout(go, 100));
      next = await open("shop");
    }
    assert.equal(next.status, 200, path);
    await next.body!.cancel();
  }
});
