/**
 * Spans for the calls to the engines.
 *
 * Both drivers tell of their calls through `node:diagnostics_channel`, which costs nothing while nobody listens.
 * Calls outside of any span that is exported are left alone: consumers that wait for work ask Redis all the time.
 *
 * @module
 */

import { tracingChannel } from "node:diagnostics_channel";
import {
  type Attributes,
  type Span,
  SpanKind,
  SpanStatusCode,
  trace,
  TraceFlags,
} from "@opentelemetry/api";
import type { EngineKind } from "../../db/connection/database.ts";
import { messageOf } from "../../domain/errors.ts";
import { scriptOfCall } from "../redis/scripts.ts";

/** Characters of a statement that a span carries. */
const maxStatementLength = 1_000;

/** What mysql2 tells of a statement. */
interface StatementCall {
  /** With its values in place, unless it is a prepared one. */
  query: string;
  database: string;
  serverAddress: string;
  serverPort?: number;
}

/** What ioredis tells of a command. */
interface CommandCall {
  command: string;
  args: readonly string[];
  serverAddress: string;
  serverPort?: number;
}

let listening = false;

/**
 * Makes a span of every call to an engine from now on, in this process. To be called where traces are exported;
 * calling it again is nothing.
 *
 * @param database which of the two families of servers the process works with
 */
export function traceEngines(database: EngineKind): void {
  if (listening) return;
  listening = true;
  const statement = (call: StatementCall) => {
    const text = withoutValues(call.query);
    return {
      name: summaryOf(text),
      attributes: {
        "db.system.name": database,
        "db.namespace": call.database,
        "db.query.text": text.slice(0, maxStatementLength),
        "server.address": call.serverAddress,
        "server.port": call.serverPort,
      },
    };
  };
  listenTo<StatementCall>("mysql2:query", statement);
  listenTo<StatementCall>("mysql2:execute", statement);
  listenTo<CommandCall>("ioredis:command", ({ command, args, serverAddress, serverPort }) => ({
    name: scriptOfCall(command, args[0]) ?? command.toUpperCase(),
    attributes: {
      "db.system.name": "redis",
      "db.operation.name": command.toUpperCase(),
      "server.address": serverAddress,
      "server.port": serverPort,
    },
  }));
}

function listenTo<C extends object>(
  channel: string,
  describe: (call: C) => { name: string; attributes: Attributes },
): void {
  const tracer = trace.getTracer("orders-workflow");
  const spans = new WeakMap<object, Span>();
  tracingChannel(channel).subscribe({
    start: (call) => {
      const flags = trace.getActiveSpan()?.spanContext().traceFlags ?? TraceFlags.NONE;
      if ((flags & TraceFlags.SAMPLED) === 0) return;
      const { name, attributes } = describe(call as C);
      spans.set(call, tracer.startSpan(name, { kind: SpanKind.CLIENT, attributes }));
    },
    end: () => {},
    asyncStart: (call) => spans.get(call)?.end(),
    asyncEnd: () => {},
    error: (call) => {
      const span = spans.get(call);
      const message = messageOf((call as { error: unknown }).error);
      span?.setStatus({ code: SpanStatusCode.ERROR, message });
      span?.end();
    },
  });
}

/** A statement in one line, with `?` for its values: they may be about people. */
export function withoutValues(statement: string): string {
  return statement
    .replace(/'(?:[^'\\]|\\[\s\S]|'')*(?:'|$)|"(?:[^"\\]|\\[\s\S]|"")*(?:"|$)/g, "?")
    .replace(/\b(?:x\?|\d+(?:\.\d+)?)/gi, "?")
    .replace(/\s+/g, " ")
    .replace(/(\((?:\?, ?)*\?\)|\?)(?:, ?\1)+/g, "$1, …")
    .trim();
}

/** `select orders`: what is done, and to which table first; `insert order_items, commit` where a transaction ends with it. */
function summaryOf(text: string): string {
  const statements = text.split(";")
    .map((statement) => statement.trim().replace(/^set statement .*? for /i, ""))
    .filter(Boolean);
  const first =
    statements.find((statement) => !/^(?:start transaction|begin|set)\b/i.test(statement)) ??
      text;
  const verb = /^\w+/.exec(first)?.[0].toLowerCase() ?? "statement";
  const table = /\b(?:from|into|update|join)\s+`?(\w+)/i.exec(first)?.[1];
  const name = table === undefined ? verb : `${verb} ${table}`;
  const last = statements.at(-1) ?? first;
  return last !== first && /^commit\b/i.test(last) ? `${name}, commit` : name;
}
