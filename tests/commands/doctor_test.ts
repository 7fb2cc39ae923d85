import assert from "node:assert/strict";
import { freePort } from "../../tools/engines/free_port.ts";
import { migrate } from "../../db/connection/migrate.ts";
import { judgeEncryption } from "../../domain/operation/diagnosis.ts";
import { makeCertificates } from "../certificates.ts";
import { type OwnDatabase, ownDatabase, ownRedis } from "../own_engines.ts";

const root = new URL("../../", import.meta.url);

/** The task as it is typed, with the permissions that it has. */
async function doctor(env: Record<string, string>): Promise<{ code: number; out: string }> {
  const { code, stdout, stderr } = await new Deno.Command(Deno.execPath(), {
    args: ["task", "--quiet", "doctor"],
    cwd: root,
    env: { LOG_LEVEL: "error", REDIS_PREFIX: "", ...env },
    stdout: "piped",
    stderr: "piped",
  }).output();
  const text = (bytes: Uint8Array) => new TextDecoder().decode(bytes);
  return { code, out: text(stdout) + text(stderr) };
}

const readOnly = (server: OwnDatabase, on: 0 | 1) =>
  server.administer(
    `set global ${server.engine === "mysql" ? "super_read_only" : "read_only"} = ${on}`,
  );

Deno.test("doctor says how each engine is reached, and whether it takes changes", async () => {
  await using certificates = await makeCertificates();
  const { ca, server } = certificates;
  const tlsPort = await freePort();
  await using database = await ownDatabase([
    `--ssl-ca=${ca}`,
    `--ssl-cert=${server.cert}`,
    `--ssl-key=${server.key}`,
  ]);
  await using redis = await ownRedis([
    `tls-port ${tlsPort}`,
    `tls-cert-file ${server.cert}`,
    `tls-key-file ${server.key}`,
    `tls-ca-cert-file ${ca}`,
    "tls-auth-clients no",
  ]);
  await migrate(database.url);
  const { password } = new URL(redis.url);
  const clear = await doctor({ DATABASE_URL: database.url, REDIS_URL: redis.url });
  assert.equal(clear.code, 0, clear.out);
  for (const engine of ["database", "redis"]) {
    const line = new RegExp(`^ok +${engine} encryption +in clear text, and only within this`, "m");
    assert.match(clear.out, line);
    assert.match(clear.out, new RegExp(`^ok +${engine} writing +it takes changes$`, "m"));
  }

  const encrypted = new URL(database.url);
  encrypted.hostname = "localhost";
  encrypted.searchParams.set("ssl-ca", ca);
  await readOnly(database, 1);
  const env = {
    DATABASE_URL: encrypted.href,
    REDIS_URL: `rediss://:${password}@127.0.0.1:${tlsPort}?ssl-mode=verify-ca&ssl-ca=${ca}`,
  };
  const { code, out } = await doctor(env);
  assert.equal(code, 1, out);
  assert.match(
    out,
    /^ok +database encryption +TLSv1\.[23], [A-Z0-9_-]+; the certificate is one for localhost$/m,
  );
  assert.match(out, /^ok +redis encryption +TLSv1\.[23], [\w-]+; the certificate is signed, for/m);
  assert.match(out, /^problem +database writing +the server is read-only/m);
  await readOnly(database, 0);

  const unreadable = await doctor({ ...env, REDIS_URL: `rediss://h?ssl-ca=/usr/share/ca.pem` });
  assert.equal(unreadable.code, 1);
  assert.match(
    unreadable.out,
    /ssl-ca \/usr\/share\/ca\.pem cannot be read: the task may not read/,
  );
  const unknown = await doctor({ ...env, REDIS_URL: "redis://h?tls=true" });
  assert.match(
    unknown.out,
    /^problem +settings +REDIS_URL has the parameter tls, which is written/m,
  );
});

Deno.test("judgeEncryption() warns of what others may read, and of whom nobody vouches for", () => {
  const seen = { protocol: "TLSv1.3", cipher: "TLS_AES_256_GCM_SHA384" };
  const far = { host: "db.example", isSocket: false, mode: null, seen: null };
  const judge = (way: Parameters<typeof judgeEncryption>[1], isLocal = false) =>
    judgeEncryption("database", way, isLocal, "mend it");
  assert.equal(judge(far).level, "warning");
  assert.match(judge(far).detail, /db\.example in clear text/);
  assert.equal(judge(far, true).level, "ok");
  assert.equal(judge({ ...far, isSocket: true }).level, "ok");
  assert.equal(
    judge({ ...far, mode: "required" }).level,
    "problem",
    "it is not as it was asked for",
  );
  assert.equal(judge({ ...far, mode: "required", seen }).level, "warning");
  assert.equal(judge({ ...far, mode: "verify-ca", seen }).level, "warning");
  assert.deepEqual(judge({ ...far, mode: "verify-identity", seen }), {
    level: "ok",
    what: "database encryption",
    detail: "TLSv1.3, TLS_AES_256_GCM_SHA384; the certificate is one for db.example",
    remedy: "",
  });
});
