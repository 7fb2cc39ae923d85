/**
 * The floor: what the same engines need at the least for the same result.
 *
 * @module
 */

import { Buffer } from "node:buffer";
import { Readable } from "node:stream";
import mysql from "mysql2/promise";
import { connectionOptions } from "../../db/connection/connection.ts";
import type { Row } from "../../db/connection/database.ts";
import { entryOf, type Message } from "../../domain/messages/messages.ts";
import { type CpuSeconds, startCpuMeter } from "./cpu.ts";
import { sendPipeline } from "./redis_pipeline.ts";
import { type Deployment, openDeployment, type Stage } from "./stage.ts";

/** One measurement of the floor. */
export interface FloorRun {
  orders: number;
  seconds: number;
  cpu: CpuSeconds;
}

/** The rows of a drained database, ready to be written again. */
export interface FinalRows {
  orders: number;
  /** In an order in which foreign keys are met. */
  tables: TableRows[];
  /** Everything for Redis, encoded. */
  commands: Uint8Array[];
}

interface TableRows {
  name: string;
  statement: string;
  chunks: Buffer[];
}

/** Known to both before an order comes, so not part of what is timed. */
const knownBefore = ["customers", "products"];

/** What a settled order leaves in the database. */
const written = [
  "orders",
  "order_items",
  "payments",
  "notification_logs",
  "order_events",
  "ledger_entries",
];

/** Bytes to one piece of a table. */
const chunkBytes = 256 * 1024;

/** Messages that are delivered together. */
const messagesPerRead = 1_000;

/**
 * Reads the final rows of a drained database and encodes them, and the messages that brought them about: the
 * order, its charge, the answer and the notice, each added, delivered, acknowledged and deleted.
 */
export async function readFinalRows({ databaseUrl }: Deployment): Promise<FinalRows> {
  const connection = await mysql.createConnection(connectionOptions(databaseUrl));
  try {
    const tables: TableRows[] = [];
    for (const name of [...knownBefore, ...written]) {
      tables.push(await readTable(connection, name));
    }
    const [orders] = await connection.query("select id, total_cents, currency from orders");
    return {
      orders: (orders as Row[]).length,
      tables,
      commands: encodeCommands((orders as Row[]).map((row) => ({
        orderId: Number(row.id),
        amountCents: Number(row.total_cents),
        currency: String(row.currency),
      }))),
    };
  } finally {
    await connection.end();
  }
}

/**
 * Writes the rows once into empty tables, a LOAD DATA to a table on one connection, and at the same time
 * the messages through one connection to Redis. Both get bytes that were encoded before, so what is timed
 * is the engines. Keys, checks, foreign keys and the flush at every commit are those of the product.
 */
export async function runFloor(stage: Stage, rows: FinalRows): Promise<FloorRun> {
  const deployment = await openDeployment(stage);
  const connection = await mysql.createConnection(connectionOptions(deployment.databaseUrl));
  try {
    await connection.query("set session transaction isolation level read committed");
    const [before, timed] = [rows.tables.slice(0, knownBefore.length), rows.tables.slice(2)];
    for (const table of before) await loadTable(connection, table);

    const { database, redis } = stage.engines;
    const meter = await startCpuMeter({ database: database.pid, redis: redis.pid });
    const start = performance.now();
    const load = async () => {
      for (const table of timed) await loadTable(connection, table);
    };
    await Promise.all([load(), sendPipeline(deployment.redisUrl, rows.commands)]);
    const seconds = (performance.now() - start) / 1000;
    return { orders: rows.orders, seconds, cpu: await meter.read() };
  } finally {
    await connection.end();
    await deployment.close();
  }
}

