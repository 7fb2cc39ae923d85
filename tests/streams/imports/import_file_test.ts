import assert from "node:assert/strict";
import fc from "fast-check";
import { maxOrderRows } from "../../../domain/import/order_csv.ts";
import { openOtherFile } from "../../../streams/imports/other_file.ts";
import { openImportFile } from "../../../streams/imports/import_file.ts";
import { csvOf, type CsvOrderRow } from "../../csv_orders.ts";

interface Read {
  /** Lines of the rows of each order, as they came. */
  orders: { id: string; lines: number[]; isPart: boolean }[];
  rows: number;
}

const limits = {
  spool: 500,
  store: { file: 300, partition: 100_000, block: 100 },
  orderRows: 4,
};

async function read(rows: CsvOrderRow[], { small = false, size = 70 } = {}): Promise<Read> {
  const bytes = new TextEncoder().encode(csvOf(rows));
  const pieces = Array.from(
    { length: Math.ceil(bytes.length / size) },
    (_, index) => bytes.slice(index * size, (index + 1) * size),
  );
  const file = await openImportFile(ReadableStream.from(pieces), {
    onProgress: () => {},
    limits: small ? limits : undefined,
  });
  try {
    const orders: Read["orders"] = [];
    for await (const group of file.groups()) {
      for (const own of group.orders) {
        const ids = new Set(own.map((row) => file.form.idOf(row)));
        assert.equal(ids.size, 1);
        const lines = own.map(({ line }) => line);
        orders.push({ id: [...ids][0]!, lines, isPart: group.oversized !== undefined });
      }
    }
    return { orders, rows: file.rows };
  } finally {
    file.close();
  }
}

/** A row without an order has no item either: with one the file would be refused. */
const row = (id: string): CsvOrderRow => ({
  external_order_id: id,
  ...(id === "" ? { product_sku: "", product_name: "", unit_price_cents: "", qty: " " } : {}),
});

Deno.test("openImportFile() gives orders whose rows stand together as they come, scattered ones later", async () => {
  const rows = ["A", "A", "B", "C", "B", " C ", "", "D", ""].map(row);
  assert.deepEqual(await read(rows), {
    rows: 9,
    orders: [
      { id: "A", lines: [2, 3], isPart: false },
      { id: "", lines: [8], isPart: false },
      { id: "D", lines: [9], isPart: false },
      { id: "", lines: [10], isPart: false },
      { id: "B", lines: [4, 6], isPart: false },
      { id: "C", lines: [5, 7], isPart: false },
    ],
  });
});

Deno.test("openImportFile() gives every order whole and every row once, in memory and on disk", async () => {
  const ids = fc.array(fc.constantFrom("A", "B", "C", "long-id-of-an-order", "é", ""), {
    maxLength: 40,
  });
  await fc.assert(
    fc.asyncProperty(
      ids,
      fc.boolean(),
      fc.integer({ min: 1, max: 200 }),
      async (ids, small, size) => {
        const { orders, rows } = await read(ids.map(row), { small, size });
        const expected = Map.groupBy(
          ids.map((id, index) => ({ id, line: index + 2 })),
          ({ id }) => id,
        );
        for (const id of expected.keys()) {
          const own = orders.filter((order) => order.id === id);
          if (id !== "") assert.equal(own.length, 1, `${id} came in ${own.length} groups`);
          assert.deepEqual(
            own.flatMap(({ lines }) => lines),
            expected.get(id)!.map(({ line }) => line),
          );
        }
        assert.equal(rows, ids.length);
        assert.equal(orders.flatMap(({ lines }) => lines).length, ids.length);
      },
    ),
    { numRuns: 60 },
  );
});

Deno.test("openImportFile() ends between two pieces when its signal aborts", async () => {
  const bytes = new TextEncoder().encode(csvOf([row("A"), row("B")]));
  const file = await openImportFile(ReadableStream.from([bytes]), { onProgress: () => {} });
  const groups = file.groups(AbortSignal.abort(new Error("enough")));
  await groups.next();
  await assert.rejects(() => groups.next(), /enough/);
  file.close();
});

for (const delimiter of [",", ";"]) {
  Deno.test(`scattered orders with too many rows are not gathered, in a file with "${delimiter}"`, async () => {
    const [head, one] = csvOf([{ external_order_id: "one" }]).split("\n");
    const two = csvOf([{ external_order_id: "two" }]).split("\n")[1]!;
    const small = csvOf([{ external_order_id: "small" }]).split("\n")[1]!;
    const count = maxOrderRows + 2_000;
    const text = `${head}\n${small}\n${`${one}\n${two}\n`.repeat(count)}${small}\n`;
    const bytes = new TextEncoder().encode(text.replaceAll(",", delimiter));
    const source = ReadableStream.from((function* () {
      for (let at = 0; at < bytes.length; at += 65_536) yield bytes.slice(at, at + 65_536);
    })());
    const onProgress = () => {};
    // With room for all that is gathered: rows that were would come whole.
    const limits = {
      spool: 1_000_000,
      orderRows: 10_000,
      store: { file: Infinity, partition: 1, block: 1 },
    };
    const file = delimiter === ","
      ? await openImportFile(source, { onProgress, limits })
      : (await openOtherFile(source, { onProgress, limits })).file;
    try {
      const rows: Record<string, number> = {};
      const lines = new Set<string>();
      for await (const { orders, oversized } of file.groups()) {
        for (const own of orders) {
          const id = file.form.idOf(own[0]!);
          rows[id] = (rows[id] ?? 0) + own.length;
          lines.add(`${id} ${oversized?.get(id)}`);
        }
      }
      assert.deepEqual(rows, { one: count, two: count, small: 2 });
      const tooMuch = 2 * maxOrderRows + 3;
      assert.deepEqual([...lines].sort(), [
        `one ${tooMuch}`,
        "small undefined",
        `two ${tooMuch + 1}`,
      ]);
    } finally {
      file.close();
    }
  });
}

for (const delimiter of [",", ";"]) {
  Deno.test(`an order with too many rows is not gathered, in a file with "${delimiter}"`, async () => {
    const row = csvOf([{ external_order_id: "large" }]).split("\n")[1]!;
    const rows = [
      csvOf([{ external_order_id: "first" }]),
      `${row}\n`.repeat(maxOrderRows + 1),
      csvOf([{ external_order_id: "last" }, { external_order_id: "large" }]).replace(/^.*\n/, ""),
    ].join("").replaceAll(",", delimiter);
    const bytes = new TextEncoder().encode(rows);
    const source = ReadableStream.from((function* () {
      for (let at = 0; at < bytes.length; at += 65_536) yield bytes.slice(at, at + 65_536);
    })());
    const onProgress = () => {};
    const file = delimiter === ","
      ? await openImportFile(source, { onProgress })
      : (await openOtherFile(source, { onProgress })).file;
    try {
      let largest = 0, large = 0;
      const whole: string[] = [];
      for await (const { orders, oversized } of file.groups()) {
        for (const own of orders) {
          const id = file.form.idOf(own[0]!);
          if (oversized === undefined) whole.push(id);
          else {
            assert.deepEqual([...oversized], [["large", maxOrderRows + 3]]);
            large += own.length;
          }
          largest = Math.max(largest, own.length);
        }
      }
      assert.deepEqual(whole, ["first", "last"]);
      assert.equal(large, maxOrderRows + 2);
      assert.ok(largest < 2_000, `${largest} rows at once`);
    } finally {
      file.close();
    }
  });
}
