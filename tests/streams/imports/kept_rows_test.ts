import assert from "node:assert/strict";
import fc from "fast-check";
import type { SourceRow } from "../../../domain/import/source_row.ts";
import { keepRows } from "../../../streams/imports/kept_rows.ts";

/** A row as plain data. */
const plain = ({ line, fields, fault }: SourceRow): SourceRow =>
  fault === undefined ? { line, fields } : { line, fields, fault };

const field = fc.oneof(
  fc.string({ unit: "grapheme" }),
  fc.constantFrom("", "\x1f", "a\x1eb", "\ufeff", "12.50", "two\nlines"),
);
const row = fc.record({
  line: fc.integer({ min: 1, max: 1e9 }),
  fields: fc.array(field, { maxLength: 6 }),
  fault: fc.option(field, { nil: undefined, freq: 8 }),
}).map(plain);

/** A row whose text needs no quotation marks in a file with semicolons. */
const asLine = (row: SourceRow): SourceRow =>
  row.fields.length === 0 || row.fields.some((field) => field.includes(";"))
    ? row
    : { ...row, plain: row.fields.join(";") };

Deno.test("keepRows() gives back what it was given, whatever stands in it, from memory and from disk", () => {
  fc.assert(
    fc.property(
      fc.array(fc.array(fc.oneof(row, row.map(asLine)), { maxLength: 20 }), { maxLength: 5 }),
      fc.constantFrom(0, 1_000_000),
      (pieces, memoryBytes) => {
        const kept = keepRows(memoryBytes);
        try {
          for (const rows of pieces) kept.add(rows, ";");
          for (const _time of [1, 2]) {
            const rows = [...kept.blocks()].flat();
            assert.deepEqual(rows.map(plain), pieces.flat().map(plain));
            for (const row of rows) row.release?.();
            assert.deepEqual(rows.map(plain), pieces.flat().map(plain), "read again");
            assert.deepEqual(rows.toReversed().map(plain), pieces.flat().map(plain).toReversed());
          }
        } finally {
          kept.close();
        }
      },
    ),
  );
});

Deno.test("keepRows() writes block by block, and confuses none with a control character in it", () => {
  const kept = keepRows(1_000);
  const rows = Array.from({ length: 100 }, (_, at): SourceRow => ({
    line: at + 2,
    fields: [at === 50 ? "odd\x1f\x1e" : "x".repeat(1_000), String(at)],
    ...(at % 30 === 7 ? { fault: `bad ${at}` } : {}),
  }));
  kept.add(rows, ",");
  const blocks = [...kept.blocks()];
  kept.close();
  assert.ok(blocks.length >= 2);
  assert.deepEqual(blocks.flat().map(plain), rows);
});
