import assert from "node:assert/strict";
import { connect, type Socket } from "node:net";
import { createImport } from "../../db/imports/imports.ts";
import { type Api, openApi, storeOrder } from "./api.ts";
import { type Served, startServed } from "./served.ts";

/** Streams of pages that all callers together may have open at once. */
const max = 200;

let api: Api;
let pages: string[];
let importId: number;
Deno.test.beforeAll(async () => {
  api = await openApi("open_streams");
  const order = await storeOrder(api.deps.db, { status: "PAID" });
  importId = await createImport(api.deps.db, "a.csv");
  pages = ["/dashboard/live", "/dashboard/streams/live", `/dashboard/orders/${order}/live`];
});
Deno.test.afterAll(() => api.close());

/** A stream of events that is held open. */
interface Held {
  status: number;
  /** What came first. */
  first: string;
  /** Reads on to the end; however it ends. */
  end: Promise<void>;
  leave(): void;
}

async function hold({ url }: Served, path: string): Promise<Held> {
  const controller = new AbortController();
  const response = await fetch(`${url}${path}`, { signal: controller.signal });
  const reader = response.body!.getReader();
  const { value } = await reader.read();
  const readOn = async () => {
    try {
      while (!(await reader.read()).done);
    } catch {
      // It was cut off.
    }
  };
  return {
    status: response.status,
    first: new TextDecoder().decode(value),
    end: readOn(),
    leave: () => controller.abort(),
  };
}

/** Asks until the answer is no 503 any more: that somebody has gone is known a moment later. */
async function holdWhenFree(served: Served, path: string): Promise<Held> {
  for (let asked = 0;; asked++) {
    const held = await hold(served, path);
    if (held.status !== 503 || asked === 200) return held;
    held.leave();
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
}

/** A connection that sends something and then nothing more. */
async function holdSocket({ port }: Served, bytes: string): Promise<Socket> {
  const socket = connect({ host: "127.0.0.1", port });
  await new Promise((resolve, reject) => {
    socket.once("connect", resolve);
    socket.once("error", reject);
  });
  socket.on("error", () => {});
  socket.write(bytes);
  return socket;
}

Deno.test("whoever leaves a live page frees its place, and the other pages go on", async () => {
  const served = await startServed(api, { LOG_LEVEL: "warn" }, "serve");
  try {
    const all = await Promise.all(
      Array.from({ length: max }, (_, n) => hold(served, pages[n % pages.length]!)),
    );
    for (const { status, first } of all) {
      assert.equal(status, 200);
      assert.match(first, /^event: (regions|charts)\n/);
    }
    const more = await hold(served, pages[0]!);
    assert.equal(more.status, 503, "one more than there may be");
    for (const { leave } of all.slice(max / 2)) leave();
    const again = [];
    for (let n = max / 2; n < max; n++) again.push(await holdWhenFree(served, pages[0]!));
    assert.deepEqual([...new Set(again.map(({ status }) => status))], [200]);
    assert.equal((await fetch(`${served.url}/livez`)).status, 200);
    for (const { leave } of [...all, ...again]) leave();
  } finally {
    assert.equal(await served.stop(), 0);
  }
  assert.doesNotMatch(served.log(), /request failed|live page ended/, "who leaves is no error");
});

Deno.test("open pages, followed imports and silent connections end with the process, well within its time", async () => {
  const served = await startServed(api, { LOG_LEVEL: "warn", SHUTDOWN_TIMEOUT_MS: "30000" });
  const held = await Promise.all(
    [...pages, ...pages, `/imports/${importId}/events`].map((path) => hold(served, path)),
  );
  const head = `GET /livez HTTP/1.1\r\nHost: 127.0.0.1:${served.port}\r\n`;
  const idle = await holdSocket(served, `${head}\r\n`);
  await new Promise((resolve) => idle.once("data", resolve));
  const silent = await holdSocket(served, "");
  const startedAt = performance.now();
  assert.equal(await served.stop(), 0);
  const seconds = (performance.now() - startedAt) / 1_000;
  assert.ok(seconds < 15, `it took ${seconds} s`);
  await Promise.all(held.map(({ end }) => end));
  for (const socket of [idle, silent]) socket.destroy();
  assert.doesNotMatch(served.log(), /request failed|"level":"error"/);
});

Deno.test("the place of a page is free again where its connection breaks without a word", async () => {
  const served = await startServed(api, { LOG_LEVEL: "warn" });
  try {
    const head = `GET ${pages[0]} HTTP/1.1\r\nHost: 127.0.0.1:${served.port}\r\n\r\n`;
    const sockets = await Promise.all(
      Array.from({ length: max }, () => holdSocket(served, head)),
    );
    const begun = sockets.map((socket) => new Promise((resolve) => socket.once("data", resolve)));
    await Promise.all(begun);
    for (const socket of sockets) socket.resetAndDestroy();
    const held = await holdWhenFree(served, pages[1]!);
    assert.equal(held.status, 200);
    held.leave();
  } finally {
    assert.equal(await served.stop(), 0);
  }
});
