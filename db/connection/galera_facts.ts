/**
 * What a node of Galera says of itself.
 *
 * @module
 */

import type { GaleraFacts } from "../../domain/operation/galera.ts";
import type { Queryable } from "./queryable.ts";

/** Reads the settings of a node; null of a server that is none. */
export async function readGaleraFacts(db: Queryable): Promise<GaleraFacts | null> {
  const rows = await db.query(`
    show global variables where variable_name in
      ('wsrep_on', 'wsrep_max_ws_rows', 'wsrep_max_ws_size', 'wsrep_osu_method', 'innodb_autoinc_lock_mode',
       'binlog_format')`);
  const values = new Map(
    rows.map((row) => [String(row.Variable_name).toLowerCase(), String(row.Value)]),
  );
  if (values.get("wsrep_on") !== "ON") return null;
  const unkeyed = await db.query(`
    select tables.table_name as name
    from information_schema.tables
    left join information_schema.table_constraints keys_
      on keys_.table_schema = tables.table_schema and keys_.table_name = tables.table_name
      and keys_.constraint_type = 'PRIMARY KEY'
    where tables.table_schema = database() and tables.table_type = 'BASE TABLE'
      and keys_.constraint_name is null
    order by tables.table_name`);
  return {
    autoincrementMode: Number(values.get("innodb_autoinc_lock_mode")),
    binlogFormat: values.get("binlog_format")!,
    maxRows: Number(values.get("wsrep_max_ws_rows")),
    maxBytes: Number(values.get("wsrep_max_ws_size")),
    schemaMethod: values.get("wsrep_osu_method")!,
    withoutKey: unkeyed.map(({ name }) => String(name)),
  };
}
