import { type OwnDatabase, ownDatabase } from "../own_engines.ts";
import { workThrough } from "./work_through.ts";

const isMysql = Deno.env.get("TEST_ENGINE") === "mysql";

/** Settings that a server may have for everybody; several where each does not touch the other. */
const profiles: Record<string, Record<string, string | number>> = {
  "ANSI sql modes, and a time zone far away": {
    sql_mode:
      "ANSI_QUOTES,NO_BACKSLASH_ESCAPES,PIPES_AS_CONCAT,IGNORE_SPACE,ONLY_FULL_GROUP_BY,NO_ZERO_DATE",
    time_zone: "+13:00",
  },
  "no sql mode, latin1, the least group_concat_max_len, no local_infile": {
    sql_mode: "",
    character_set_server: "latin1",
    collation_server: "latin1_swedish_ci",
    group_concat_max_len: 4,
    local_infile: 0,
  },
  "tables without a primary key refused, SERIALIZABLE": isMysql
    ? { sql_require_primary_key: 1, transaction_isolation: "SERIALIZABLE" }
    : { innodb_force_primary_key: 1, tx_isolation: "SERIALIZABLE", sql_mode: "ORACLE" },
  "COMPACT rows": { innodb_default_row_format: "compact" },
  "packets of 1 MB": { max_allowed_packet: 1_048_576 },
};

Deno.test("everything works whatever a server has set for everybody", async (t) => {
  // MySQL takes this only where it was so when its data was made.
  await using server = await ownDatabase(isMysql ? [] : ["--lower-case-table-names=1"]);
  let at = 0;
  for (const [name, settings] of Object.entries(profiles)) {
    await t.step(name, async () => {
      const before = await setGlobally(server, settings);
      try {
        await workThrough("settings", server.adminUrl(`test_settings_${++at}`));
      } finally {
        await setGlobally(server, before);
      }
    });
  }
});

/** @returns what was set before */
async function setGlobally(
  server: OwnDatabase,
  settings: Record<string, string | number>,
): Promise<Record<string, string | number>> {
  const before: Record<string, string | number> = {};
  for (const [name, value] of Object.entries(settings)) {
    const [row] = await server.administer(`select @@global.${name} as value`);
    before[name] = row!.value!;
    await server.administer(
      `set global ${name} = ${typeof value === "number" ? value : `'${value}'`}`,
    );
  }
  return before;
}
