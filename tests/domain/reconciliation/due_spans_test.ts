import assert from "node:assert/strict";
import { dueSpans } from "../../../domain/reconciliation/due_spans.ts";

const dayOf = (day: string, until?: string) => ({
  day,
  from: `${day} 00:00:00`,
  until: until ?? `2026-01-${String(Number(day.slice(8)) + 1).padStart(2, "0")} 00:00:00`,
});

Deno.test("dueSpans() has the days whose days of grace are covered, and none over a gap", () => {
  const covered = ["01", "02", "03", "05"].map((day) => dayOf(`2026-01-${day}`));
  const reported = { from: "2026-01-03 00:00:00", until: "2026-01-04 00:00:00" };
  assert.deepEqual(dueSpans(covered, reported, 1), [
    { from: "2026-01-02 00:00:00", until: "2026-01-03 00:00:00" },
  ]);
  assert.deepEqual(dueSpans(covered, reported, 0), [
    { from: "2026-01-03 00:00:00", until: "2026-01-04 00:00:00" },
  ]);
  assert.deepEqual(dueSpans(covered, reported, 3), []);
});

Deno.test("dueSpans() ends with the last line of a day that is told of in part", () => {
  const covered = [dayOf("2026-01-01"), dayOf("2026-01-02", "2026-01-02 12:00:00")];
  const reported = { from: "2026-01-01 00:00:00", until: "2026-01-02 12:00:00" };
  assert.deepEqual(dueSpans(covered, reported, 0), [
    { from: "2026-01-01 00:00:00", until: "2026-01-02 12:00:00" },
  ]);
});
