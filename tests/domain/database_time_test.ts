import assert from "node:assert/strict";
import { databaseTime } from "../../domain/database_time.ts";

Deno.test("databaseTime() writes a moment in UTC, with as much of the second as is wanted", () => {
  assert.equal(databaseTime("2025-03-01T13:00:00.5+01:00"), "2025-03-01 12:00:00.500");
  const at = new Date("2025-03-01T12:00:00.123Z");
  assert.equal(databaseTime(at), "2025-03-01 12:00:00.123");
  assert.equal(databaseTime(at.getTime(), 6), "2025-03-01 12:00:00.123000");
  assert.equal(databaseTime(at, 0), "2025-03-01 12:00:00");
  assert.throws(() => databaseTime("yesterday"), RangeError);
});
