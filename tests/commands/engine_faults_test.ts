import assert from "node:assert/strict";
import { once } from "node:events";
import { type AddressInfo, createServer, type Socket } from "node:net";
import { Redis } from "ioredis";
import { openDatabase } from "../../db/connection/database.ts";
import { migrate } from "../../db/connection/migrate.ts";
import { freePort } from "../../tools/engines/free_port.ts";
import { csvOf } from "../csv_orders.ts";
import { makeCertificates } from "../certificates.ts";
import { type OwnDatabase, ownDatabase, ownRedis } from "../own_engines.ts";
import { type Ran, run } from "./run_command.ts";

/** A URL with some of its parts changed. */
function changed(url: string, change: (url: URL) => void): string {
  const parsed = new URL(url);
  change(parsed);
  return parsed.href;
}

/** The one line that a command says, without its name; its colours are not looked at, nor what a driver adds. */
function saying({ err }: Ran, command: string): string {
  const line = err.split("\n").find((line) => line.startsWith(`${command}: `));
  return (line ?? err).slice(command.length + 2);
}

const as = (server: OwnDatabase, user: string, password = "pw", name = "orders") =>
  changed(server.url, (url) => {
    url.username = user;
    url.password = password;
    url.pathname = `/${name}`;
  });

Deno.test("what a database refuses is told as what it is, with what to type", async () => {
  await using certificates = await makeCertificates();
  const { ca, otherCa, server } = certificates;
  const files = [`--ssl-ca=${ca}`, `--ssl-cert=${server.cert}`, `--ssl-key=${server.key}`];
  await using database = await ownDatabase(files);
  const isMysql = database.engine === "mysql";
  await using bare = await ownDatabase([isMysql ? "--tls-version=" : "--skip-ssl"]);
  await using redis = await ownRedis();
  await migrate(database.url);
  await database.administer(
    "create user 'few'@'127.0.0.1' identified by 'pw'",
    "grant select on orders.* to 'few'@'127.0.0.1'",
    "create user 'none'@'127.0.0.1' identified by 'pw'",
    "create user 'locked'@'%' identified by 'pw' account lock",
    "insert into orders.products (sku, name, price_cents, stock_qty, received_qty) values ('a', 'A', 1, 0, 0)",
  );
  const says = async (url: string, ...command: string[]) => {
    const env = { DATABASE_URL: url, REDIS_URL: redis.url, LOG_LEVEL: "error", USER: "ann" };
    const ran = await run(env, ...command);
    assert.equal(ran.code, 1, ran.out + ran.err);
    assert.equal(ran.err.split("\n").length, 1, ran.err);
    return saying(ran, command[0]!);
  };
  const way = (search: string, from = database) =>
    changed(from.url, (url) => {
      url.hostname = "localhost";
      url.search = search;
    });

  assert.match(
    await says(as(database, "orders", "no"), "kpis"),
    /: wrong password for user "orders", or no such user from this machine; .*ALTER USER 'orders'@'%' IDENTIFIED BY 'PASSWORD'$/,
  );
  assert.match(
    await says(as(database, "orders", ""), "kpis"),
    /: user "orders" came without a password; write mysql:\/\/USER:PASSWORD@… in DATABASE_URL$/,
  );
  assert.match(
    await says(as(database, "locked"), "kpis"),
    /: the account of user "locked" is locked; .*: ALTER USER 'locked'@'%' ACCOUNT UNLOCK$/,
  );
  assert.match(
    await says(as(database, "orders", new URL(database.url).password, "orders_not"), "kpis"),
    /: there is no database "orders_not"; .*the command migrate.*CREATE DATABASE `orders_not` CHARACTER SET utf8mb4$/,
  );
  assert.match(
    await says(as(database, "none"), "kpis"),
    /: user "none" has no rights in the database "orders", or there is none; correct the name .*: GRANT ALL PRIVILEGES ON `orders`\.\* TO 'none'@'127\.0\.0\.1'$/,
  );
  assert.match(
    await says(as(database, "few"), "stock", "a", "--set=5"),
    /^user "few" has not the right [\w, ]+ on \w+; .*: GRANT ALL PRIVILEGES ON `orders`\.\* TO 'few'@'127\.0\.0\.1'$/,
  );
  await database.administer("delete from orders.schema_migrations where version = 1");
  assert.match(
    await says(as(database, "few"), "migrate"),
    /^Cannot migrate: 'few'@'127\.0\.0\.1' may not CREATE, ALTER, INDEX, REFERENCES in orders, .*: GRANT ALL PRIVILEGES ON `orders`\.\* TO 'few'@'127\.0\.0\.1'$/,
  );
  assert.match(
    await says(way("?ssl-mode=required", bare), "kpis"),
    /: the server offers no TLS, which ssl-mode=required asks for; .*ssl-mode=disabled in DATABASE_URL/,
  );
  assert.match(
    await says(way(`?ssl-ca=${otherCa}`), "kpis"),
    /: its certificate is not signed by the authority in \S+other\.pem; name the file .* in DATABASE_URL: ssl-ca=/,
  );
  assert.match(
    await says(way("?ssl-mode=verify-ca"), "kpis"),
    /: its certificate is signed by no authority that this machine knows; name the file/,
  );
  assert.match(
    await says(changed(database.url, (url) => url.search = `?ssl-ca=${ca}`), "kpis"),
    /: its certificate is made for another name than 127\.0\.0\.1; write the host in DATABASE_URL/,
  );
  const nobody = await freePort();
  assert.match(
    await says(changed(database.url, (url) => url.port = String(nobody)), "kpis"),
    /: nobody listens on 127\.0\.0\.1:\d+; start the server, or correct host and port in DATABASE_URL$/,
  );
  assert.match(
    await says(changed(database.url, (url) => url.hostname = "nowhere.invalid"), "kpis"),
    /: there is no host "nowhere\.invalid"; correct the host in DATABASE_URL$/,
  );
});

