import assert from "node:assert/strict";
import { createImport } from "../../../db/imports/imports.ts";
import { makeApp } from "../../../routes/app.ts";
import { type Api, ask, openApi, storeOrder } from "../api.ts";

/** More than any kind of stream may have open at once. */
const many = 210;

let api: Api;
Deno.test.beforeAll(async () => {
  api = await openApi("head_routes");
});
Deno.test.afterAll(() => api.close());

/** Every path that can be asked for with GET, with ids that are there. */
async function paths(): Promise<string[]> {
  const order = await storeOrder(api.deps.db, { status: "PAID" });
  const run = await createImport(api.deps.db, "a.csv");
  const found = api.app.routes.filter(({ method, path }) =>
    method === "GET" && path !== "/docs/:file"
  )
    .map(({ path }) =>
      path.replace(/:file\b/, "app.js").replace(/:group\b[^/]*/, "orders")
        .replace(/:\w+(\{[^}]*\})?/g, path.includes("imports") ? String(run) : String(order))
    );
  return [...new Set(found)];
}

Deno.test("HEAD of a stream of events opens nothing: afterwards GET is answered as ever", async () => {
  const streams = (await paths()).filter((path) => /\/(live|events)$/.test(path));
  assert.ok(streams.length >= 5, streams.join());
  // The feed is one for whoever wants one.
  const headers = { accept: "text/event-stream" };
  for (const path of streams) {
    for (let n = 0; n < many; n++) {
      const head = await api.app.request(path, { method: "HEAD", headers });
      if (head.status === 404) break;
      assert.equal(head.status, 200, `HEAD ${path}`);
      assert.match(head.headers.get("content-type")!, /^text\/event-stream/);
      assert.equal(head.body, null);
    }
    const response = await api.app.request(path, { headers });
    assert.notEqual(response.status, 503, `GET ${path} after many HEADs`);
    await response.body?.cancel();
  }
});

Deno.test("HEAD answers as GET does, and ends what GET would have sent", async () => {
  const ended: string[] = [];
  const app = makeApp(api.deps);
  app.get("/endless.csv", (c) =>
    c.body(
      new ReadableStream({
        pull: (controller) => controller.enqueue(new Uint8Array(65_536)),
        cancel: () => void ended.push("endless"),
      }),
    ));
  for (const path of await paths()) {
    const head = await ask(api, "HEAD", path);
    const got = await api.app.request(path);
    await got.body?.cancel();
    assert.equal(head.status, got.status, path);
    assert.equal(head.headers.get("content-type"), got.headers.get("content-type"), path);
  }
  await app.request("/endless.csv", { method: "HEAD" });
  assert.deepEqual(ended, ["endless"]);
});
