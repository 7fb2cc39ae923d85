import assert from "node:assert/strict";
import fc from "fast-check";
import { csvLine, delimitedLine } from "../../../domain/import/csv_text.ts";
import { isErasedRow, namesIn } from "../../../domain/customer/erased_row.ts";
import {
  customerDigest,
  erasedContentHash,
  erasureKeyOf,
} from "../../../domain/customer/erasure_key.ts";
import { personFinder } from "../../../domain/customer/personal_text.ts";
import {
  rejectsHead,
  rejectsOf,
  rejectsWithout,
} from "../../../domain/customer/rejects_without.ts";

const finder = personFinder({
  ids: ["C-17", "4711", "guest:ann@example.com"],
  emails: ["Ann@example.com"],
  names: ['Ann "Annie" Öst', "Bo"],
});

Deno.test("personFinder() finds addresses and full names anywhere, and short words nowhere alone", () => {
  for (
    const text of [
      "550 <ANN@EXAMPLE.COM> unknown",
      'to ann "annie" öst, please',
      "refund for C-17.",
      "c-17",
      "guest:ann@example.com",
    ]
  ) assert.ok(finder.isNamedIn(text), text);
  for (const text of ["C-170", "XC-17", "4711", "14711", "Bo", "Bob", "Ann", "joann@example.org"]) {
    assert.ok(!finder.isNamedIn(text), text);
  }
});

Deno.test("personFinder() takes a number for an id in a column of customers alone", () => {
  assert.ok(finder.isNamedInRow(["Kundennummer", "qty"], ["4711", "1"]));
  assert.ok(!finder.isNamedInRow(["order", "qty"], ["1", "4711"]));
});

Deno.test("personFinder() takes a person out of JSON and leaves its form", () => {
  assert.deepEqual(
    finder.without({ id: 7, name: "Bo", list: ["C-17", null, true, { to: "ann@example.com" }] }),
    { id: 7, name: "(erased)", list: ["(erased)", null, true, { to: "(erased)" }] },
  );
});

Deno.test("every form in which files and answers write a name has one of its needles", () => {
  fc.assert(fc.property(fc.string({ minLength: 1 }), fc.string(), (name, around) => {
    const { needles } = personFinder({ ids: [name], emails: [], names: [] });
    const has = (text: string) => needles.some((needle) => text.includes(needle));
    assert.ok(has(JSON.stringify({ around, name })));
    assert.ok(has(csvLine([around, name])));
  }));
});

const field = fc.oneof(fc.string(), fc.constantFrom('"', "a\nb", ";", ",", "x;y", "C-17"));

Deno.test("rejectsWithout() takes out just the rows that name a person, whatever stands in them", () => {
  fc.assert(
    fc.property(
      fc.constantFrom(",", ";", "\t", "|"),
      fc.array(fc.tuple(field, field), { maxLength: 20 }),
      (delimiter, rows) => {
        const write = (fields: (string | number)[]) =>
          delimiter === "," ? csvLine(fields) : delimitedLine(fields, delimiter);
        const head = rejectsHead(`\ufeff${write(["customer_id", "note", "line", "reason"])}`);
        assert.equal(head.delimiter, delimiter);
        assert.deepEqual(head.columns, ["customer_id", "note", "line", "reason"]);
        const lines = rows.map(([id, note], at) => write([id, note, at + 2, "why"]));
        const named = rows.map((fields) => finder.isNamedInRow(head.columns, fields));
        const left = rejectsWithout(lines.join(""), head, finder);
        assert.equal(left.csv, lines.filter((_, at) => !named[at]).join(""));
        assert.equal(left.taken, named.filter((is) => is).length);
        assert.deepEqual(
          rejectsOf(lines.join(""), head, finder).map(({ line }) => Number(line)),
          named.flatMap((is, at) => is ? [at + 2] : []),
        );
      },
    ),
  );
});

Deno.test("namesIn() has the texts of columns of customers, and a guest for every address", () => {
  assert.deepEqual(
    namesIn(["order", "customer_id", "mail"], ["C-1", " C-17 ", "Ann@Example.com"]),
    {
      ids: ["C-17"],
      addresses: [{ email: "ann@example.com", guestId: "guest:ann@example.com" }],
    },
  );
});

Deno.test("isErasedRow() leaves a row alone that shares an address, where its own customer is known by it", () => {
  const columns = ["order", "customer_id", "mail", "copy_to"];
  const erased = new Set(["C-17", "guest:ann@example.com", "guest:bo@example.com"]);
  const known = new Map([["C-9", { email: "Ann@example.com" }], ["C-8", {
    email: "x@example.com",
  }]]);
  const isErased = (...fields: string[]) => isErasedRow(namesIn(columns, fields), erased, known);
  assert.equal(isErased("1", "C-9", "ANN@example.com"), false);
  assert.equal(isErased("1", "C-10", "nobody@example.com"), false);
  assert.equal(isErased("1", "C-17", ""), true, "their own id");
  assert.equal(isErased("1", "", "ann@example.com"), true, "a guest is the address");
  assert.equal(isErased("1", "C-8", "ann@example.com"), true, "known by another address");
  assert.equal(isErased("1", "C-10", "ann@example.com"), true, "not known");
  assert.equal(isErased("1", "C-9", "ann@example.com", "bo@example.com"), true, "somebody besides");
});

Deno.test("digests depend on the installation, on the secret and on what they are of", () => {
  const keys = [["a", ""], ["b", ""], ["a", "s"]].map(([name, secret]) =>
    erasureKeyOf(name!, secret!)
  );
  const digests = keys.flatMap((key) => [customerDigest(key, "1"), customerDigest(key, "2")]);
  assert.equal(new Set(digests).size, 6);
  for (const digest of digests) assert.match(digest, /^[0-9a-f]{64}$/);
  assert.equal(new Set(keys.map(({ print }) => print)).size, 3);
  assert.match(erasedContentHash(keys[0]!, "00"), /^[0-9a-f]{32}$/);
  assert.equal(customerDigest(keys[0]!, "1"), customerDigest(erasureKeyOf("a", ""), "1"));
});
