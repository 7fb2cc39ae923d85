import assert from "node:assert/strict";
import fc from "fast-check";
import { type Api, openApi, orderBodyOf, recordedLog } from "../api.ts";
import { bytesOf, close, type RawServer, readAll, serveRaw } from "./raw_http.ts";

/** Another number makes other requests. */
const seed = 20_260_106;

const recorded = recordedLog();
let api: Api;
let server: RawServer;
Deno.test.beforeAll(async () => {
  api = await openApi("hostile_bytes", {}, recorded.log);
  server = serveRaw(api.app);
});
Deno.test.afterAll(async () => {
  await server.close();
  await api.close();
});

const host = "Host: localhost\r\n";
const last = "Connection: close\r\n\r\n";

/** Head of a request that takes an order, but for how long its body is. */
const head = `POST /orders HTTP/1.1\r\n${host}Content-Type: application/json\r\n`;

/** A whole request that takes an order. */
function orderRequest(): string {
  const body = JSON.stringify(orderBodyOf());
  return `${head}Content-Length: ${body.length}\r\n\r\n${body}`;
}

async function countOrders(): Promise<number> {
  const [row] = await api.deps.db.query("select count(*) as n from orders", []);
  return Number(row!.n);
}

/** The statuses that a connection brought; none is 500, and nothing is told of the inside. */
function statusesIn(text: string, sent: string): number[] {
  const what = `${JSON.stringify(sent.slice(0, 300))} → ${JSON.stringify(text.slice(0, 600))}`;
  const statuses = [...text.matchAll(/HTTP\/1\.[01] (\d{3})/g)].map(([, status]) => Number(status));
  for (const status of statuses) assert.ok(status < 500, what);
  assert.doesNotMatch(text, /\.tsx?:\d|node_modules|\n\s+at \S+ \(|TypeError|panicked/, what);
  assert.doesNotMatch(text, /^x-injected:/im, what);
  return statuses;
}

Deno.test("a request that hides another one in its body is answered once or refused", async () => {
  const before = await countOrders();
  const inner = orderRequest();
  const chunked = (codings: string) => `${head}${codings}${last}0\r\n\r\n${inner}`;
  const requests = [
    `${head}Content-Length: 4\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n${inner}`,
    `${head}Transfer-Encoding: chunked\r\nContent-Length: 4\r\n\r\n0\r\n\r\n${inner}`,
    `${head}Content-Length: 4\r\nContent-Length: 5\r\n\r\n{}  ${inner}`,
    `${head}Content-Length: 4, 5\r\n\r\n{}  ${inner}`,
    `${head}Content-Length: +4\r\n\r\n{}  ${inner}`,
    `${head}Content-Length: 0x4\r\n\r\n{}  ${inner}`,
    `${head}Content-Length: -1\r\n\r\n${inner}`,
    `${head}Content-Length: 18446744073709551617\r\n\r\n${inner}`,
    `${head}Content-Length : 4\r\n\r\n{}  ${inner}`,
    `${head}Content-Length:\r\n 4\r\n\r\n{}  ${inner}`,
    chunked("Transfer-Encoding: xchunked\r\n"),
    chunked("Transfer-Encoding: chunked\r\nTransfer-Encoding: identity\r\n"),
    chunked("Transfer-Encoding: identity, chunked, identity\r\n"),
    chunked("Transfer-Encoding : chunked\r\n"),
    chunked("Transfer-Encoding: \x0bchunked\r\n"),
    chunked("Transfer-Encoding: chunked\r\n"),
    `${head}Transfer-Encoding: chunked\r\n${last}fffffffffffffffff\r\n${inner}`,
    `${head}Transfer-Encoding: chunked\r\n${last}-1\r\n${inner}`,
    `${head}Transfer-Encoding: chunked\r\n${last}zz\r\n${inner}`,
    `${head}Transfer-Encoding: chunked\r\n${last}2;${
      "x".repeat(20_000)
    }\r\n{}\r\n0\r\n\r\n${inner}`,
    `GET /livez HTTP/1.1\r\n${host}X: a\r\n\r\n `.replace("\r\n\r\n ", `\n\r${last}${inner}`),
    `GET /livez HTTP/1.1\r\n${host}${last}${inner}`,
  ];
  for (const request of requests) {
    const { text, closed } = await server.ask(request);
    assert.ok(statusesIn(text, request).length <= 1, JSON.stringify([request, text]));
    assert.ok(closed, `${JSON.stringify(request)} is still open`);
  }
  assert.equal(await countOrders(), before, "what was hidden has done nothing");
  const { text } = await server.ask(orderRequest().replace(host, `${host}${last.slice(0, -2)}`));
  assert.deepEqual(statusesIn(text, "an order"), [202], "the hidden request is good by itself");
});

Deno.test("targets, hosts, methods and headers that mean something elsewhere mean nothing here", async () => {
  const { port } = server;
  const get = (target: string, more = "") => `GET ${target} HTTP/1.1\r\n${more || host}${last}`;
  const cases: [request: string, expected: number | undefined][] = [
    [get("http://evil.example/orders"), 421],
    [get(`http://user:pass@localhost:${port}/livez`), 200],
    [get("file:///etc/passwd"), 404],
    [get("/../../../etc/passwd"), 404],
    [get("/docs/..%2f..%2fmain.ts"), 404],
    [get("/docs/..%252f..%252fmain.ts"), 404],
    [get("/dashboard/assets/..%2f..%2fapp.ts"), 404],
    [get("//evil.example/orders"), 404],
    [get("/%ff%fe/%zz"), 404],
    [get("/livez#/../orders"), 200],
    [get("/orders?limit=1%00&limit=%zz"), 400],
    [get("/livez", "Host: a/../orders?\r\n"), 400],
    [get("/livez", "Host: a b\r\n"), 400],
    [get("/livez", "Host: evil@localhost\r\n"), 400],
    [get("/livez", "Host: localhost:99999\r\n"), 400],
    [get("/orders", "Host: evil.example\r\n"), 421],
    [get("/livez", "Host: evil.example\r\n"), 200],
    [get("/livez", "Host: localhost\r\nHost: evil.example\r\n"), 400],
    [get("/livez", `${host}X-Forwarded-Host: evil.example\r\nForwarded: host=evil\r\n`), 200],
    [get("/livez", `${host}X: ${"a".repeat(1_000_000)}\r\n`), 400],
    [get("/livez", `${host}${"X: a\r\n".repeat(5_000)}`), 400],
    [get(`/livez?${"a=b&".repeat(200_000)}`), 400],
    [get("/livez", `${host}X: a\0b\r\n`), 400],
    [get("/livez", `${host}X: a\r\n folded: b\r\n`), 400],
    [get("/livez", `${host}X-Request-Id: a b;<script>\r\n`), 200],
    [get("/livez", `${host}Upgrade: websocket\r\n`), 200],
    [`TRACE /livez HTTP/1.1\r\n${host}Authorization: Bearer secret\r\n${last}`, 405],
    [`CONNECT evil.example:443 HTTP/1.1\r\nHost: evil.example:443\r\n${last}`, undefined],
    [`OPTIONS * HTTP/1.1\r\n${host}${last}`, 404],
    [`OPTIONS /orders HTTP/1.1\r\n${host}${last}`, 204],
    [`get /livez HTTP/1.1\r\n${host}${last}`, 405],
    [`DELETE /orders/1 HTTP/1.1\r\n${host}${last}`, 405],
    [`${"X".repeat(5_000)} /livez HTTP/1.1\r\n${host}${last}`, 405],
    [`GET /livez HTTP/9.9\r\n${host}${last}`, 400],
    ["GET /livez\r\n\r\n", 400],
    ["\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03", 400],
    ["\0".repeat(10_000), 400],
  ];
  for (const [request, expected] of cases) {
    const { text, closed } = await server.ask(request);
    const statuses = statusesIn(text, request);
    const what = `${JSON.stringify(request.slice(0, 200))} → ${JSON.stringify(text.slice(0, 400))}`;
    assert.ok(closed, what);
    assert.ok(statuses.length <= 1, what);
    if (expected !== undefined) assert.equal(statuses[0], expected, what);
    assert.doesNotMatch(text, /root:x:|Bearer secret|import /, what);
  }
});

Deno.test("requests with bytes changed at random get an answer or an end, and never a 500", async () => {
  const change = fc.record({
    at: fc.double({ min: 0, max: 1, noNaN: true }),
    how: fc.constantFrom("put", "insert", "delete", "repeat"),
    byte: fc.oneof(fc.nat(255), fc.constantFrom(0, 9, 10, 13, 32, 37, 58, 255)),
  });
  const good = fc.constantFrom(
    (body: string) => `${head}Content-Length: ${body.length}\r\n\r\n${body}`,
    (body: string) =>
      `${head}Transfer-Encoding: chunked\r\n\r\n${
        body.length.toString(16)
      }\r\n${body}\r\n0\r\n\r\n`,
    () => `GET /orders?status=PAID&limit=2 HTTP/1.1\r\n${host}Accept: */*\r\n\r\n`,
    () => `GET /kpis?from=2026-01-01&to=2026-01-05 HTTP/1.1\r\n${host}\r\n`,
    () =>
      `POST /imports HTTP/1.1\r\n${host}Content-Type: multipart/form-data; boundary=b\r\n` +
      'Content-Length: 80\r\n\r\n--b\r\ncontent-disposition: form-data; name="f"; filename="a"\r\n\r\na,b',
  );
  await fc.assert(
    fc.asyncProperty(
      good,
      fc.array(change, { minLength: 1, maxLength: 6 }),
      async (make, changes) => {
        const bytes = [...bytesOf(make(JSON.stringify(orderBodyOf({ currency: "USD" }))))];
        for (const { at, how, byte } of changes) {
          const index = Math.floor(at * (bytes.length - 1));
          if (how === "put") bytes[index] = byte;
          else if (how === "insert") bytes.splice(index, 0, byte);
          else if (how === "delete") bytes.splice(index, 1 + byte % 4);
          else bytes.splice(index, 0, ...bytes.slice(index, index + byte));
        }
        const connection = await server.open(Uint8Array.from(bytes));
        await connection.closeWrite().catch(() => {});
        const { text, closed } = await readAll(connection, 5_000);
        close(connection);
        const sent = String.fromCharCode(...bytes);
        statusesIn(text, sent);
        assert.ok(closed, `${JSON.stringify(sent)} is still open`);
      },
    ),
    { seed, numRuns: 400, endOnFailure: true },
  );
  assert.ok(await server.livezMs() < 1_000);
  const errors = recorded.lines.filter((line) => JSON.parse(line).level === "error");
  assert.deepEqual(errors, []);
});
