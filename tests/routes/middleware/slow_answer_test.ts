import assert from "node:assert/strict";
import { once } from "node:events";
import { connect } from "node:net";
import { Hono } from "hono";
import { slowAnswer, type SlowWork } from "../../../routes/middleware/slow_answer.ts";
import { type HttpServer, serve } from "../../../runtime/serve.ts";

/** What has broken answers off. */
const broken: string[] = [];

/** An application on a port, whose one route reads its body as a stream and then works. */
async function serving(
  work: (stop: AbortController, answer: (text: string) => Response) => Promise<Response>,
  test: (port: number) => Promise<void>,
  certain: Promise<void> = Promise.resolve(),
  more: Partial<SlowWork> = {},
): Promise<void> {
  const app = new Hono();
  app.post("/", async (c) => {
    for await (const _ of c.req.raw.body!);
    const stop = new AbortController();
    return await slowAnswer(c, {
      work: work(stop, (text) => c.json({ text })),
      certain,
      stop,
      onBreak: (error) => broken.push(String(error)),
      type: "application/json",
      ...more,
    });
  });
  app.onError((error, c) => c.text(error.message, 422));
  const listening = Promise.withResolvers<number>();
  const server: HttpServer = serve({
    hostname: "127.0.0.1",
    port: 0,
    onListen: ({ port }) => listening.resolve(port),
  }, app.fetch);
  try {
    await test(await listening.promise);
  } finally {
    await server.shutdown();
  }
}

Deno.test("slowAnswer() ends the work whose sender hung up after its body was read", async () => {
  const stopped = Promise.withResolvers<void>();
  const begun = Promise.withResolvers<void>();
  await serving((stop) => {
    begun.resolve();
    stop.signal.addEventListener("abort", () => stopped.resolve());
    return stopped.promise.then(() => Promise.reject(new Error("stopped")));
  }, async (port) => {
    const socket = connect(port, "127.0.0.1");
    await once(socket, "connect");
    socket.write("POST / HTTP/1.1\r\nhost: a\r\ncontent-length: 70000\r\n\r\n");
    socket.write("a".repeat(70_000));
    await begun.promise;
    socket.destroy();
    await stopped.promise;
  });
});

Deno.test("slowAnswer() sends blank lines before an answer that takes long, which read as the same JSON", async () => {
  const done = Promise.withResolvers<void>();
  await serving(
    (_, answer) => done.promise.then(() => answer("late")),
    async (port) => {
      const response = await fetch(`http://127.0.0.1:${port}/`, { method: "POST", body: "a" });
      assert.equal(response.status, 200);
      done.resolve();
      const text = await response.text();
      assert.match(text, /^\n*\{/);
      assert.deepEqual(JSON.parse(text), { text: "late" });
    },
  );
});

Deno.test("slowAnswer() answers with its own status what fails before success was certain", async () => {
  await serving(
    () => Promise.reject(new Error("no file of orders")),
    async (port) => {
      const response = await fetch(`http://127.0.0.1:${port}/`, { method: "POST", body: "a" });
      assert.deepEqual([response.status, await response.text()], [422, "no file of orders"]);
    },
    new Promise(() => {}),
  );
});

Deno.test("slowAnswer() tells what breaks an answer off that has begun", async () => {
  broken.length = 0;
  const begun = Promise.withResolvers<void>();
  await serving(
    () => begun.promise.then(() => Promise.reject(new Error("the database is away"))),
    async (port) => {
      const response = await fetch(`http://127.0.0.1:${port}/`, { method: "POST", body: "a" });
      assert.equal(response.status, 200);
      begun.resolve();
      await assert.rejects(response.text());
      assert.deepEqual(broken, ["Error: the database is away"]);
    },
  );
});

Deno.test("slowAnswer() ends the work whose sender hung up although nothing is certain yet", async () => {
  const stopped = Promise.withResolvers<void>();
  const begun = Promise.withResolvers<void>();
  await serving(
    (stop) => {
      begun.resolve();
      stop.signal.addEventListener("abort", () => stopped.resolve());
      return stopped.promise.then(() => Promise.reject(new Error("stopped")));
    },
    async (port) => {
      const socket = connect(port, "127.0.0.1");
      await once(socket, "connect");
      socket.write("POST / HTTP/1.1\r\nhost: a\r\ncontent-length: 70000\r\n\r\n");
      socket.write("a".repeat(70_000));
      await begun.promise;
      socket.destroy();
      await stopped.promise;
    },
    new Promise(() => {}),
    { uncertainMs: 20 },
  );
});

Deno.test("slowAnswer() says a refusal that comes late in the document itself", async () => {
  const known = Promise.withResolvers<void>();
  await serving(
    () => known.promise.then(() => Promise.reject(new Error("no file of orders"))),
    async (port) => {
      const response = await fetch(`http://127.0.0.1:${port}/`, { method: "POST", body: "a" });
      assert.equal(response.status, 200);
      known.resolve();
      assert.deepEqual(await response.json(), { status: 422, detail: "no file of orders" });
    },
    new Promise(() => {}),
    {
      uncertainMs: 20,
      refusal: (error) => Response.json({ status: 422, detail: (error as Error).message }),
    },
  );
});
