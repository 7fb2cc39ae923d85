import assert from "node:assert/strict";
import { Hono } from "hono";
import { scopes } from "../../../domain/operation/api_token.ts";
import type { Caller } from "../../../routes/middleware/caller.ts";
import { lightBytes, limitBody } from "../../../routes/middleware/limit_body.ts";
import { close, serveRaw } from "../hostile/raw_http.ts";

const bytes = 8_388_608;

/** An application that lets bodies of this size in, and answers when it is told to. */
function appOf(
  answered: (token: string) => Promise<void> = () => Promise.resolve(),
  asFile = true,
): Hono {
  const app = new Hono();
  app.use((c, next) => {
    const name = c.req.header("x-token") ?? null;
    const caller: Caller = { actor: "api", name, scopes, by: "token", csrfToken: "" };
    c.set("caller", caller);
    return next();
  });
  app.use(limitBody({ bytes, ms: 60_000, asFile }));
  app.post("/", async (c) => {
    await answered(c.req.header("x-token")!);
    return c.text("taken");
  });
  return app;
}

const head = (token: string, length: number) =>
  `POST / HTTP/1.1\r\nHost: localhost\r\nX-Token: ${token}\r\nContent-Length: ${length}\r\n\r\n`;

Deno.test("a token that sends large bodies slowly leaves room for others", async () => {
  const server = serveRaw(appOf());
  const slow = await Promise.all(
    Array.from({ length: 12 }, () => server.open(`${head("slow", bytes)}{`)),
  );
  await new Promise((resolve) => setTimeout(resolve, 200));
  const own = await server.ask(`${head("slow", 2)}{}`, 500);
  assert.match(own.text, /^HTTP\/1\.1 503 /);
  const other = await server.ask(`${head("other", 2)}{}`, 500);
  assert.match(other.text, /^HTTP\/1\.1 200 /);
  slow.forEach(close);
  await server.close();
});

Deno.test("a token whose bodies are worked on for long leaves a turn for others", async () => {
  const over = Promise.withResolvers<void>();
  let working = 0;
  const app = appOf((token) => {
    if (token === "other") return Promise.resolve();
    working++;
    return over.promise;
  });
  const send = (token: string) =>
    Promise.resolve(
      app.request("/", { method: "POST", body: "{}", headers: { "x-token": token } }),
    );
  const long = Array.from({ length: 8 }, () => send("long"));
  await new Promise((resolve) => setTimeout(resolve, 50));
  assert.equal(working, 3);
  const late = setTimeout(over.resolve, 5_000);
  assert.equal(await (await send("other")).text(), "taken");
  assert.equal(working, 3);
  clearTimeout(late);
  over.resolve();
  for (const response of await Promise.all(long)) assert.equal(await response.text(), "taken");
  assert.equal(working, 8);
});

Deno.test("of bodies that are not light a token has so many worked on at once, however many it sends", async () => {
  const over = Promise.withResolvers<void>();
  let working = 0;
  const app = appOf((token) => {
    if (token === "other") return Promise.resolve();
    working++;
    return over.promise;
  }, false);
  const send = (token: string, size: number) => {
    const headers = { "x-token": token, "content-length": String(size) };
    return Promise.resolve(
      app.request("/", { method: "POST", body: "x".repeat(size), headers }),
    );
  };
  const long = Array.from({ length: 40 }, () => send("long", 60_000));
  await new Promise((resolve) => setTimeout(resolve, 100));
  assert.equal(working, 13);
  assert.equal(await (await send("other", 60_000)).text(), "taken");
  const light = Array.from({ length: 40 }, () => send("long", lightBytes));
  await new Promise((resolve) => setTimeout(resolve, 100));
  assert.equal(working, 53);
  over.resolve();
  for (const response of await Promise.all([...long, ...light])) {
    assert.equal(await response.text(), "taken");
  }
});
