import assert from "node:assert/strict";
import { freePort } from "../../tools/engines/free_port.ts";
import { migrate } from "../../db/connection/migrate.ts";
import { Redis } from "ioredis";
import { judgeEncryption, judgeRefusedChange } from "../../domain/operation/diagnosis.ts";
import { makeCertificates } from "../certificates.ts";
import { formatFindings } from "../../commands/doctor.ts";
import { judgeMemory } from "../../commands/surroundings.ts";
import { warning } from "../../domain/operation/diagnosis.ts";
import { bun } from "../../runtime/bun.ts";
import { publish } from "../../streams/workflow/publish.ts";
import { type OwnDatabase, ownDatabase, ownRedis } from "../own_engines.ts";
import { receiveMails } from "../receivers.ts";
import { openWorkflow } from "../workflow.ts";
import { envOf } from "./run_command.ts";
import { typedTask } from "../typed_task.ts";

const root = new URL("../../", import.meta.url);

/** The task as it is typed, with the permissions that it has. */
async function doctor(
  env: Record<string, string>,
  before = "",
): Promise<{ code: number; out: string }> {
  const { code, stdout, stderr } = await new Deno.Command("sh", {
    args: ["-c", `${before}exec "$0" "$@"`, Deno.execPath(), ...typedTask("doctor")],
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
  const engines = { DATABASE_URL: database.url, REDIS_URL: redis.url };
  const replica = await doctor({ ...engines, READ_DATABASE_URL: database.url });
  assert.match(replica.out, /^ok +read replica encryption +in clear text, and only within this/m);
  assert.match(replica.out, /^warning +read replica +is the same server as DATABASE_URL/m);
  const wrong = new URL(database.url);
  wrong.password = "wrong";
  const refused = await doctor({ ...engines, READ_DATABASE_URL: wrong.href });
  assert.equal(refused.code, 1, refused.out);
  assert.match(refused.out, /^problem +read replica .*wrong password/m);
  assert.match(refused.out, /→ correct user and password in READ_DATABASE_URL/);
  const lost = await doctor({
    ...engines,
    DATABASE_URL: wrong.href,
    READ_DATABASE_URL: database.url,
  });
  assert.doesNotMatch(lost.out, /^problem +read replica/m, "that is the database's own fault");
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

Deno.test("doctor says why a Redis that answers takes no changes, and what mends it", async () => {
  await using database = await ownDatabase();
  await using redis = await ownRedis();
  await migrate(database.url);
  const client = new Redis(redis.url);
  const cases: [name: string, value: string, before: string, told: RegExp, remedy: RegExp][] = [
    ["min-replicas-to-write", "1", "0", /fewer replicas follow/, /lower min-replicas-to-write/],
    ["maxmemory", "1mb", "0", /its memory is full/, /raise maxmemory/],
  ];
  try {
    for (const [name, value, before, told, remedy] of cases) {
      await client.config("SET", name, value);
      const { code, out } = await doctor({ DATABASE_URL: database.url, REDIS_URL: redis.url });
      await client.config("SET", name, before);
      assert.equal(code, 1, out);
      const [line = ""] = /^problem +redis writing .*$/m.exec(out) ?? [];
      assert.match(line, told, out);
      assert.match(out, remedy);
      assert.doesNotMatch(out, /use a server that has these commands/);
    }
  } finally {
    client.disconnect();
  }
  assert.equal(judgeRefusedChange("MISCONF Redis is configured to save")?.level, "problem");
  assert.equal(judgeRefusedChange("NOPERM this user has no permissions"), undefined);
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

Deno.test("doctor says what the database's user may not do, and the statement that mends it", async () => {
  await using database = await ownDatabase();
  await using redis = await ownRedis();
  await migrate(database.url);
  await database.administer(
    "create user 'few'@'127.0.0.1' identified by 'pw'",
    "grant select, insert on orders.* to 'few'@'127.0.0.1'",
  );
  const few = new URL(database.url);
  [few.username, few.password] = ["few", "pw"];
  const look = () => doctor({ DATABASE_URL: few.href, REDIS_URL: redis.url });
  const { code, out } = await look();
  assert.equal(code, 1, out);
  assert.match(
    out,
    /^problem +database grants +'few'@'127\.0\.0\.1' may not UPDATE, DELETE in orders$/m,
  );
  const statement = /GRANT ALL PRIVILEGES ON `orders`\.\* TO 'few'@'127\.0\.0\.1'$/m.exec(out);
  await database.administer(statement![0]);
  const mended = await look();
  assert.equal(mended.code, 0, mended.out);
  assert.match(mended.out, /^ok +database grants +'few'@'127\.0\.0\.1' may do everything/m);
  few.password = "wrong";
  const refused = await look();
  assert.match(refused.out, /^problem +database +Cannot reach .*: wrong password for user "few"/m);
  assert.match(refused.out, /^ +→ correct user and password in DATABASE_URL/m);
});

Deno.test("doctor looks for the provider, the mail server, open files, and who works", async () => {
  const flow = await openWorkflow("doctor_surroundings");
  const mail = await receiveMails();
  const provider = Deno.serve(
    { hostname: "127.0.0.1", port: 0, onListen: () => {} },
    () => new Response("", { status: 404 }),
  );
  try {
    const message = { type: "order.reserve", orderId: 1, amountCents: 1, currency: "EUR" } as const;
    await publish(flow, [{ message }]);
    const env = {
      ...envOf(flow),
      GATEWAY: "http",
      GATEWAY_URL: `http://127.0.0.1:${provider.addr.port}/v1`,
      GATEWAY_SECRETS: `whsec_${btoa("x".repeat(24))}`,
      NOTIFY_CHANNELS: "email",
      NOTIFY_FROM: "shop@example.com",
      SMTP_URL: mail.url,
      NOTIFY_TIMEOUT_MS: "2000",
    };
    const good = await doctor(env);
    assert.match(good.out, /^ok +payment provider +http, asked at http:\S+, which answers$/m);
    assert.match(good.out, /^ok +mail server +smtp:\S+ answers and lets us in$/m);
    assert.match(good.out, /^ok +open files +1,024 more can be open at once$/m);
    assert.match(
      good.out,
      /^warning +consumers +nobody works on orders\n +→ run (deno task|bun run) start$/m,
    );
    const away = await doctor({
      ...env,
      GATEWAY_URL: `http://127.0.0.1:${await freePort()}`,
      SMTP_URL: `smtp://127.0.0.1:${await freePort()}`,
    });
    assert.equal(away.code, 1);
    assert.match(away.out, /^problem +payment provider +http:\S+ cannot be reached: /m);
    assert.match(
      away.out,
      /^problem +mail server +smtp:\S+ takes no e-mails from here: .*ECONNREFUSED/m,
    );
    const source = bun === undefined
      ? "a process may plan with [\\d,]+ MB, (half of this machine's|the limit of this container or unit)"
      : "Bun collects garbage as in 256 MB; MEMORY_MB is Deno's";
    assert.match(good.out, new RegExp(`^ok +memory +${source}$`, "m"));
    const few = await doctor({ ...env, MEMORY_MB: "1300" }, "ulimit -n 200; ");
    assert.match(few.out, /^warning +open files +only \d+ more can be open at once/m);
    if (bun === undefined) {
      assert.match(few.out, /^ok +memory +a process may plan with 1,300 MB, by MEMORY_MB$/m);
    }
  } finally {
    await provider.shutdown();
    await mail.close();
    await flow.close();
  }
});

Deno.test("judgeMemory() warns where nothing tells how much there is, and says so where no task was typed", () => {
  if (bun !== undefined) return;
  assert.match(judgeMemory("256,limit").detail, /256 MB, the limit of this container or unit$/);
  assert.deepEqual(judgeMemory("0,nothing"), {
    level: "warning",
    what: "memory",
    detail: "nothing tells how much there is, so start and serve are held to the least",
    remedy: "set MEMORY_MB to what one process may have",
  });
  assert.equal(judgeMemory("much,thought").level, "warning");
  assert.match(judgeMemory(undefined).detail, /^only tasks look for it/);
});

Deno.test("formatFindings() stays within the terminal, and loses no word", () => {
  const words = "one two three four five six seven eight nine ten eleven twelve ".repeat(4).trim();
  const findings = [warning("database character set", words, words)];
  const text = formatFindings(findings, 80);
  for (const line of text.split("\n")) assert.ok(line.length <= 80, line);
  const found = text.replaceAll(/\s+/g, " ");
  assert.equal(found, `warning database character set ${words} → ${words} 0 problems, 1 warning`);
});
