import assert from "node:assert/strict";
import { importColumns, termColumns } from "../../../../../domain/import/csv_rows.ts";
import { native } from "../../../../../domain/import/profile/shipped/native.ts";

Deno.test("native reads every column that the importer's own form has", () => {
  const { columns, adjustments = [], status } = native;
  const read = [
    ...Object.values(columns).flat(),
    ...adjustments.flatMap(({ columns }) => columns),
    ...(status?.columns ?? []),
  ];
  assert.deepEqual(read.sort(), [...importColumns, ...termColumns].sort());
});
