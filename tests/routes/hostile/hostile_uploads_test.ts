import assert from "node:assert/strict";
import { bun } from "../../../runtime/bun.ts";
import { csvOf, csvOrderFields, type CsvOrderRow } from "../../csv_orders.ts";
import { type Api, openApi } from "../api.ts";
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

/** Milliseconds that others may wait, whatever somebody sends. */
const maxMs = 250;

let api: Api;
let served: Served;
/** Packed before others are watched: whoever packs is the one who asks, too, and would find answers late that came in time. */
let blankLines: Uint8Array[], endlessRow: Uint8Array[];
Deno.test.beforeAll(async () => {
  blankLines = await Array.fromAsync(gzipped("\n".repeat(megabyte), 200));
  endlessRow = await Array.fromAsync(gzipped("x".repeat(megabyte), 500));
  api = await openApi("hostile_uploads");
  served = await startServed(api);
});
Deno.test.afterAll(async () => {
  await served.stop();
  await api.close();
});

const megabyte = 1_048_576;

function headOf(path: string, type: string): string {
  return `POST ${path} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\nContent-Type: ${type}\r\n` +
    "Transfer-Encoding: chunked\r\n\r\n";
}

const csvHead = headOf("/imports?dry_run=1", "text/csv");
const header = csvOf([]).trimEnd();

/** A text in chunks of 64 KiB. */
function* inChunks(text: string): Generator<Uint8Array> {
  const bytes = new TextEncoder().encode(text);
  for (let at = 0; at < bytes.length; at += 65_536) yield* chunkOf(bytes.subarray(at, at + 65_536));
  yield lastChunk;
}

async function* gzipped(piece: string, count: number): AsyncGenerator<Uint8Array> {
  const bytes = new TextEncoder().encode(piece);
  let left = count;
  const source = new ReadableStream<Uint8Array<ArrayBuffer>>({
    pull(controller) {
      if (left-- > 0) controller.enqueue(bytes);
      else controller.close();
    },
  });
  for await (const packed of source.pipeThrough(new CompressionStream("gzip"))) {
    yield* chunkOf(packed);
  }
  yield lastChunk;
}

/**
 * Bun's server hands chunks on joined, as many as have come by then: what comes byte by byte is as cheap as the rest, and
 * judged by what it says, unless too many came apart all the same.
 */
const statusOfBytes = bun === undefined ? 413 : "(?:400|413)";

type Upload = [what: string, status: number | string, send: () => Promise<string>];

const row = (id: number, more: CsvOrderRow = {}) =>
  csvOrderFields({ external_order_id: `O-${id}`, ...more }).join(",");

