/**
 * What an order costs of the disk, table by table.
 *
 * @module
 */

import { type Queryable, toInteger } from "../../db/connection/database.ts";
import { runDrain } from "./drain.ts";
import { type Figure, figure } from "./figures.ts";
import { makeOrdersFile, runImport } from "./import.ts";
import { openDeployment, type Stage } from "./stage.ts";

/** Imports and drains orders, and looks at how much each table has grown, with its indexes. */
export async function benchGrowth(stage: Stage): Promise<Figure[]> {
  const file = await makeOrdersFile(stage, { orders: stage.orders });
  stage.log(`${stage.orders} orders into empty tables`);
  const deployment = await openDeployment(stage);
  const before = await tableBytes(deployment.db);
  await runImport(stage, deployment, file);
  await runDrain(stage, deployment);
  const after = await tableBytes(deployment.db);
  await deployment.close();
  const grown = [...after].map(([name, bytes]) => ({
    name,
    bytes: (bytes - (before.get(name) ?? 0)) / stage.orders,
  })).filter(({ bytes }) => bytes >= 1).sort((a, b) => b.bytes - a.bytes);
  const sum = grown.reduce((sum, { bytes }) => sum + bytes, 0);
  return [
    ...grown.map(({ name, bytes }) => figure(`growth of ${name}`, "bytes an order", [bytes])),
    figure("growth of all tables", "bytes an order", [sum]),
  ];
}

/** Pages of each table and its indexes, in bytes, as the engine has them now. */
async function tableBytes(db: Queryable): Promise<Map<string, number>> {
  const tables = await db.query(`
    select table_name as name
    from information_schema.tables
    where table_schema = database() and table_type = 'BASE TABLE'`);
  const names = tables.map(({ name }) => String(name));
  // Else MySQL tells for a day what it told before.
  await db.query(`analyze table ${names.map((name) => `\`${name}\``).join(", ")}`);
  const rows = await db.query(`
    select table_name as name, data_length + index_length as bytes
    from information_schema.tables
    where table_schema = database() and table_type = 'BASE TABLE'`);
  return new Map(rows.map(({ name, bytes }) => [String(name), toInteger(bytes)]));
}
