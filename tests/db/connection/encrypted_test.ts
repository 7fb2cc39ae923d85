import assert from "node:assert/strict";
import { openDatabase } from "../../../db/connection/database.ts";
import { migrate } from "../../../db/connection/migrate.ts";
import { readEncryption } from "../../../db/connection/server_facts.ts";
import { WorkflowError } from "../../../domain/errors.ts";
import { makeCertificates } from "../../certificates.ts";
import { ownDatabase } from "../../own_engines.ts";

/** How a connection with these parameters is encrypted, or the error of opening it. */
async function encryptionWith(
  url: string,
  host: string,
  parameters: Record<string, string>,
): Promise<unknown> {
  const changed = new URL(url);
  changed.hostname = host;
  for (const [name, value] of Object.entries(parameters)) changed.searchParams.set(name, value);
  try {
    const db = await openDatabase(changed.href, { connections: 1 });
    try {
      return await readEncryption(db);
    } finally {
      await db.close();
    }
  } catch (error) {
    assert.ok(error instanceof WorkflowError, String(error));
    return error;
  }
}

const isError = (result: unknown, code: string, message: RegExp) => {
  assert.ok(result instanceof WorkflowError, JSON.stringify(result));
  assert.equal(result.code, code);
  assert.match(result.message, message);
};

const isEncrypted = (result: unknown) => {
  assert.ok(!(result instanceof Error), String(result));
  const { protocol, cipher } = result as { protocol: string; cipher: string };
  assert.match(protocol, /^TLSv1\.[23]$/);
  assert.match(cipher, /^[A-Z0-9_-]+$/);
};

Deno.test("a database is reached as ssl-mode says, and only by whom its certificate was made for", async () => {
  await using certificates = await makeCertificates();
  const { ca, otherCa, server, client } = certificates;
  await using engine = await ownDatabase([
    `--ssl-ca=${ca}`,
    `--ssl-cert=${server.cert}`,
    `--ssl-key=${server.key}`,
  ]);
  const as = (host: string, parameters: Record<string, string>) =>
    encryptionWith(engine.url, host, parameters);
  const local = "localhost", address = "127.0.0.1";

  assert.equal(await as(address, {}), null);
  assert.equal(await as(address, { "ssl-mode": "disabled" }), null);
  isEncrypted(await as(address, { "ssl-mode": "required" }));
  isEncrypted(await as(address, { "ssl-mode": "verify-ca", "ssl-ca": ca }));
  isEncrypted(await as(local, { "ssl-mode": "verify-identity", "ssl-ca": ca }));
  isEncrypted(await as(local, { "ssl-ca": ca, "ssl-cert": client.cert, "ssl-key": client.key }));
  // Made for the name and not for the address, which must not be taken for the name.
  isError(
    await as(address, { "ssl-mode": "verify-identity", "ssl-ca": ca }),
    "unavailable",
    /made for another name/,
  );
  for (const mode of ["verify-ca", "verify-identity"]) {
    isError(
      await as(local, { "ssl-mode": mode, "ssl-ca": otherCa }),
      "unavailable",
      /certificate/,
    );
    // Nobody whom the runtime knows has signed it.
    isError(await as(local, { "ssl-mode": mode }), "unavailable", /certificate/);
  }
  isError(
    await as(local, { "ssl-ca": "/nowhere/ca.pem" }),
    "bad_settings",
    /^DATABASE_URL: ssl-ca \/nowhere\/ca\.pem cannot be read: there is no such file$/,
  );
  isError(await as(local, { "ssl-ca": engine.dir + "/password" }), "bad_settings", /no PEM file/);
  isError(await as(local, { ssl: "false" }), "bad_settings", /written ssl-mode=disabled/);

  const url = new URL(engine.url);
  url.hostname = local;
  url.searchParams.set("ssl-ca", ca);
  assert.ok((await migrate(url.href)).applied.length > 0, "migrations go the same way");

  // So is an account that is let in by TLS alone, though its database is not there before it migrates.
  await engine.administer(
    "create user 'newcomer'@'%' identified by 'pw' require ssl",
    "grant all on notyet.* to 'newcomer'@'%'",
  );
  const early = new URL(engine.url);
  Object.assign(early, { username: "newcomer", password: "pw", pathname: "/notyet" });
  await assert.rejects(migrate(early.href), /: the server takes encrypted connections alone;/);

  // A server that takes nothing in clear text says so, and is told with what to write.
  await engine.administer("set global require_secure_transport = 1");
  isError(
    await as(local, {}),
    "unavailable",
    /: the server takes encrypted connections alone; add \?ssl-mode=verify-identity to DATABASE_URL, and ssl-ca/,
  );
  isEncrypted(await as(local, { "ssl-ca": ca }));
});

Deno.test("a certificate that was made for another host is refused", async () => {
  await using certificates = await makeCertificates();
  const { ca, elsewhere } = certificates;
  await using engine = await ownDatabase([
    `--ssl-ca=${ca}`,
    `--ssl-cert=${elsewhere.cert}`,
    `--ssl-key=${elsewhere.key}`,
  ]);
  const as = (parameters: Record<string, string>) =>
    encryptionWith(engine.url, "localhost", parameters);
  isEncrypted(await as({ "ssl-mode": "required" }));
  isEncrypted(await as({ "ssl-mode": "verify-ca", "ssl-ca": ca }));
  const refused = await as({ "ssl-mode": "verify-identity", "ssl-ca": ca });
  isError(refused, "unavailable", /made for another name than .*db\.elsewhere\.example/);
});

Deno.test("a server that can't encrypt is refused where encryption is asked for", async () => {
  await using engine = await ownDatabase(
    Deno.env.get("TEST_ENGINE") === "mysql" ? ["--tls-version="] : ["--skip-ssl"],
  );
  for (const mode of ["required", "verify-ca", "verify-identity"]) {
    isError(
      await encryptionWith(engine.url, "localhost", { "ssl-mode": mode }),
      "unavailable",
      /secure connection|SSL/i,
    );
  }
  assert.equal(await encryptionWith(engine.url, "localhost", {}), null);
});

/** Whether this machine can be reached by its own address of IPv6. */
function hasIpv6(): boolean {
  try {
    Deno.listen({ hostname: "::1", port: 0 }).close();
    return true;
  } catch {
    return false;
  }
}

Deno.test({
  name: "a database is reached at an address of IPv6",
  ignore: !hasIpv6(),
  async fn() {
    await using engine = await ownDatabase(["--bind-address=127.0.0.1,::1"]);
    const url = engine.url.replace("127.0.0.1", "[::1]");
    const db = await openDatabase(url, { connections: 1 });
    try {
      assert.deepEqual(await db.query("select 1 as one"), [{ one: 1 }]);
    } finally {
      await db.close();
    }
  },
});
