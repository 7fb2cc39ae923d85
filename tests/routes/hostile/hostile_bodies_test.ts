import assert from "node:assert/strict";
import { formatApiToken, tokenHash } from "../../../domain/operation/api_token.ts";
import { bun } from "../../../runtime/bun.ts";
import { type Api, openApi, orderBodyOf } from "../api.ts";
import { bytesOf } from "./raw_http.ts";
import {
  chunkOf,
  lastChunk,
  maxGapMs,
  oneByteChunks,
  sendRaw,
  type Served,
  startServed,
} from "../served.ts";

/** More memory than this for a stranger's body of less than a megabyte is a leak. */
const maxBytes = 200 * 1_048_576;

/** Milliseconds that an answer to a hostile head may take. */
const maxMs = 250;

let api: Api;
let served: Served;
Deno.test.beforeAll(async () => {
  const token = { name: "ann", hash: tokenHash("ann-secret"), scopes: ["admin" as const] };
  api = await openApi("hostile_bodies", {
    API_TOKENS: formatApiToken(token),
    GATEWAY: "http",
    GATEWAY_URL: "http://127.0.0.1:9",
    GATEWAY_SECRETS: `whsec_${btoa("s".repeat(32))}`,
    LOG_LEVEL: "debug",
  });
  served = await startServed(api, { LOG_LEVEL: "debug", MEMORY_MB: "256" });
});
Deno.test.afterAll(async () => {
  await served.stop();
  await api.close();
});

const token = "Authorization: Bearer ann-secret\r\n";

function headOf(path: string, type: string, more = ""): string {
  return `POST ${path} HTTP/1.1\r\nHost: localhost\r\n${more}Connection: close\r\n` +
    `Content-Type: ${type}\r\nTransfer-Encoding: chunked\r\n\r\n`;
}

const form = "application/x-www-form-urlencoded";

Deno.test("a body of very many chunks takes no more memory than its bytes, whoever sends it", async () => {
  const parts = "multipart/form-data; boundary=b";
  // Bun's server hands chunks on joined: only what they are together is judged there.
  const heads: [head: string, status: RegExp][] = [
    [headOf("/sign-in", form), /413/],
    [headOf("/sign-in", parts), /413/],
    [headOf("/payments/callback", "application/json"), /413/],
    [headOf("/orders", "application/json", token), /413/],
    [headOf("/imports", "text/csv", token), /413|422/],
    [headOf("/imports", "application/gzip", token), /413|422/],
    [headOf("/imports", parts, token), /413/],
    [headOf("/dashboard/imports", parts, token), /413/],
  ];
  await sendRaw(served.port, headOf("/sign-in", form), [oneByteChunks(10), lastChunk]);
  const before = await served.memory();
  for (const [head, status] of heads) {
    const answers = await Promise.all(
      Array.from(
        { length: 3 },
        () => sendRaw(served.port, head, [oneByteChunks(100_000), lastChunk]),
      ),
    );
    for (const answer of answers) {
      assert.match(
        answer.slice(9, 12),
        bun === undefined ? status : /400|413|422/,
        `${head}${answer}`,
      );
      const after = await served.memory();
      const grown = after.most - before.now;
      assert.ok(grown < maxBytes, `${grown / 1_048_576} MB more after ${head}`);
    }
  }
});

Deno.test("a crowd of strangers with large forms holds up nobody and takes little memory", async () => {
  const fields = Array.from({ length: 170_000 }, (_, n) => n.toString(16)).join("&");
  const head = headOf("/sign-in", form).replace(
    "Transfer-Encoding: chunked",
    `Content-Length: ${fields.length}`,
  );
  const before = await served.memory();
  const crowd = () =>
    Promise.allSettled(
      Array.from({ length: 30 }, () => sendRaw(served.port, head, [bytesOf(fields)])),
    );
  const gap = await maxGapMs(served, crowd);
  const grown = (await served.memory()).most - before.most;
  assert.ok(gap < maxMs, `${gap} ms without an answer`);
  assert.ok(grown < maxBytes, `${grown / 1_048_576} MB more`);
});

Deno.test("a crowd of large orders with fields that nobody knows does not end the process", async () => {
  const junk = `[${"{},".repeat(330_000)}{}]`;
  const orders = Array.from({ length: 200 }, () => JSON.stringify(orderBodyOf()));
  const answers = await Promise.all(orders.map((order) => {
    const body = `${order.slice(0, -1)},"junk":${junk}}`;
    const head = headOf("/orders", "application/json", token).replace(
      "Transfer-Encoding: chunked",
      `Content-Length: ${body.length}`,
    );
    return sendRaw(served.port, head, [bytesOf(body)]);
  }));
  for (const answer of answers) assert.match(answer.slice(9, 12), /202|503/, answer);
  assert.ok(answers.some((answer) => answer.startsWith("HTTP/1.1 202 ")));
});