Deno.test("what Redis refuses is told as what it is, with what to type", async () => {
  await using certificates = await makeCertificates();
  const { ca, otherCa, server } = certificates;
  const tlsPort = await freePort();
  await using database = await ownDatabase();
  await using redis = await ownRedis([
    `tls-port ${tlsPort}`,
    `tls-cert-file ${server.cert}`,
    `tls-key-file ${server.key}`,
    `tls-ca-cert-file ${ca}`,
    "tls-auth-clients no",
    "user few on >secret ~* +@all -xadd -evalsha -eval",
    "user other on >secret ~other* +@all",
    // What the remedy says has to suffice.
    "user enough on >secret ~* +@all -@admin -@dangerous +info",
  ]);
  await migrate(database.url);
  const { password } = new URL(redis.url);
  const type = (url: string, ...command: string[]) =>
    run(
      {
        DATABASE_URL: database.url,
        REDIS_URL: url,
        LOG_LEVEL: "error",
        GATEWAY_DELAY_MS: "0",
        REDIS_PREFIX: "shop:",
      },
      ...command,
    );
  const says = async (url: string, ...command: string[]) => {
    const ran = await type(url, ...command);
    assert.equal(ran.code, 1, ran.out + ran.err);
    return saying(ran, command[0]!);
  };
  const asUser = (user: string, secret: string) =>
    changed(redis.url, (url) => {
      url.username = user;
      url.password = secret;
    });

  const shared = changed(redis.url, (url) => url.pathname = "/1");
  const other = new Redis(shared);
  await other.lpush("shop:orders", "a job of somebody else");
  assert.match(
    await says(shared, "consume", "--drain"),
    /^a key of another application has a name that is used here .*; set REDIS_PREFIX to one of its own/,
  );
  await other.del("shop:orders");
  other.disconnect();

  assert.match(
    await says(asUser("", "no"), "kpis"),
    /: wrong password for user "default", or no such user.*: ACL SETUSER default on >PASSWORD$/,
  );
  assert.match(
    await says(asUser("", ""), "kpis"),
    /: it asks for a password, and REDIS_URL has none; write redis:\/\/:PASSWORD@host:port/,
  );
  for (
    const [user, what] of [["few", "run (EVALSHA|EVAL)"], ["other", "use these keys"]] as const
  ) {
    assert.match(
      await says(asUser(user, "secret"), "consume", "--drain"),
      new RegExp(
        `^its user may not ${what} \\(NOPERM\\); type in redis-cli: ` +
          `ACL SETUSER ${user} ~shop:\\* \\+@all -@admin -@dangerous \\+info$`,
      ),
    );
  }
  const enough = await type(asUser("enough", "secret"), "consume", "--drain");
  assert.equal(enough.code, 0, enough.err);
  assert.match(
    await says(changed(redis.url, (url) => url.port = String(tlsPort)), "kpis"),
    /hangs up at once, as a port does that speaks TLS alone; write rediss:\/\/ in REDIS_URL/,
  );
  assert.match(
    await says(`rediss://:${password}@localhost:${tlsPort}?ssl-ca=${otherCa}`, "kpis"),
    /: its certificate is not signed by the authority in \S+other\.pem; .* in REDIS_URL: ssl-ca=/,
  );
  assert.match(
    await says(`rediss://:${password}@127.0.0.1:${tlsPort}?ssl-ca=${ca}`, "kpis"),
    /: its certificate is made for another name than 127\.0\.0\.1; write the host in REDIS_URL/,
  );
  assert.match(
    await says(redis.url.replace("redis:", "rediss:"), "kpis"),
    /does not answer in TLS; write the port that tls-port names there, or redis:\/\//,
  );
  assert.match(
    await says(changed(redis.url, (url) => url.pathname = "/99"), "kpis"),
    /: it has no database of this number; name another one in REDIS_URL$/,
  );
  assert.match(
    await says(`redis://127.0.0.1:${await freePort()}`, "kpis"),
    /: nobody listens on 127\.0\.0\.1:\d+; start the server, or correct host and port in REDIS_URL$/,
  );
  await using silent = await silentServer();
  // Both wait until the driver gives up.
  const said = await Promise.all(
    ["redis", "rediss"].map((scheme) => says(`${scheme}://127.0.0.1:${silent.port}`, "kpis")),
  );
  for (const one of said) {
    assert.match(
      one,
      /: whoever is on 127\.0\.0\.1:\d+ takes the connection and does not answer; look whether it hangs/,
    );
  }
});

