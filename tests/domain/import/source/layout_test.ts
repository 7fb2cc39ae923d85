import assert from "node:assert/strict";
import fc from "fast-check";
import {
  fieldsOfBadLine,
  findLayout,
  tolerantFields,
} from "../../../../domain/import/source/layout.ts";

Deno.test("findLayout() takes the delimiter that splits most lines alike, whatever is in the fields", () => {
  const lines = ["a;b;c", "1,5;2,5;x", '"x;y";2,5;x', "1,5;2,5;x,y,z"];
  assert.deepEqual(findLayout(lines), {
    delimiter: ";",
    headerLine: 1,
    hasSeparatorLine: false,
  });
  assert.equal(findLayout(["a,b", "1,2"], { delimiter: ";" }), undefined);
});

Deno.test("findLayout() passes over titles, and takes no row of numbers for the header", () => {
  const table = ["Report;;;;", ";;;;", "From;2026-01-01;;;", "id;name;;price;", "1;a;b;2,50;"];
  assert.equal(findLayout(table)?.headerLine, 4);
  assert.equal(findLayout(["1,2,3", "4,5,6"]), undefined);
  assert.equal(findLayout(["", "just words", "more words"]), undefined);
  assert.equal(findLayout([]), undefined);
});

Deno.test("tolerantFields() reads what is quoted right as it was meant, and any other text without an end", () => {
  const field = fc.string({ unit: fc.constantFrom("a", '"', ",", " ") });
  fc.assert(fc.property(fc.array(field, { minLength: 1 }), (fields) => {
    // A quote in front of a delimiter can end a field, so that such text is told apart by nobody.
    const plain = fields.map((text) => text.replaceAll(/"(?=[",]|$)/g, ""));
    const line = plain.map((text) => `"${text.replaceAll('"', '""')}"`).join(",");
    assert.deepEqual(tolerantFields(line, ","), plain);
    assert(tolerantFields(fields.join(","), ",").length >= 1);
  }));
});

Deno.test("fieldsOfBadLine() splits a line into as many fields as the header has where it can", () => {
  assert.deepEqual(fieldsOfBadLine('1,"Pipe, 5" long",2', ",", 3), ["1", 'Pipe, 5" long', "2"]);
  assert.deepEqual(fieldsOfBadLine('1,"Pipe,2', ",", 3), ["1", '"Pipe', "2"]);
  assert.deepEqual(fieldsOfBadLine('1,"a",b",2', ",", 4), ["1", "a", 'b"', "2"]);
});
