import assert from "node:assert/strict";
import process from "node:process";
import type { CsvRow } from "../../../domain/import/csv_rows.ts";
import { maxOrderRows } from "../../../domain/import/order_csv.ts";
import {
  openRowStore,
  type RowGroup,
  type RowStoreLimits,
} from "../../../streams/imports/row_store.ts";

const keyOf = ({ fields }: CsvRow) => fields[0]!;

function storeAndRead(rows: CsvRow[], limits?: RowStoreLimits): RowGroup[] {
  const store = openRowStore(keyOf, limits);
  try {
    for (const row of rows) store.add(row);
    return [...store.groups()].filter((group) => group !== null);
  } finally {
    store.close();
  }
}

function rowsOf(count: number, keys: number): CsvRow[] {
  return Array.from({ length: count }, (_, index) => ({
    line: index + 2,
    fields: [`key-${index * 7919 % keys}`, `text "${index}",\n😀`],
  }));
}

function byLine(rows: CsvRow[]): CsvRow[] {
  return rows.sort((a, b) => a.line - b.line);
}

Deno.test("openRowStore() keeps a small file as it is", () => {
  const rows = rowsOf(100, 30);
  assert.deepEqual(storeAndRead(rows), [{ rows }]);
  assert.deepEqual(storeAndRead([]), []);
});

Deno.test("openRowStore() gives a large file back in parts, each with all rows of its keys in order", () => {
  const rows = rowsOf(5_000, 700);
  for (const partition of [1_000_000, 1_000, 300]) {
    const groups = storeAndRead(rows, { file: 2_000, partition, block: 500 });
    assert.ok(groups.length > 10);
    const seen = new Set<string>();
    for (const group of groups) {
      assert.equal(group.oversized, undefined);
      const keys = new Set(group.rows.map(keyOf));
      for (const key of keys) {
        assert.ok(!seen.has(key), `${key} is in two groups`);
        seen.add(key);
      }
      const lines = group.rows.map(({ line }) => line);
      assert.deepEqual(lines, lines.toSorted((a, b) => a - b));
      if (keys.size > 20) assert.ok(JSON.stringify(group.rows).length < 2 * partition);
    }
    assert.deepEqual(byLine(groups.flatMap((group) => group.rows)), rows);
  }
});

Deno.test("openRowStore() gives an order with too many rows in parts and the others whole", () => {
  const large = Array.from({ length: maxOrderRows + 1 }, (_, index): CsvRow => ({
    line: index + 2,
    fields: ["large"],
  }));
  const others = rowsOf(50, 50);
  const groups = storeAndRead([...large, ...others], {
    file: 1_000,
    partition: 100_000,
    block: 50_000,
  });
  const parts = groups.filter(({ oversized }) => oversized !== undefined);
  assert.ok(parts.length > 1);
  const inParts = parts.flatMap(({ rows }) => rows);
  assert.equal(inParts.length, large.length);
  assert.equal(parts[0]!.oversized!.get("large"), maxOrderRows + 2);
  assert.ok(inParts.every((row) => keyOf(row) === "large"));
  const whole = groups.filter(({ oversized }) => oversized === undefined).flatMap(({ rows }) =>
    rows
  );
  assert.deepEqual(byLine(whole), others);
});

Deno.test("openRowStore() keeps no piece of the file for the sake of a row, even while others wait before it", () => {
  const store = openRowStore(keyOf, { file: 1_000_000, partition: 1_000_000, block: 32_768 });
  const encoded = new Uint8Array(262_144).fill(97);
  const piece = () => new TextDecoder().decode(encoded);
  try {
    // Rows of one piece until the first go to disk, and then a row of each piece while most of those still wait.
    const first = piece();
    for (let line = 2; line < 5_802; line++) {
      store.add({ line, fields: [`key-${line}`, first.slice(line, line + 60)] });
    }
    for (let line = 5_802; line < 6_802; line++) {
      store.add({ line, fields: [`key-${line}`, piece().slice(line, line + 60)] });
    }
    let least = Infinity;
    for (let thrownAway = 0; thrownAway < 1_000; thrownAway++) {
      assert.ok(piece().length > 0);
      least = Math.min(least, process.memoryUsage().heapUsed);
    }
    assert.ok(least < 250_000_000, `${least} bytes`);
  } finally {
    store.close();
  }
});

Deno.test("openRowStore() leaves no file behind, even while it is open", async () => {
  const before = await temporaryFiles();
  const store = openRowStore(keyOf, { file: 100, partition: 1_000, block: 100 });
  for (const row of rowsOf(100, 10)) store.add(row);
  assert.deepEqual(await temporaryFiles(), before);
  store.close();
});

async function temporaryFiles(): Promise<string[]> {
  const probe = await Deno.makeTempFile();
  const folder = probe.slice(0, probe.lastIndexOf("/"));
  await Deno.remove(probe);
  const names = await Array.fromAsync(Deno.readDir(folder), ({ name }) => name);
  return names.filter((name) => name.startsWith("orders_import_")).sort();
}
