import assert from "node:assert/strict";
import fc from "fast-check";
import { archiveCut, archiveCutAfter } from "../../../domain/operation/archive_cut.ts";

const now = "2026-11-27T10:00:00.000Z";

Deno.test("archiveCut() takes whole months that are over, by any day in the month after", () => {
  assert.deepEqual(archiveCut("2026-11-27", now), { before: "2026-11-01 00:00:00" });
  assert.deepEqual(archiveCut("2026-11-01", now), { before: "2026-11-01 00:00:00" });
  assert.deepEqual(archiveCut("2024-02-29", now), { before: "2024-02-01 00:00:00" });
});

Deno.test("archiveCut() says what is wrong with a date, as it came", () => {
  for (
    const date of ["2026-13-01", "2026-02-30", "2026-2-1", "yesterday", "", "2026-11-01T00:00:00Z"]
  ) {
    const cut = archiveCut(date, now);
    assert.ok("fault" in cut);
    assert.equal(cut.fault, `must be a date such as 2026-11-01, not ${JSON.stringify(date)}`);
  }
  assert.deepEqual(archiveCut("2026-12-01", now), {
    fault: "must not be after 2026-11-01, because only months that are over are archived",
  });
});

Deno.test("archiveCutAfter() keeps so many months that are over", () => {
  assert.equal(archiveCutAfter(1, now), "2026-10-01 00:00:00");
  assert.equal(archiveCutAfter(11, now), "2025-12-01 00:00:00");
  assert.equal(archiveCutAfter(12, now), "2025-11-01 00:00:00");
  assert.equal(archiveCutAfter(1_200, now), "1926-11-01 00:00:00");
});

Deno.test("archiveCutAfter() is the beginning of a month, and one month more is one month earlier", () => {
  fc.assert(fc.property(
    fc.date({ min: new Date("2020-01-01"), max: new Date("2099-12-31"), noInvalidDate: true }),
    fc.integer({ min: 1, max: 1_199 }),
    (date, months) => {
      const cut = archiveCutAfter(months, date.toISOString());
      assert.match(cut, /^\d{4}-(0[1-9]|1[0-2])-01 00:00:00$/);
      const before = new Date(
        `${archiveCutAfter(months + 1, date.toISOString()).replace(" ", "T")}Z`,
      );
      before.setUTCMonth(before.getUTCMonth() + 1);
      assert.equal(before.toISOString().slice(0, 10), cut.slice(0, 10));
    },
  ));
});
