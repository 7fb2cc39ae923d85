import { migrate } from "../db/connection/migrate.ts";
import { freePort } from "../tools/engines/free_port.ts";
import { makeCertificates } from "./certificates.ts";
import { ownDatabase, ownRedis } from "./own_engines.ts";
import { run } from "./commands/run_command.ts";
const changed = (url: string, f: (u: URL) => void) => { const u = new URL(url); f(u); return u.href; };
Deno.test("faults", async () => {
  await using certificates = await makeCertificates();
  const { otherCa, server, ca } = certificates;
  await using database = await ownDatabase([`--ssl-ca=${ca}`, `--ssl-cert=${server.cert}`, `--ssl-key=${server.key}`]);
  await using bare = await ownDatabase(["--skip-ssl"]);
  await using redis = await ownRedis(["user few on >secret ~* +@all -xadd -evalsha -eval", "user none on >secret ~* +ping +info", "user keys on >secret ~other* +@all"]);
  await migrate(database.url);
  await database.administer(
    "create user 'few'@'127.0.0.1' identified by 'pw'", "grant select on orders.* to 'few'@'127.0.0.1'",
    "create user 'none'@'%' identified by 'pw'",
    "create user 'part'@'%' identified by 'pw'", "grant select on orders.* to 'part'@'%'", "grant insert, update, delete on orders.orders to 'part'@'%'",
    "create user 'dml'@'%' identified by 'pw'", "grant select, insert, update, delete on orders.* to 'dml'@'%'",
    "insert into orders.products (sku, name, price_cents, stock_qty, received_qty) values ('a', 'A', 1, 0, 0)");
  const http = Deno.serve({ hostname: "127.0.0.1", port: 0, onListen: () => {} }, () => new Response("hello"));
  const silent = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  const csv = await Deno.makeTempFile({ suffix: ".csv" });
  await Deno.writeTextFile(csv, "external_order_id,order_placed_at,currency,customer_id,customer_email,customer_name,product_sku,product_name,unit_price_cents,qty\no1,2026-01-01 10:00:00,EUR,c1,c@example.com,Cy,s1,Mug,1250,2\n");
  const port = (p: number) => (u: URL) => { u.port = String(p); };
  const D = database.url, R = redis.url;
  const as = (n: string) => changed(D, (u) => { u.username = n; u.password = "pw"; });
  const { password } = new URL(R);
  const faults: Record<string, [string, string]> = {
    few: [as("few"), R], none: [as("none"), R], part: [as("part"), R], dml: [as("dml"), R],
    wrongpw: [changed(D, (u) => { u.password = "no"; }), R],
    unknowndb: [changed(D, (u) => { u.pathname = "/orders_not"; u.username = "few"; u.password = "pw" }), R],
    notls: [changed(bare.url, (u) => { u.search = "?ssl-mode=required"; }), R],
    wrongca: [changed(D, (u) => { u.hostname = "localhost"; u.search = `?ssl-ca=${otherCa}`; }), R],
    dbIsRedis: [changed(D, port(redis.port)), R],
    dbIsHttp: [changed(D, port(http.addr.port)), R],
    dbGone: [changed(D, port(await freePort())), R],
    redisPw: [D, changed(R, (u) => { u.password = "no"; })],
    redisNoPw: [D, changed(R, (u) => { u.password = ""; })],
    noperm: [D, changed(R, (u) => { u.username = "few"; u.password = "secret"; })],
    nopermAll: [D, changed(R, (u) => { u.username = "none"; u.password = "secret"; })],
    nokeys: [D, changed(R, (u) => { u.username = "keys"; u.password = "secret"; })],
    redisIsHttp: [D, changed(R, port(http.addr.port))],
    redisIsDb: [D, changed(R, port(database.port))],
    redisIsTls: [D, `rediss://:${password}@127.0.0.1:${redis.port}`],
    redisGone: [D, changed(R, port(await freePort()))],
  };
  const only = Deno.env.get("ONLY")?.split(",");
  const commands = Deno.env.get("FEW") ? [["kpis"],["doctor"]] : [["import", csv], ["consume", "--drain"], ["serve"], ["start"], ["migrate"], ["kpis"], ["verify"], ["recover"], ["dead"], ["stock", "a", "--set=5"], ["refund", "1"], ["retry", "--short"], ["doctor"]];
  for (const [name, [DATABASE_URL, REDIS_URL]] of Object.entries(faults)) {
    if (only && !only.includes(name)) continue;
    await Deno.stdout.write(new TextEncoder().encode(`\n##### ${name}\n`));
    for (const command of commands) {
      const started = Date.now();
      const timer = setTimeout(() => { try { Deno.kill(Deno.pid, "SIGTERM"); } catch { /* */ } }, 60000);
      const ran = await run({ DATABASE_URL, REDIS_URL, LOG_LEVEL: "error", USER: "ann", PORT: "0", GATEWAY_DELAY_MS: "0", SHUTDOWN_TIMEOUT_MS: "1000" }, ...command);
      clearTimeout(timer);
      const out = command[0] === "doctor" ? ran.out.split("\n").filter((l) => /^(problem|warning)|→/.test(l)).join("\n   ") : "";
      await Deno.stdout.write(new TextEncoder().encode(`[${command.join(" ").slice(0, 20)}] ${ran.code} ${Date.now() - started}ms ${ran.err} ${out}\n`));
    }
  }
  await http.shutdown(); silent.close();
});