Deno.test("a crowd of orders with more items than any may have is refused in little memory and time", async () => {
  const items = `[${"{},".repeat(330_000)}{}]`;
  const order = JSON.stringify(orderBodyOf()).replace(/"items":\[.*?\]/, `"items":${items}`);
  const before = await served.memory();
  const send = (path: string, body: string) => {
    const head = headOf(path, "application/json", token).replace(
      "Transfer-Encoding: chunked",
      `Content-Length: ${body.length}`,
    );
    return sendRaw(served.port, head, [bytesOf(body)]);
  };
  const answers: string[] = [];
  const gap = await maxGapMs(served, async () => {
    answers.push(...await Promise.all(Array.from({ length: 24 }, () => send("/orders", order))));
  });
  const grown = (await served.memory()).most - before.most;
  for (const answer of answers) {
    assert.match(answer, /^HTTP\/1\.1 422 [^]*"#\/items","detail":"must hold at most 1000 items"/);
  }
  const batch = await send("/orders/batch", `[${order}]`);
  assert.match(batch, /"status":422[^]*"#\/items","detail":"must hold at most 1000 items"/);
  assert.ok(gap < 1.5 * maxMs, `${gap} ms without an answer`);
  assert.ok(grown < maxBytes, `${grown / 1_048_576} MB more`);
});

Deno.test("chunks as small clients write them are taken", async () => {
  const text = `token=ann-secret&next=${"x".repeat(5_000)}`;
  const chunks = [...text].flatMap((character) => chunkOf(bytesOf(character)));
  const answer = await sendRaw(served.port, headOf("/sign-in", form), [...chunks, lastChunk]);
  assert.match(answer, /^HTTP\/1\.1 303 /, answer);
});

Deno.test("a head of long repetitive text is answered at once, on every path and in every header", async () => {
  const long = 60_000;
  const paths = ["/", "/@", "/%", "/%41", "/a/", "/.", "/..", "//", "/=", "/&", "/:", "/'", "/('"]
    .flatMap((
      piece,
    ) => [piece.repeat(long / piece.length), `${piece.repeat(long / piece.length)}a`]);
  paths.push(
    `/@${"a".repeat(long)}`,
    `/orders/${"1".repeat(long)}`,
    `/orders?${"a=b&".repeat(15_000)}`,
  );
  paths.push(`/orders?customer=${"@".repeat(long)}`, `/orders?cursor=${"=".repeat(long)}`);
  paths.push(`/sign-in?next=${"/".repeat(long)}`, `/sign-in?next=${"%2F".repeat(long / 3)}x`);
  const headers = ["a", " ", ",", ";", "=", "/", '"', "a=b; ", "text/html,", "Bearer ", "%"]
    .flatMap((piece) =>
      [
        "Authorization",
        "Cookie",
        "Origin",
        "Accept",
        "Content-Type",
        "X-Request-Id",
        "X-Forwarded-For",
        "Idempotency-Key",
      ]
        .map((name) =>
          `${name}: ${name === "Authorization" ? "Bearer " : ""}${
            piece.repeat(long / piece.length)
          }x`
        )
    );
  const requests = [
    ...paths.map((path) => `GET ${path} HTTP/1.1\r\nHost: localhost\r\n`),
    ...paths.map((path) => `GET ${path} HTTP/1.1\r\nHost: localhost\r\n${token}`),
    ...headers.flatMap((header) =>
      ["GET /orders", "POST /sign-in", "POST /imports", "GET /dashboard"].map((line) =>
        `${line} HTTP/1.1\r\nHost: localhost\r\n${header}\r\n`
      )
    ),
    `GET /orders HTTP/1.1\r\nHost: ${"a.".repeat(long / 2)}\r\n`,
  ];
  const slow: string[] = [];
  for (const request of requests) {
    const startedAt = await served.workedMs();
    const answer = await sendRaw(served.port, `${request}Connection: close\r\n\r\n`, []);
    const tookMs = await served.workedMs() - startedAt;
    assert.match(answer, /^HTTP\/1\.1 [2345]\d\d /, request.slice(0, 80));
    assert.doesNotMatch(answer, /^HTTP\/1\.1 500 /, request.slice(0, 80));
    if (tookMs > maxMs) slow.push(`${Math.round(tookMs)} ms: ${request.slice(0, 80)}`);
  }
  assert.deepEqual(slow, []);
});
