import assert from "node:assert/strict";
import { daysBetween, isDay } from "../../../domain/kpi/day.ts";

Deno.test("isDay() knows which dates exist", () => {
  for (const day of ["1970-01-01", "2024-02-29", "2000-02-29", "2023-12-31", "9998-12-31"]) {
    assert.equal(isDay(day), true, day);
  }
  const wrong = [
    "2023-02-29",
    "1900-02-29",
    "2024-02-30",
    "2024-04-31",
    "2024-13-01",
    "2024-00-10",
    "2024-01-00",
    "2024-1-1",
    "20240101",
    "2024-01-01T00:00:00Z",
    " 2024-01-01",
    "1969-12-31",
    "9999-01-01",
    "+12024-01-01",
    "today",
    "",
  ];
  for (const day of wrong) assert.equal(isDay(day), false, day);
});

Deno.test("daysBetween() counts both ends, across leap days", () => {
  assert.equal(daysBetween("2024-03-01", "2024-03-01"), 1);
  assert.equal(daysBetween("2024-02-28", "2024-03-01"), 3);
  assert.equal(daysBetween("2023-02-28", "2023-03-01"), 2);
  assert.equal(daysBetween("2023-01-01", "2023-12-31"), 365);
});
