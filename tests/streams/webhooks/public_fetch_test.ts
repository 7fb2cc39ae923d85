import assert from "node:assert/strict";
import { createServer } from "node:http";
import { type AddressInfo, createServer as createTcpServer, type Socket } from "node:net";
import { postWebhook } from "../../../streams/notifications/post_webhook.ts";
import { publicFetch } from "../../../streams/webhooks/public_fetch.ts";

/** A server on loopback, which nobody may be led to. */
async function withServer(work: (port: number, asked: () => number) => Promise<void>) {
  let asked = 0;
  const server = createServer((_, answer) => {
    asked++;
    answer.writeHead(204).end();
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  try {
    await work((server.address() as AddressInfo).port, () => asked);
  } finally {
    server.closeAllConnections();
    await new Promise((resolve) => server.close(resolve));
  }
}

const options = (url: string, ask: typeof fetch) => ({
  url,
  secrets: [`whsec_${btoa("s".repeat(32))}`],
  timeoutMs: 2_000,
  fetch: ask,
});
const webhook = { id: "evt_o1-order-paid", body: "{}" };

Deno.test("publicFetch() asks nobody on private addresses, by number or by name", async () => {
  await withServer(async (port, asked) => {
    for (const addresses of [["127.0.0.1"], ["93.184.216.34", "10.0.0.1"], ["::1"], []]) {
      const ask = publicFetch((_name, _options, found) =>
        found(
          null,
          addresses.map((address) => ({ address, family: address.includes(":") ? 6 : 4 })),
        )
      );
      const result = await postWebhook(options(`http://shop.example:${port}/`, ask.fetch), webhook);
      assert.match(result.error!, /private/);
      assert.equal(result.statusCode, null);
      ask.close();
    }
    const ask = publicFetch();
    for (const host of ["127.0.0.1", "[::1]", "0.0.0.0", "localhost"]) {
      const result = await postWebhook(options(`http://${host}:${port}/`, ask.fetch), webhook);
      assert.match(result.error!, /private/, host);
    }
    ask.close();
    assert.equal(asked(), 0);
  });
});

Deno.test("publicFetch() looks at the address that it connects to, once", async () => {
  const looked: string[] = [];
  const ask = publicFetch((name, _options, found) => {
    looked.push(name);
    // A name that leads somewhere else each time.
    const address = looked.length === 1 ? "127.0.0.1" : "93.184.216.34";
    found(null, [{ address, family: 4 }]);
  });
  const result = await postWebhook(options("http://rebinding.example/", ask.fetch), webhook);
  assert.match(result.error!, /private/);
  assert.deepEqual(looked, ["rebinding.example"]);
  ask.close();
});

Deno.test("publicFetch() passes on what a look-up fails with", async () => {
  const ask = publicFetch((_name, _options, found) => found(new Error("no such name"), []));
  const result = await postWebhook(options("https://gone.example/", ask.fetch), webhook);
  assert.match(result.error!, /no such name/);
  ask.close();
});

/** A receiver on this machine that answers with these bytes, over and over where it is said. */
async function answerTo(bytes: string, isEndless = false) {
  const sockets = new Set<Socket>();
  const server = createTcpServer((socket) => {
    sockets.add(socket);
    socket.on("error", () => {});
    const write = () => {
      do if (socket.destroyed) return; while (socket.write(bytes) && isEndless);
    };
    if (isEndless) socket.on("drain", write);
    socket.once("data", write);
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const ask = publicFetch(undefined, () => true);
  try {
    const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}/`;
    const begun = performance.now();
    const result = await postWebhook(options(url, ask.fetch), webhook);
    return { ...result, ms: performance.now() - begun };
  } finally {
    ask.close();
    for (const socket of sockets) socket.destroy();
    await new Promise((resolve) => server.close(resolve));
  }
}

Deno.test("publicFetch() outlives whatever a receiver answers", async () => {
  for (const status of [600, 999]) {
    const { error } = await answerTo(`HTTP/1.1 ${status} Odd\r\ncontent-length: 0\r\n\r\n`);
    assert.match(error!, new RegExp(`${status}, which is no status`));
  }
  const upgrade = "HTTP/1.1 101 Other\r\nupgrade: other\r\nconnection: upgrade\r\n\r\n";
  assert.match((await answerTo(upgrade)).error!, /another protocol/);
  const hints = await answerTo("HTTP/1.1 103 Early Hints\r\nlink: </a>\r\n\r\n".repeat(100), true);
  assert.match(hints.error!, /heads without end/);
  assert.ok(hints.ms < 1_500, `${hints.ms} ms`);
  const hint = "HTTP/1.1 103 Early Hints\r\nlink: </a>\r\n\r\n";
  const { error, statusCode } = await answerTo(
    `${hint}HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n`,
  );
  assert.deepEqual({ error, statusCode }, { error: null, statusCode: 200 });
});
