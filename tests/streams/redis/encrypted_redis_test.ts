import assert from "node:assert/strict";
import { freePort } from "../../../tools/engines/free_port.ts";
import { WorkflowError } from "../../../domain/errors.ts";
import { encryptionOf, openBlockingRedis, openRedis } from "../../../streams/redis/redis.ts";
import { type Certificates, makeCertificates } from "../../certificates.ts";
import { ownRedis } from "../../own_engines.ts";

/** Ports that are tried for encrypted connections. */
const maxPorts = 5;

/** A Redis that takes encrypted connections on a port of its own. */
async function encryptedRedis(
  { ca }: Certificates,
  { cert, key }: { cert: string; key: string },
  extra: string[] = [],
  files: Record<string, string> = {},
) {
  const startOn = (port: number) =>
    ownRedis([
      `tls-port ${port}`,
      `tls-cert-file ${cert}`,
      `tls-key-file ${key}`,
      `tls-ca-cert-file ${ca}`,
      "tls-auth-clients optional",
      ...extra,
    ], files);
  let port = await freePort();
  let server: Awaited<ReturnType<typeof startOn>> | undefined;
  for (let tries = 1; server === undefined; tries++) {
    try {
      server = await startOn(port);
    } catch (error) {
      // Another process may have taken this port, or that of a cluster's bus, which stands 10,000 above it.
      if (tries === maxPorts || !/ is taken$/.test(String(error))) throw error;
      port = await freePort();
    }
  }
  const { password } = new URL(server.url);
  return {
    server,
    port,
    url: (host: string, query = "") => `rediss://:${password}@${host}:${port}${query}`,
    [Symbol.asyncDispose]: () => server[Symbol.asyncDispose](),
  };
}

async function pings(url: string): Promise<unknown> {
  try {
    const redis = await openRedis(url);
    try {
      await redis.set("k", "v");
      return encryptionOf(redis)?.protocol ?? null;
    } finally {
      redis.disconnect();
    }
  } catch (error) {
    assert.ok(error instanceof WorkflowError, String(error));
    return error;
  }
}

const isRefused = (result: unknown) => {
  assert.ok(result instanceof WorkflowError, String(result));
  assert.equal(result.code, "unavailable");
  assert.match(result.message, /certificate|altnames/i);
};

Deno.test("Redis is reached encrypted, and only by whom its certificate was made for", async () => {
  await using certificates = await makeCertificates();
  const { ca, otherCa, server, client } = certificates;
  await using redis = await encryptedRedis(certificates, server);
  const { url } = redis;
  assert.equal(await pings(redis.server.url), null);
  assert.match(String(await pings(url("localhost", `?ssl-ca=${ca}`))), /^TLS/);
  const own = `?ssl-ca=${ca}&ssl-cert=${client.cert}&ssl-key=${client.key}`;
  assert.match(String(await pings(url("localhost", own))), /^TLS/);
  assert.match(String(await pings(url("127.0.0.1", `?ssl-mode=verify-ca&ssl-ca=${ca}`))), /^TLS/);
  assert.match(String(await pings(url("127.0.0.1", "?ssl-mode=required"))), /^TLS/);
  isRefused(await pings(url("127.0.0.1", `?ssl-ca=${ca}`)));
  isRefused(await pings(url("localhost", `?ssl-ca=${otherCa}`)));
  isRefused(await pings(url("localhost", `?ssl-mode=verify-ca&ssl-ca=${otherCa}`)));
  isRefused(await pings(url("localhost")));
  const blocking = await openBlockingRedis(url("localhost", `?ssl-ca=${ca}`));
  assert.match(encryptionOf(blocking)!.cipher, /^TLS_|^ECDHE/);
  blocking.disconnect();
  const missing = await pings(url("localhost", "?ssl-ca=/nowhere.pem"));
  assert.match(String(missing), /REDIS_URL: ssl-ca \/nowhere\.pem cannot be read/);
});

Deno.test("a Redis whose certificate was made for another host is refused", async () => {
  await using certificates = await makeCertificates();
  const { ca, elsewhere } = certificates;
  await using redis = await encryptedRedis(certificates, elsewhere);
  isRefused(await pings(redis.url("localhost", `?ssl-ca=${ca}`)));
  assert.match(
    String(await pings(redis.url("localhost", `?ssl-mode=verify-ca&ssl-ca=${ca}`))),
    /^TLS/,
  );
});

/** What a node remembers that serves all slots. */
const wholeCluster = `${"a1".repeat(20)} 127.0.0.1:0@0 myself,master - 0 0 1 connected 0-16383\n` +
  "vars currentEpoch 1 lastVoteEpoch 0\n";

Deno.test("an encrypted cluster is reached by the names of its nodes", async () => {
  await using certificates = await makeCertificates();
  const { ca, otherCa, server } = certificates;
  await using redis = await encryptedRedis(certificates, server, [
    "cluster-enabled yes",
    "cluster-config-file nodes.conf",
    "tls-cluster yes",
    "cluster-announce-hostname localhost",
    "cluster-preferred-endpoint-type hostname",
  ], { "nodes.conf": wholeCluster });
  const nodes = (query: string) =>
    `${redis.url("localhost", query)},${redis.url("localhost", query)}`;
  assert.match(String(await pings(nodes(`?ssl-ca=${ca}`))), /^TLS/);
  const refused = await pings(nodes(`?ssl-ca=${otherCa}`));
  assert.ok(refused instanceof WorkflowError, String(refused));
});

Deno.test("Redis is reached by a Unix socket, and in a database of its own", async () => {
  const dir = await Deno.makeTempDir();
  const path = `${dir}/redis.sock`;
  await using server = await ownRedis([`unixsocket ${path}`]);
  const { password } = new URL(server.url);
  const withPassword = await openRedis(server.url);
  await withPassword.call("CONFIG", "SET", "requirepass", "");
  try {
    const redis = await openRedis(`unix://${path}?db=3`);
    await redis.set("where", "socket");
    redis.disconnect();
    await withPassword.call("SELECT", "3");
    assert.equal(await withPassword.get("where"), "socket");
  } finally {
    await withPassword.call("CONFIG", "SET", "requirepass", password);
    withPassword.disconnect();
    await Deno.remove(dir, { recursive: true });
  }
});

Deno.test("a Redis that lacks the database of the URL is refused, and database 0 is left alone", async () => {
  await using server = await ownRedis(["databases 2"]);
  const { port, url } = server;
  const { password } = new URL(url);
  const refused = await pings(`redis://:${password}@127.0.0.1:${port}/2`);
  assert.ok(refused instanceof WorkflowError, String(refused));
  assert.match(refused.message, /it has no database of this number/);
  await assert.rejects(
    openBlockingRedis(`redis://:${password}@127.0.0.1:${port}/2`),
    /it has no database of this number/,
  );
  const redis = await openRedis(`redis://:${password}@127.0.0.1:${port}/0`);
  try {
    assert.equal(await redis.dbsize(), 0);
  } finally {
    redis.disconnect();
  }
});
