import assert from "node:assert/strict";
import type { LogLevel } from "../../domain/config.ts";
import { makeLog, silentLog } from "../../domain/log.ts";

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

Deno.test("silentLog writes nothing and takes everything", () => {
  for (const level of levels) assert.equal(silentLog[level]("event", { a: 1 }), undefined);
});