async function readTable(connection: mysql.Connection, name: string): Promise<TableRows> {
  const [columns] = await connection.query(
    `
    select column_name as name, data_type as type
    from information_schema.columns
    where table_schema = database() and table_name = ? and coalesce(generation_expression, '') = ''
    order by ordinal_position`,
    [name],
  );
  const all = (columns as { name: string; type: string }[])
    .map((column) => ({ name: column.name, binary: column.type === "binary" }));
  const [rows] = await connection.query({
    sql: `
      select ${
      all.map(({ name, binary }) => binary ? `hex(${name})` : `cast(${name} as char)`).join(", ")
    }
      from ${name}
      order by ${all[0]!.name}`,
    rowsAsArray: true,
  });
  const binaries = all.filter(({ binary }) => binary);
  return {
    name,
    statement: `
      load data local infile 'rows'
      into table ${name}
      character set utf8mb4
      (${all.map(({ name, binary }) => binary ? `@${name}` : name).join(", ")})
      ${binaries.length === 0 ? "" : "set"}
      ${binaries.map(({ name }) => `${name} = unhex(@${name})`).join(", ")}`,
    chunks: encodeTable(rows as (string | null)[][]),
  };
}

function encodeTable(rows: (string | null)[][]): Buffer[] {
  const chunks: Buffer[] = [];
  let text = "";
  for (const row of rows) {
    text += row.map(encodeField).join("\t") + "\n";
    if (text.length < chunkBytes) continue;
    chunks.push(Buffer.from(text));
    text = "";
  }
  if (text !== "") chunks.push(Buffer.from(text));
  return chunks;
}

function encodeField(value: string | null): string {
  if (value === null) return "\\N";
  return /[\t\n\\]/.test(value) ? value.replace(/[\t\n\\]/g, "\\$&") : value;
}

async function loadTable(connection: mysql.Connection, table: TableRows): Promise<void> {
  const [result] = await connection.query({
    sql: table.statement,
    infileStreamFactory: () => Readable.from(table.chunks, { objectMode: false }),
  } as mysql.QueryOptions);
  const { warningStatus } = result as mysql.ResultSetHeader;
  if (warningStatus > 0) throw new Error(`${table.name} took ${warningStatus} rows with a warning`);
}

interface Subject {
  orderId: number;
  amountCents: number;
  currency: string;
}

function messagesOf(order: Subject): { stream: string; message: Message }[] {
  return [
    { stream: "orders", message: { type: "order.reserve", ...order } },
    { stream: "payments", message: { type: "payment.charge", ...order } },
    {
      stream: "payments",
      message: {
        type: "payment.callback",
        ...order,
        outcome: order.amountCents % 2 === 0 ? "succeeded" : "declined",
        provider: "simulated",
        providerRef: `sim_${order.orderId}`,
      },
    },
    { stream: "notifications", message: { type: "notify.order", ...order } },
  ];
}

function encodeCommands(orders: readonly Subject[]): Uint8Array[] {
  const byStream = new Map<string, Message[]>();
  for (const { stream, message } of orders.flatMap(messagesOf)) {
    const messages = byStream.get(stream);
    if (messages === undefined) byStream.set(stream, [message]);
    else messages.push(message);
  }
  return [...byStream].flatMap(([stream, messages]) => encodeStream(stream, messages));
}

function encodeStream(stream: string, messages: readonly Message[]): Uint8Array[] {
  const encoder = new TextEncoder();
  const chunks: Uint8Array[] = [];
  for (let first = 0; first < messages.length; first += messagesPerRead) {
    const part = messages.slice(first, first + messagesPerRead);
    const ids = part.map((_, index) => `1-${first + index + 1}`);
    const text = [
      ...part.map((message, index) => command("XADD", stream, ids[index]!, ...entryOf(message))),
      command(
        "XREADGROUP",
        "GROUP",
        stream,
        "floor",
        "COUNT",
        String(messagesPerRead),
        "STREAMS",
        stream,
        ">",
      ),
      ...ids.map((id) => command("XACK", stream, stream, id) + command("XDEL", stream, id)),
    ].join("");
    chunks.push(encoder.encode(text));
  }
  return chunks;
}

/** A command as Redis reads it; ASCII only. */
function command(...parts: string[]): string {
  return `*${parts.length}\r\n` + parts.map((part) => `$${part.length}\r\n${part}\r\n`).join("");
}
