import assert from "node:assert/strict";
import fc from "fast-check";
import { averageCents, emptyKpiRow, kpiDayIn } from "../../../domain/kpi/kpi.ts";

/** Moments just before and at midnight of a zone, and the days they belong to. */
const boundaries: [zone: string, utc: string, day: string][] = [
  ["UTC", "2025-03-01 23:59:59.999999", "2025-03-01"],
  ["UTC", "2025-03-02 00:00:00.000000", "2025-03-02"],
  ["UTC", "2024-02-29 12:00:00", "2024-02-29"],
  ["UTC", "2025-12-31 23:59:59.999999", "2025-12-31"],
  // +5:30
  ["Asia/Kolkata", "2025-03-01 18:29:59.999999", "2025-03-01"],
  ["Asia/Kolkata", "2025-03-01 18:30:00.000000", "2025-03-02"],
  // +5:45
  ["Asia/Kathmandu", "2025-03-01 18:14:59.999999", "2025-03-01"],
  ["Asia/Kathmandu", "2025-03-01 18:15:00.000000", "2025-03-02"],
  // -3:30 in winter, -2:30 in summer
  ["America/St_Johns", "2025-01-02 03:29:59.999999", "2025-01-01"],
  ["America/St_Johns", "2025-01-02 03:30:00.000000", "2025-01-02"],
  ["America/St_Johns", "2025-07-02 02:30:00.000000", "2025-07-02"],
  // +12:45, in summer +13:45
  ["Pacific/Chatham", "2025-07-01 11:14:59.999999", "2025-07-01"],
  ["Pacific/Chatham", "2025-07-01 11:15:00.000000", "2025-07-02"],
  ["Pacific/Chatham", "2025-01-01 10:15:00.000000", "2025-01-02"],
  // The farthest east and west.
  ["Pacific/Kiritimati", "2025-03-01 10:00:00.000000", "2025-03-02"],
  ["Pacific/Pago_Pago", "2025-03-01 10:59:59.999999", "2025-02-28"],
  // Clocks go forward on 2025-03-30 at 01:00 UTC and back on 2025-10-26 at 01:00 UTC.
  ["Europe/Berlin", "2025-03-29 22:59:59.999999", "2025-03-29"],
  ["Europe/Berlin", "2025-03-29 23:00:00.000000", "2025-03-30"],
  ["Europe/Berlin", "2025-03-30 21:59:59.999999", "2025-03-30"],
  ["Europe/Berlin", "2025-03-30 22:00:00.000000", "2025-03-31"],
  ["Europe/Berlin", "2025-10-25 22:00:00.000000", "2025-10-26"],
  ["Europe/Berlin", "2025-10-26 22:59:59.999999", "2025-10-26"],
  ["Europe/Berlin", "2025-10-26 23:00:00.000000", "2025-10-27"],
  // Clocks go forward at midnight itself: the day begins at 01:00.
  ["America/Santiago", "2025-09-07 03:59:59.999999", "2025-09-06"],
  ["America/Santiago", "2025-09-07 04:00:00.000000", "2025-09-07"],
];

Deno.test("kpiDayIn() knows the midnight of every kind of zone", () => {
  for (const [zone, utc, day] of boundaries) {
    assert.equal(kpiDayIn(zone)(utc), day, `${zone} ${utc}`);
  }
});

Deno.test("kpiDayIn() answers the same from its memory as afresh", () => {
  const pad = (number: number) => String(number).padStart(2, "0");
  for (const zone of ["America/St_Johns", "Pacific/Chatham", "Europe/Berlin"]) {
    const remembering = kpiDayIn(zone);
    const format = new Intl.DateTimeFormat("en-CA", {
      timeZone: zone,
      year: "numeric",
      month: "2-digit",
      day: "2-digit",
    });
    fc.assert(fc.property(
      fc.integer({ min: Date.UTC(2020, 0), max: Date.UTC(2035, 0) }),
      (ms) => {
        const at = new Date(ms);
        const date = `${at.getUTCFullYear()}-${pad(at.getUTCMonth() + 1)}-${pad(at.getUTCDate())}`;
        const time = `${pad(at.getUTCHours())}:${pad(at.getUTCMinutes())}:${
          pad(at.getUTCSeconds())
        }`;
        assert.equal(remembering(`${date} ${time}.123456`), format.format(ms));
      },
    ));
  }
});

Deno.test("averageCents() rounds down and is 0 without orders", () => {
  assert.equal(averageCents(1_000, 3), 333);
  assert.equal(averageCents(999, 1_000), 0);
  assert.equal(averageCents(0, 0), 0);
});

Deno.test("emptyKpiRow() has every figure at 0", () => {
  const { date, currency, ...figures } = emptyKpiRow("2025-03-01", "EUR");
  assert.deepEqual([date, currency], ["2025-03-01", "EUR"]);
  assert.equal(Object.keys(figures).length, 8);
  assert.ok(Object.values(figures).every((figure) => figure === 0));
});
