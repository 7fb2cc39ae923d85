import assert from "node:assert/strict";
import fc from "fast-check";
import type { Database } from "../../../db/connection/database.ts";
import { readStock } from "../../../db/catalog/stock.ts";
import {
  type AppliedStockFile,
  applyStockFile,
  type StockFileOptions,
} from "../../../services/catalog/apply_stock_file.ts";
import { addProduct } from "../../../services/catalog/add_product.ts";
import { readStockFile } from "../../../streams/imports/stock_file.ts";
import { sourceOf } from "../../csv_orders.ts";
import { verifyNow } from "../../settled_workflow.ts";
import { anOrder, withWorkflow, type Workflow } from "../../workflow.ts";
import { anOperator } from "../../operator.ts";

async function apply(
  flow: Pick<Workflow, "db" | "redis" | "keys" | "log">,
  text: string,
  options: Partial<StockFileOptions> = {},
): Promise<AppliedStockFile> {
  const file = await readStockFile(sourceOf(text), { name: "stock.csv" });
  return await applyStockFile(flow, file, {
    name: "stock.csv",
    operator: anOperator("cli:ann"),
    create: false,
    again: false,
    ...options,
  });
}

/** Products `p0` and so on, of ten units each. */
async function products(flow: Workflow, count: number): Promise<void> {
  const header = "sku,set_qty,name,price_cents\n";
  const rows = Array.from({ length: count }, (_, n) => `p${n},10,Product ${n},100\n`);
  await apply(flow, header + rows.join(""), { create: true });
}

const unitsOf = async ({ rows }: Workflow): Promise<Record<string, [number, number]>> => {
  const found = await rows("select sku, stock_qty, received_qty from products order by sku");
  return Object.fromEntries(
    found.map((row) => [String(row.sku), [Number(row.stock_qty), Number(row.received_qty)]]),
  );
};

const movementsOf = async ({ rows }: Workflow) => {
  const [row] = await rows("select count(*) as n, sum(qty) as units from stock_movements");
  return [Number(row!.n), Number(row!.units)];
};

Deno.test("a file sets the units of many products, and again changes nothing", () =>
  withWorkflow("stock_file_set", async (flow) => {
    await products(flow, 3);
    await flow.add([anOrder("x", [{ sku: "p0", qty: 4 }])]);
    await flow.turn("orders");
    const text = "SKU,shelf,Set_Qty,detail\np0,1,20,counted\np1,2,5,\np2,3,10,\n";
    const { report, rejected } = await apply(flow, text);
    assert.deepEqual([report, rejected], [{
      rows: 3,
      rows_changed: 2,
      rows_unchanged: 1,
      rows_rejected: 0,
      products_created: 0,
      units_received: 14,
      units_corrected: 5,
    }, []]);
    assert.deepEqual(await unitsOf(flow), { p0: [20, 24], p1: [5, 5], p2: [10, 10] });
    assert.equal((await apply(flow, text)).report.rows_unchanged, 3);
    assert.deepEqual(await movementsOf(flow), [5, 39]);
    assert.equal((await verifyNow(flow)).ok, true);
  }));

