/**
 * `deno task migrate`: database migrations.
 *
 * @module
 */

import { migrate, migrationStatus, planMigrations } from "../db/connection/migrate.ts";
import { formatVersion } from "../domain/operation/migration_header.ts";
import { type Command, readOptions } from "./command.ts";
import { readSettings } from "./engine_settings.ts";
import { print } from "./print.ts";
import { formatTable } from "./table.ts";

const command: Command = {
  summary: "Applies pending database migrations, or lists all of them.",
  help: `
Usage: deno task migrate [--status | --plan]

  --status  list the migrations and change nothing
  --plan    for each pending one: the oldest version that may work beside it, what it locks, how
            long it takes with ten million orders, and which processes stop for it; changes nothing

The database is created if it is missing and the user may do so. Several processes at once wait for each
other.`,
  async run(args, env) {
    const options = readOptions(args, { boolean: ["status", "plan"] });
    const { databaseUrl } = await readSettings(env);
    if (options.flag("status")) {
      const all = await migrationStatus(databaseUrl);
      print(formatTable(
        [{ heading: "migration" }, { heading: "state" }],
        all.map(({ name, applied }) => [name, applied ? "applied" : "pending"]),
      ));
      return 0;
    }
    if (options.flag("plan")) {
      print(await describePlan(databaseUrl));
      return 0;
    }
    const { all, applied } = await migrate(databaseUrl);
    for (const name of applied) print(`Applied ${name}`);
    if (applied.length === 0) {
      print(`Nothing to do: all ${all.length} migrations are applied`);
    }
    return 0;
  },
};

export default command;

/** What would be done, a paragraph for each migration. */
async function describePlan(databaseUrl: string): Promise<string> {
  const planned = await planMigrations(databaseUrl);
  if (planned.length === 0) return "Nothing to do";
  return planned.map(({ name, header, stops }) =>
    [
      name,
      `  oldest version beside it: one that knows ${formatVersion(header.oldestBeside)}`,
      `  locks: ${header.locks}`,
      `  at ten million orders: ${header.atTenMillion}`,
      ...stops.map((process) => `  stops: ${process}`),
    ].join("\n")
  ).join("\n\n");
}