/** A server that has come to a standstill: connections are taken, and nothing is said. */
async function silentServer(): Promise<{ port: number } & AsyncDisposable> {
  const server = createServer();
  const sockets: Socket[] = [];
  server.on("connection", (socket) => sockets.push(socket.on("error", () => {})));
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  return {
    port: (server.address() as AddressInfo).port,
    [Symbol.asyncDispose]: async () => {
      for (const socket of sockets) socket.destroy();
      server.close();
      await once(server, "close");
    },
  };
}

/** A server that is neither engine; `port` is where it is. */
function webServer(): { port: number; [Symbol.asyncDispose](): Promise<void> } {
  const options = { hostname: "127.0.0.1", port: 0, onListen: () => {} };
  const server = Deno.serve(options, () => new Response("hello"));
  return { port: server.addr.port, [Symbol.asyncDispose]: () => server.shutdown() };
}

Deno.test("every command says of each fault of an engine what it is, and types out the way out", async () => {
  await using certificates = await makeCertificates();
  const { ca, otherCa, server } = certificates;
  await using database = await ownDatabase([
    `--ssl-ca=${ca}`,
    `--ssl-cert=${server.cert}`,
    `--ssl-key=${server.key}`,
  ]);
  const noTls = database.engine === "mysql" ? "--tls-version=" : "--skip-ssl";
  await using bare = await ownDatabase([noTls]);
  await using redis = await ownRedis(["user few on >pw ~* +@all -xadd -evalsha -eval"]);
  await using web = webServer();
  await migrate(database.url);
  await database.administer(
    "create user 'few'@'127.0.0.1' identified by 'pw'",
    "grant select on orders.* to 'few'@'127.0.0.1'",
    "create user 'part'@'%' identified by 'pw'",
    "grant select on orders.* to 'part'@'%'",
    "grant insert, update, delete on orders.orders to 'part'@'%'",
    "create user 'none'@'%' identified by 'pw'",
    "create user 'works'@'%' identified by 'pw'",
    "grant select, insert, update, delete on orders.* to 'works'@'%'",
  );
  const at = (port: number) => (url: URL) => url.port = String(port);
  const byRedis = (change: (url: URL) => void) =>
    [database.url, changed(redis.url, change)] as const;
  const byDatabase = (change: (url: URL) => void, from = database) =>
    [changed(from.url, change), redis.url] as const;
  const grantTo = (who: string) =>
    new RegExp(`GRANT ALL PRIVILEGES ON \`orders\`\\.\\* TO '${who}'$`);
  const faults: [readonly [string, string], RegExp][] = [
    [[as(database, "few"), redis.url], grantTo("few'@'127\\.0\\.0\\.1")],
    [[as(database, "part"), redis.url], grantTo("part'@'%")],
    [[as(database, "none"), redis.url], grantTo("none'@'%")],
    [byDatabase((url) => url.password = "no"), /wrong password for user "orders"/],
    [byDatabase((url) => url.search = "?ssl-mode=required", bare), /the server offers no TLS/],
    [
      byDatabase((url) => [url.hostname, url.search] = ["localhost", `?ssl-ca=${otherCa}`]),
      /not signed by the authority in/,
    ],
    [byRedis((url) => url.password = "no"), /wrong password for user "default"/],
    [
      byRedis((url) => [url.username, url.password] = ["few", "pw"]),
      /NOPERM.*type in redis-cli: ACL SETUSER few ~\* \+@all -@admin/,
    ],
    [byRedis(at(web.port)), /a web server listens on 127\.0\.0\.1:\d+, and no Redis; correct host/],
    [
      byRedis(at(database.port)),
      /a MySQL or MariaDB listens on \S+, and no Redis; .*; this one may belong into DATABASE_URL/,
    ],
  ];
  const file = await Deno.makeTempFile({ suffix: ".csv" });
  await Deno.writeTextFile(file, csvOf([{}]));
  const commands = [["import", file], ["consume", "--drain"], ["serve"], ["start"], ["doctor"]];
  const typeOn = ([databaseUrl, redisUrl]: readonly [string, string], command: string[]) =>
    run({
      DATABASE_URL: databaseUrl,
      REDIS_URL: redisUrl,
      LOG_LEVEL: "error",
      USER: "ann",
      PORT: "0",
    }, ...command);
  // Side by side: each waits most of its time for a driver that tries again.
  await Promise.all(faults.map(async ([urls, told]) => {
    for (const command of commands) {
      const ran = await typeOn(urls, command);
      assert.equal(ran.code, 1, `${command}: ${ran.out}${ran.err}`);
      // What is wrong and what to type are two lines of a diagnosis.
      const said = command[0] === "doctor"
        ? ran.out.replaceAll(/\n +→ /g, "; ")
        : saying(ran, command[0]!);
      assert.ok(said.split("\n").some((line) => told.test(line)), `${command}: ${said}`);
    }
  }));
  const works = [as(database, "works"), redis.url] as const;
  for (const command of commands.filter(([name]) => /import|consume/.test(name!))) {
    const ran = await typeOn(works, command);
    assert.equal(ran.code, 0, "a user without rights in the schema works on one that is migrated");
  }
  // Either waits for the other to speak first, until the driver gives up.
  const [ofRedis, ofWeb] = await Promise.all([redis.port, web.port].map(async (port) => {
    return await openDatabase(changed(database.url, at(port))).then(
      () => "",
      ({ message }: Error) => message,
    );
  }));
  assert.match(ofRedis!, /: Redis listens on \S+, and no database; .* belong into REDIS_URL$/);
  assert.match(ofWeb!, /: a web server listens on \S+, and no database; correct host and port/);
});
