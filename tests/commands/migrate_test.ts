import assert from "node:assert/strict";
import { listMigrations } from "../../db/connection/migration_files.ts";
import { withWorkflow } from "../workflow.ts";
import { envOf, run } from "./run_command.ts";

Deno.test("migrate --plan tells what each pending migration locks, for how long, and who stops for it", () =>
  withWorkflow("cli_migrate_plan", async (flow) => {
    const type = (...args: string[]) => run(envOf(flow), "migrate", ...args);
    const nothing = await type("--plan");
    assert.deepEqual([nothing.code, nothing.out.trim()], [0, "Nothing to do"]);
    await flow.rows("delete from schema_migrations where version in (9, 35)");
    await flow.rows(`insert into processes (id, name, knows, seen_at) values
      ('old', 'shop:7 start', 8, utc_timestamp(6)), ('new', 'shop:8 start', 35, utc_timestamp(6)),
      ('gone', 'shop:9 start', 8, utc_timestamp(6) - interval 21 second)`);
    const { code, out } = await type("--plan");
    assert.equal(code, 0);
    assert.equal(
      out.trim(),
      `0009_orders_of_one_size
  oldest version beside it: one that knows 0009
  locks: orders (writes wait while it is written anew), on MySQL customers as well
  at ten million orders: 82 s, writes wait for up to 38 s (MariaDB); 647 s and 460 s (MySQL) (measured with a million, 2026-11-27, times ten)
  stops: shop:7 start

0035_processes
  oldest version beside it: one that knows 0028
  locks: nothing
  at ten million orders: at once: a new table
  stops: shop:7 start`,
    );
    assert.equal(
      (await flow.rows("select 1 from schema_migrations")).length,
      listMigrations().length - 2,
    );
  }));

Deno.test("commands of a version that is too old for the database refuse, whatever they do", () =>
  withWorkflow("cli_too_old", async (flow) => {
    await flow.rows("update schema_state set oldest_beside = 9000");
    for (const typed of ["kpis", "stock a --set=3", "consume --drain"]) {
      const [command, ...args] = typed.split(" ");
      const { code, err } = await run(envOf(flow), command!, ...args);
      assert.equal(code, 1, typed);
      assert.match(
        err,
        /This version knows migrations up to \d{4}, and the database takes those that know 9000 or later$/m,
      );
    }
    assert.deepEqual(await flow.rows("select id from processes"), []);
    const { code, out } = await run(envOf(flow), "doctor");
    assert.equal(code, 1);
    assert.match(out, /^problem +migrations +This version knows .* 9000 or later$/m);
  }));

Deno.test("a command that works on a database says that it is there, and leaves nothing behind", () =>
  withWorkflow("cli_process", async (flow) => {
    const { code } = await run(envOf(flow), "consume", "--drain");
    assert.equal(code, 0);
    assert.deepEqual(await flow.rows("select id from processes"), []);
  }));
