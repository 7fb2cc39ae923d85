import assert from "node:assert/strict";

import { type LogLevel, makeLog, silentLog } from "../../../domain/operation/log.ts";

const now = () => "2025-03-01T12:34:56.789Z";
const levels: LogLevel[] = ["error", "warn", "info", "debug"];

Deno.test("makeLog() drops what is chattier than its level", () => {
  for (const level of levels) {
    const lines: string[] = [];
    const log = makeLog({ level, format: "json", now }, (line) => lines.push(line));
    for (const name of levels) log[name]("event");
    assert.deepEqual(
      lines.map((line) => JSON.parse(line).level),
      levels.slice(0, levels.indexOf(level) + 1),
    );
  }
});

Deno.test("makeLog() writes one line an event, whatever the fields hold", () => {
  for (const format of ["text", "json"] as const) {
    const lines: string[] = [];
    const log = makeLog({ level: "info", format, now }, (line) => lines.push(line));
    log.info("turn failed", { error: 'a\nb "c"', order_id: 42, none: null, gone: undefined });
    assert.equal(lines.length, 1);
    assert.ok(!lines[0]!.includes("\n"));
    if (format === "json") {
      assert.deepEqual(JSON.parse(lines[0]!), {
        time: now(),
        level: "info",
        event: "turn failed",
        error: 'a\nb "c"',
        order_id: 42,
        none: null,
      });
    } else {
      assert.equal(
        lines[0],
        '12:34:56.789 info  turn failed error="a\\nb \\"c\\"" order_id=42 none=null',
      );
    }
  }
});

Deno.test("makeLog() lets no field pass for the time, the level or the event of a line", () => {
  const lines: string[] = [];
  const log = makeLog({ level: "info", format: "json", now }, (line) => lines.push(line));
  log.error("engine away", { level: "debug", event: "nothing", time: "never" });
  const { time, level, event } = JSON.parse(lines[0]!);
  assert.deepEqual({ time, level, event }, { time: now(), level: "error", event: "engine away" });
});

Deno.test("makeLog() writes no address and no value that an engine's error repeats", () => {
  const lines: string[] = [];
  const log = makeLog({ level: "info", format: "json", now }, (line) => lines.push(line));
  const cases: [error: string, written: string][] = [
    [
      "Duplicate entry 'Ann O'Hara' for key 'customers_external_id'",
      "Duplicate entry '…' for key 'customers_external_id'",
    ],
    [
      "Incorrect string value: '\\xF0 Ann' for column 'name' at row 1",
      "Incorrect string value: '…' for column 'name' at row 1",
    ],
    [
      "Incorrect string value: 'Ann' for column `shop`.`customers`.`name` at row 1",
      "Incorrect string value: '…' for column `shop`.`customers`.`name` at row 1",
    ],
    ["Truncated incorrect DOUBLE value: 'Ann'", "Truncated incorrect DOUBLE value: '…'"],
    [
      "error in your SQL syntax near 'Ann' at line 1",
      "error in your SQL syntax near '…' at line 1",
    ],
    ["550 5.1.1 <ann@example.com>: unknown", "550 5.1.1 <…>: unknown"],
    ["Access denied for user 'orders'@'localhost'", "Access denied for user 'orders'@'localhost'"],
    ["connect ECONNREFUSED 127.0.0.1:3306", "connect ECONNREFUSED 127.0.0.1:3306"],
  ];
  for (const [error] of cases) log.warn("message failed", { error });
  assert.deepEqual(lines.map((line) => JSON.parse(line).error), cases.map(([, text]) => text));
});

Deno.test("silentLog writes nothing and takes everything", () => {
  for (const level of levels) assert.equal(silentLog[level]("event", { a: 1 }), undefined);
});

Deno.test("makeLog() shows control characters instead of sending them, in both formats", () => {
  const text = "a\x1b[31m\x9b2J\x7f\u202eb";
  for (const format of ["text", "json"] as const) {
    const lines: string[] = [];
    const log = makeLog({ level: "info", format, now }, (line) => lines.push(line));
    log.info("event", { error: text });
    // deno-lint-ignore no-control-regex
    assert.doesNotMatch(lines[0]!, /[\x00-\x1f\x7f-\x9f\u202e]/);
    assert.match(lines[0]!, /a\\u001b\[31m\\u009b2J\\u007f\\u202eb/);
    if (format === "json") assert.equal(JSON.parse(lines[0]!).error, text);
  }
});
