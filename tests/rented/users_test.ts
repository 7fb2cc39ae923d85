import assert from "node:assert/strict";
import { openDatabase } from "../../db/connection/database.ts";
import { migrate } from "../../db/connection/migrate.ts";
import { readServerFacts } from "../../db/connection/server_facts.ts";
import { run } from "../commands/run_command.ts";
import { until } from "../../tools/chaos/harness/until.ts";
import { type OwnDatabase, ownDatabase } from "../own_engines.ts";
import { withWorkflow } from "../workflow.ts";
import { takeThrough, workThrough } from "./work_through.ts";

const isMysql = Deno.env.get("TEST_ENGINE") === "mysql";

/** Makes a user with some rights in a database alone. */
async function userWith(server: OwnDatabase, database: string, rights: string): Promise<string> {
  const url = new URL(server.adminUrl(database));
  url.username = `u_${crypto.randomUUID().slice(0, 8)}`;
  await server.administer(
    `create user '${url.username}'@'%' identified by '${url.password}'`,
    `grant ${rights} on \`${database}\`.* to '${url.username}'@'%'`,
  );
  return url.href;
}

/** The rights that the guide grants to a user, see docs/deploying.md. */
async function rightsByGuide(user: string): Promise<string> {
  const guide = await Deno.readTextFile(new URL("../../docs/deploying.md", import.meta.url));
  return new RegExp(`^grant (.+) on orders\\.\\* to ${user};$`, "m").exec(guide)![1]!;
}

Deno.test("a user who may only read and write rows is enough for everything but to migrate", async () => {
  await using server = await ownDatabase();
  const database = "test_rows";
  await server.administer(`create database ${database}`);
  const migrating = await userWith(server, database, await rightsByGuide("orders_migrate"));
  const rights = await rightsByGuide("orders");
  assert.equal(rights, "select, insert, update, delete");
  const url = await userWith(server, database, rights);
  await workThrough("users", migrating, url);
  const { applied } = await migrate(url);
  assert.deepEqual(applied, []);

  const empty = "test_empty";
  await server.administer(`create database ${empty}`);
  const elsewhere = await userWith(server, empty, "select, insert, update, delete");
  await assert.rejects(
    migrate(elsewhere),
    /may not CREATE, ALTER, INDEX, REFERENCES in test_empty, .*GRANT ALL PRIVILEGES ON `test_empty`/,
  );
  // Migrations need rights that are seen missing only when they are half done, unless they are looked for first.
  const half = await userWith(server, empty, "select, insert, update, delete, create, index");
  await assert.rejects(migrate(half), /may not ALTER, REFERENCES in test_empty/);
  const [tables] = await server.administer(
    `select count(*) as n from information_schema.tables where table_schema = '${empty}'`,
  );
  assert.equal(Number(tables!.n), 0);
});

Deno.test("a user who may only read is enough for the commands that only read", async () => {
  await using server = await ownDatabase();
  const database = "test_reader";
  await migrate(server.adminUrl(database));
  await withWorkflow("users_reader", async (flow) => {
    await takeThrough(flow);
    const env = {
      DATABASE_URL: await userWith(server, database, "select"),
      REDIS_URL: flow.test.redisUrl,
      REDIS_PREFIX: flow.test.redisPrefix,
      LOG_LEVEL: "error",
    };
    const commands = [["verify"], ["kpis"], ["dead", "list"], ["stock", "a"], [
      "migrate",
      "--status",
    ]];
    for (const args of commands) {
      const { code, out, err } = await run(env, ...args as [string]);
      assert.equal(code, 0, `${args.join(" ")}: ${out}${err}`);
    }
    const { code, err } = await run(env, "consume", "--drain");
    assert.equal(code, 1);
    assert.match(err, /has not the right INSERT.*GRANT ALL PRIVILEGES ON `test_reader`/);
  }, { databaseUrl: server.adminUrl(database) });
});

Deno.test("where the binary log has statements, sessions have it have rows, or nothing starts", async () => {
  await using server = await ownDatabase([
    "--log-bin=bin",
    "--server-id=1",
    "--binlog-format=STATEMENT",
  ]);
  const database = "test_binary_log";
  await migrate(server.adminUrl(database));
  const refused = await openDatabase(server.adminUrl(database), { connections: 1 });
  try {
    assert.equal((await readServerFacts(refused)).logsStatements, true);
    const { code, err } = await run(
      {
        DATABASE_URL: server.adminUrl(database),
        REDIS_URL: Deno.env.get("TEST_REDIS_URL")!,
        REDIS_PREFIX: "binary_log:",
        LOG_LEVEL: "error",
      },
      "consume",
      "--drain",
    );
    assert.equal(code, 1);
    assert.match(err, /binlog_format is STATEMENT.*SET GLOBAL binlog_format = 'ROW'/);
  } finally {
    await refused.close();
  }
  const right = isMysql ? "session_variables_admin" : "binlog admin";
  await server.administer(`grant ${right} on *.* to 'orders'@'%'`);
  await workThrough("users_log", server.adminUrl(database));
});

Deno.test("connections that end after a second, and twenty for four processes, cost nothing", async () => {
  await using server = await ownDatabase();
  const database = "test_scarce";
  await migrate(server.adminUrl(database));
  await server.administer(
    "set global wait_timeout = 1, global interactive_timeout = 1, global max_connections = 20",
  );
  await withWorkflow("users_scarce", async (flow) => {
    const others = await Promise.all(
      [1, 2, 3].map(() => openDatabase(server.adminUrl(database), { connections: 10 })),
    );
    try {
      await Promise.all(
        [flow.db, ...others].flatMap((db) =>
          Array.from({ length: 30 }, () => db.transaction((tx) => tx.query("select sleep(0.02)")))
        ),
      );
      await until("the server has ended the idle connections", 10_000, async () => {
        const rows = await server.administer(
          "select count(*) as n from information_schema.processlist where user = 'orders' and command = 'Sleep'",
        );
        return Number(rows[0]!.n) === 0 || `${rows[0]!.n} are left`;
      });
      await Promise.all([flow.db, ...others].map((db) => db.query("select 1")));
    } finally {
      await Promise.all(others.map((db) => db.close()));
    }
    await takeThrough(flow);
  }, { databaseUrl: server.adminUrl(database) });
});