const uploads: Upload[] = [
  ["a gzip of 200 MB of blank lines", 422, () =>
    sendRaw(
      served.port,
      headOf("/imports?dry_run=1", "application/gzip"),
      blankLines,
    )],
  ["a row of 1 MB that goes on byte by byte", 422, () =>
    sendRaw(served.port, csvHead, [
      ...chunkOf(bytesOf(`${header}\n${"x".repeat(megabyte - 50_000)}`)),
      oneByteChunks(40_000),
      lastChunk,
    ])],
  ["a quote of 1 MB of quotes that goes on byte by byte", 422, () =>
    sendRaw(served.port, csvHead, [
      ...chunkOf(bytesOf(`${header}\n"${'""'.repeat(megabyte / 2 - 30_000)}`)),
      oneByteChunks(40_000, '"'),
      lastChunk,
    ])],
  [
    "a quote that is never closed",
    422,
    () => sendRaw(served.port, csvHead, inChunks(`${header}\n"${"x\n".repeat(10 * megabyte)}`)),
  ],
  ["a gzip of one endless row", 422, () =>
    sendRaw(
      served.port,
      headOf("/imports?dry_run=1", "application/gzip"),
      endlessRow,
    )],
  [
    "half a million columns",
    422,
    () =>
      sendRaw(
        served.port,
        csvHead,
        inChunks(`${header}${",x".repeat(500_000)}\n${",".repeat(megabyte)}\n`),
      ),
  ],
  ["bad rows of 16,000 columns each", 202, () =>
    sendRaw(
      served.port,
      csvHead,
      inChunks(
        `${header}${",x".repeat(16_000)}\n${`${row(1)}${",".repeat(16_000)}\n`.repeat(1_000)}`,
      ),
    )],
  ["an order of rows of 200 kB each", 202, () =>
    sendRaw(
      served.port,
      csvHead,
      inChunks(`${header},more\n${`${row(1)},"${'""'.repeat(100_000)}"\n`.repeat(150)}`),
    )],
  [
    "one order of 100,000 rows",
    202,
    () => sendRaw(served.port, csvHead, inChunks(`${header}\n${`${row(1)}\n`.repeat(100_000)}`)),
  ],
  ["200,000 bad rows", 202, () =>
    sendRaw(
      served.port,
      csvHead,
      inChunks(`${header}\n${
        Array.from({ length: 200_000 }, (_, n) => `${row(n, { qty: "x" })}\n`).join("")
      }`),
    )],
  ["300,000 rows of scattered orders", 202, () =>
    sendRaw(
      served.port,
      csvHead,
      inChunks(
        `${header}\n${Array.from({ length: 300_000 }, (_, n) => `${row(n % 100_000)}\n`).join("")}`,
      ),
    )],
  [
    "a form that nearly ends again and again, byte by byte",
    statusOfBytes,
    () =>
      sendRaw(served.port, headOf("/imports?dry_run=1", "multipart/form-data; boundary=boundary"), [
        ...chunkOf(
          bytesOf(
            '--boundary\r\nContent-Disposition: form-data; name="file"; filename="a"\r\n\r\n',
          ),
        ),
        bytesOf(
          `1\r\n\r\r\n1\r\n\n\r\n1\r\n-\r\n1\r\n-\r\n1\r\nb\r\n1\r\no\r\n1\r\nu\r\n`.repeat(20_000),
        ),
        lastChunk,
      ]),
  ],
  [
    "an order of a megabyte of brackets",
    400,
    () =>
      sendRaw(
        served.port,
        headOf("/orders", "application/json"),
        inChunks("[".repeat(megabyte - 1)),
      ),
  ],
  [
    "a form of a megabyte of empty fields",
    413,
    () =>
      sendRaw(
        served.port,
        headOf("/sign-in", "application/x-www-form-urlencoded"),
        inChunks("&".repeat(megabyte - 1)),
      ),
  ],
  [
    "a form of a megabyte of percent signs",
    413,
    () =>
      sendRaw(
        served.port,
        headOf("/sign-in", "application/x-www-form-urlencoded"),
        inChunks("%".repeat(megabyte - 1)),
      ),
  ],
  ["a form of a megabyte of boundaries", 413, () =>
    sendRaw(
      served.port,
      headOf("/sign-in", "multipart/form-data; boundary=b"),
      inChunks("\r\n--b".repeat(200_000)),
    )],
];

for (const [what, status, send] of uploads) {
  Deno.test(`others are answered at once while somebody sends ${what}`, async () => {
    const gaps: number[] = [];
    // Other programs share the machine: one quiet moment of six is enough to show what the server does.
    for (let tries = 0; tries < 6; tries++) {
      let answer = "";
      gaps.push(
        await maxGapMs(served, async () => {
          answer = await send();
          const id = /"id":(\d+)/.exec(answer)?.[1];
          if (answer.startsWith("HTTP/1.1 202") && id !== undefined) await untilDone(Number(id));
        }),
      );
      assert.match(answer, new RegExp(`^HTTP/1.1 ${status} `), answer);
      if (gaps.at(-1)! <= maxMs) return;
    }
    assert.fail(`others waited ${gaps.map(Math.round).join(", ")} ms`);
  });
}

Deno.test("who is refused before a body was read can read why, though the body was still on its way", async () => {
  const body = new Uint8Array(4 * megabyte);
  for (
    const [line, type] of [
      ["POST /nowhere", "application/json"],
      ["POST /livez", "application/json"],
      ["POST /orders", "application/json"],
      ["POST /imports", "application/pdf"],
      ["POST /sign-in", "application/x-www-form-urlencoded"],
    ] as const
  ) {
    const head =
      `${line} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\nContent-Type: ${type}\r\n` +
      `Content-Length: ${body.length}\r\n\r\n`;
    for (let tries = 0; tries < 6; tries++) {
      const answer = await sendRaw(served.port, head, [body]);
      assert.match(answer, /^HTTP\/1\.1 4\d\d /, `${line}: ${answer}`);
    }
  }
});

async function untilDone(id: number): Promise<void> {
  for (let looks = 0; looks < 1_200; looks++) {
    const response = await fetch(`${served.url}/imports/${id}`);
    const { status, error } = await response.json();
    if (status === "DONE") return;
    assert.equal(status, "RUNNING", error);
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
  assert.fail("the import does not end");
}
