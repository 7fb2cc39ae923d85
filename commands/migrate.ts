/**
 * `deno task migrate`: database migrations.
 *
 * @module
 */

import { migrate, migrationStatus } from "../db/connection/migrate.ts";
import { type Command, readOptions } from "./command.ts";
import { readSettings } from "./engine_settings.ts";
import { print } from "./print.ts";
import { formatTable } from "./table.ts";

const command: Command = {
  summary: "Applies pending database migrations, or lists all of them.",
  help: `
Usage: deno task migrate [--status]

  --status  list the migrations and change nothing

The database is created if it is missing and the user may do so. Several processes at once wait for each
other.`,
  async run(args, env) {
    const options = readOptions(args, { boolean: ["status"] });
    const { databaseUrl } = await readSettings(env);
    if (options.flag("status")) {
      const all = await migrationStatus(databaseUrl);
      print(formatTable(
        [{ heading: "migration" }, { heading: "state" }],
        all.map(({ name, applied }) => [name, applied ? "applied" : "pending"]),
      ));
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