Deno.test("a file adds units once, unless somebody says again", () =>
  withWorkflow("stock_file_add", async (flow) => {
    await products(flow, 2);
    const text = "sku,add_qty\np0,5\np1,-3\np0,1\n";
    const { report } = await apply(flow, text);
    assert.deepEqual([report.rows_changed, report.units_received, report.units_corrected], [
      3,
      6,
      3,
    ]);
    await assert.rejects(apply(flow, text), {
      code: "stock_file_applied",
      message:
        /^Cannot add the units of stock.csv: a file of the same content was applied on .* by cli:ann; --again \(again=true/,
    });
    assert.deepEqual(await unitsOf(flow), { p0: [16, 16], p1: [7, 7] });
    await apply(flow, text, { again: true });
    assert.deepEqual(await unitsOf(flow), { p0: [22, 22], p1: [4, 4] });
    await assert.rejects(apply(flow, text), /, 2 times by now/);
    assert.equal((await verifyNow(flow)).ok, true);
  }));

Deno.test("a file of which nothing was taken is taken once its products are there", () =>
  withWorkflow("stock_file_nothing", async (flow) => {
    const text = "sku,add_qty\np0,5\np1,3\n";
    assert.equal((await apply(flow, text)).report.rows_rejected, 2);
    assert.equal((await apply(flow, text)).report.rows_rejected, 2);
    await products(flow, 2);
    assert.equal((await apply(flow, text)).report.units_received, 8);
    await assert.rejects(apply(flow, text), { code: "stock_file_applied" });
    assert.deepEqual(await unitsOf(flow), { p0: [15, 15], p1: [13, 13] });
  }));

Deno.test("rows that can't be taken are named, and the others are taken", () =>
  withWorkflow("stock_file_rejects", async (flow) => {
    await products(flow, 2);
    const { report, rejected } = await apply(
      flow,
      "sku,add_qty,name\np0,x,\np1,-11,\nnothing,1,Name\n,1,\np1,2,\n",
      { create: true },
    );
    assert.deepEqual(rejected.map(({ line, reason }) => [line, reason]), [
      [
        2,
        'add_qty: "x" must be an integer -1000000000000…1000000000000: whole units, without separators',
      ],
      [3, 'qty: Cannot take 11 units of it: only 10 left ("p1")'],
      [
        4,
        'sku: there is no such product: to create it the row needs price_cents ("nothing")',
      ],
      [5, "sku: is missing"],
    ]);
    assert.deepEqual([report.rows, report.rows_changed, report.rows_rejected], [5, 1, 4]);
    assert.deepEqual(rejected[2]!.fields, ["nothing", "1", "Name"]);
    const twice = await apply(flow, "sku,set_qty\np0,1\np1,3\np0,2\n");
    assert.deepEqual(twice.rejected.map(({ line }) => line), [2, 4]);
    assert.match(twice.rejected[0]!.reason, /"p0" can be set once only.*\(lines 2, 4\)$/);
    assert.deepEqual(await unitsOf(flow), { p0: [10, 10], p1: [3, 3] });
  }));

Deno.test("a file creates products where it may, each with its first step", () =>
  withWorkflow("stock_file_create", async (flow) => {
    const text =
      "sku,add_qty,name,price_cents,detail\nn1,5,One,100,box 3\nn2,0,Two,200,\nn1,2,One,100,\n";
    const refused = await apply(flow, text);
    assert.equal(refused.report.rows_rejected, 3);
    assert.match(
      refused.rejected[0]!.reason,
      /create products with --create \(create=true over HTTP\) \("n1"\)$/,
    );
    assert.deepEqual(await unitsOf(flow), {});
    const { report } = await apply(flow, text, { create: true, again: true });
    assert.deepEqual([report.products_created, report.rows_changed], [2, 3]);
    assert.deepEqual(await unitsOf(flow), { n1: [7, 7], n2: [0, 0] });
    const steps = await flow.rows("select qty, actor, detail from stock_movements order by id");
    assert.deepEqual(steps.map((row) => Object.values(row)), [
      [5, "cli:ann", "first stock: box 3"],
      [2, "cli:ann", null],
    ]);
    assert.equal((await readStock(flow.db, "n2"))!.name, "Two");
    const same = { sku: "n1", name: "One", priceCents: 100, stockQty: 5 };
    assert.equal((await addProduct(flow, same, { operator: anOperator("x") })).isNew, false);
  }));

Deno.test("a file that is no stock file is refused and changes nothing", () =>
  withWorkflow("stock_file_refused", async (flow) => {
    await products(flow, 1);
    for (
      const [text, message] of [
        ["", /^Cannot apply stock.csv: line 1: the header is missing/],
        ["sku,qty\np0,1\n", /column set_qty/],
        ["sku,set_qty\np0,1\np0\n", /line 3: has 1 field, but the header has 2/],
        ['sku,set_qty\np0,"1\n', /line 2: a quote/],
      ] as const
    ) {
      await assert.rejects(apply(flow, text), { code: "invalid", message });
    }
    const small = { name: "x", limits: { bytes: 20, rows: 1, fields: 10 } };
    await assert.rejects(
      readStockFile(sourceOf("sku,set_qty\na,1\nb,2\n"), small),
      /more than 1 r/,
    );
    await assert.rejects(readStockFile(sourceOf("s".repeat(30)), small), /more than 20 bytes/);
    assert.deepEqual(await unitsOf(flow), { p0: [10, 10] });
  }));

/** A database whose process dies around one of its transactions: before its commit, or right after it. */
function dying(db: Database, at: number, when: "before" | "after"): Database {
  let count = 0;
  return {
    ...db,
    transaction: async (work, options) => {
      const isLast = count++ === at;
      const result = await db.transaction(async (tx) => {
        const result = await work(tx);
        if (isLast && when === "before") throw new Error("killed");
        return result;
      }, options);
      if (isLast) throw new Error("killed");
      return result;
    },
  };
}

for (const mode of ["add_qty", "set_qty"]) {
  Deno.test(`a file of ${mode} that is killed at any moment and run again is as one run`, () =>
    withWorkflow(`stock_file_killed_${mode.slice(0, 3)}`, async (flow) => {
      // Three transactions, each with rows that the database has something against.
      await products(flow, 2_500);
      const rows = Array.from(
        { length: 2_500 },
        (_, n) => n % 500 === 7 ? `nothing${n},1` : `p${n},${n % 20}`,
      );
      const expected = await unitsOf(flow);
      let steps = (await movementsOf(flow))[0]!;
      for (let at = 0; at < 4; at++) {
        for (const when of ["before", "after"] as const) {
          const text = `sku,${mode},${at}${when}\n${rows.map((row) => `${row},\n`).join("")}`;
          const db = dying(flow.db, at, when);
          const killed = await apply({ ...flow, db }, text).then(() => false, () => true);
          // There are fewer transactions than that, or it was finished before anybody was told.
          const isDone = !killed || (mode === "add_qty" && at === 3 && when === "after");
          if (!isDone || mode === "set_qty") {
            const { report, rejected } = await apply(flow, text);
            assert.equal(report.rows_rejected, 5);
            assert.equal(rejected.length, 5);
            assert.equal(report.rows_changed + report.rows_unchanged, 2_495);
          } else await assert.rejects(apply(flow, text), { code: "stock_file_applied" });
          for (const [n, row] of rows.entries()) {
            const [sku, qty] = row.split(",") as [string, string];
            if (n % 500 === 7) continue;
            const before = expected[sku]![0]!;
            const after = mode === "add_qty" ? before + Number(qty) : Number(qty);
            if (after !== before) steps++;
            expected[sku] = [after, after];
          }
          assert.deepEqual(await unitsOf(flow), expected, `${when} transaction ${at}`);
          assert.equal((await movementsOf(flow))[0], steps);
        }
      }
      assert.equal((await verifyNow(flow)).ok, true);
    }));
}

Deno.test("two runs of one file at once add its units once", () =>
  withWorkflow("stock_file_at_once", async (flow) => {
    await products(flow, 2_500);
    const text = `sku,add_qty\n${Array.from({ length: 2_500 }, (_, n) => `p${n},1\n`).join("")}`;
    const ran = await Promise.allSettled([apply(flow, text), apply(flow, text), apply(flow, text)]);
    assert.ok(ran.some(({ status }) => status === "fulfilled"));
    const units = await unitsOf(flow);
    assert.ok(Object.values(units).every(([left]) => left === 11));
    assert.deepEqual(await movementsOf(flow), [5_000, 27_500]);
  }));

Deno.test("files go on while orders reserve, and every unit is where it belongs", () =>
  withWorkflow("stock_file_and_orders", async (flow) => {
    await products(flow, 20);
    await flow.add(
      Array.from(
        { length: 200 },
        (_, n) =>
          anOrder(`o${n}`, [{ sku: `p${n % 20}`, qty: 1 }, { sku: `p${(n * 7) % 20}`, qty: 1 }]),
      ),
    );
    const text = (round: number) =>
      `sku,add_qty,round ${round}\n${
        Array.from({ length: 20 }, (_, n) => `p${19 - n},3,\n`).join("")
      }`;
    await Promise.all([
      flow.turn("orders"),
      ...Array.from({ length: 5 }, (_, round) => apply(flow, text(round))),
    ]);
    await flow.drain();
    assert.equal((await verifyNow(flow)).ok, true);
    const [row] = await flow.rows("select sum(received_qty) as n from products");
    assert.equal(Number(row!.n), 20 * 25);
  }));

Deno.test("files come to what a model of them says", () =>
  withWorkflow("stock_file_model", async (flow) => {
    const model = new Map<string, number>();
    let file = 0;
    const row = fc.record({
      sku: fc.constantFrom("a", "b", "c", "d"),
      qty: fc.integer({ min: -5, max: 12 }),
      isNamed: fc.boolean(),
    });
    await fc.assert(
      fc.asyncProperty(fc.array(row, { maxLength: 8 }), fc.boolean(), async (rows, create) => {
        const lines = rows.map(({ sku, qty, isNamed }) => `${sku},${qty},${isNamed ? "N,1" : ","}`);
        const text = `sku,add_qty,name,price_cents,${file++}\n${
          lines.map((l) => `${l},\n`).join("")
        }`;
        const { report } = await apply(flow, text, { create });
        // Products are created before any row is looked at, by rows that could be taken alone.
        if (create) {
          for (const { sku, qty, isNamed } of rows) {
            if (isNamed && qty >= 0 && !model.has(sku)) model.set(sku, 0);
          }
        }
        let rejected = 0;
        for (const { sku, qty } of rows) {
          const left = model.get(sku);
          if (left === undefined || left + qty < 0) rejected++;
          else model.set(sku, left + qty);
        }
        assert.equal(report.rows_rejected, rejected);
        const units = await unitsOf(flow);
        assert.deepEqual(
          Object.fromEntries(Object.entries(units).map(([sku, [left]]) => [sku, left])),
          Object.fromEntries([...model].sort()),
        );
      }),
      { numRuns: 60 },
    );
    assert.equal((await verifyNow(flow)).ok, true);
  }));

Deno.test("a file that is cut off after its first rows stands in the audit log", () =>
  withWorkflow("stock_file_audit", async (flow) => {
    await products(flow, 1_500);
    const operator = anOperator("cli:ann");
    for (const column of ["set_qty", "add_qty"]) {
      const rows = Array.from({ length: 1_500 }, (_, n) => `p${n},7\n`).join("");
      const stop = new AbortController();
      let transactions = 0;
      const transaction: Database["transaction"] = async (work, own) => {
        const result = await flow.db.transaction(work, own);
        const isRows = column === "set_qty" || ++transactions > 1;
        if (isRows) stop.abort(new Error("killed"));
        return result;
      };
      const killed = { ...flow, db: { ...flow.db, transaction } };
      const text = `sku,${column}\n${rows}`;
      await assert.rejects(apply(killed, text, { operator, signal: stop.signal }), /killed/);
    }
    const entries = await flow.rows("select outcome, detail from audit_log order by id");
    assert.deepEqual(entries.map((row) => Object.values(row).join(" ").trim()), [
      "done begun: 1500 rows",
      "done 1500 rows: 1500 changed, 0 rejected",
      "done begun: 1500 rows",
      "failed",
      "done begun: 1500 rows",
      "failed",
    ]);
  }));
