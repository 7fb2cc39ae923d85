import assert from "node:assert/strict";
import { WorkflowError } from "../../../domain/errors.ts";
import { placeColumns } from "../../../domain/import/csv_columns.ts";
import { openOrderFile, requirePlan } from "../../../streams/imports/order_file.ts";
import { watchOutcomes } from "../../../streams/imports/outcome_watch.ts";

const own = "external_order_id,order_placed_at,currency,customer_id,customer_email,customer_name," +
  "product_sku,product_name,unit_price_cents,qty";

const row = (id: string, more: string, name = "Mug") =>
  `${id},2026-01-05 10:00:00,EUR,K1,a@shop.example,Ann,MUG,${name},1200,1${more}\n`;

/** What a file in the own columns comes to: `own` where nothing of it is in question, else what is asked. */
async function outcome(header: string, ...rows: string[]): Promise<string> {
  const bytes = new TextEncoder().encode(`${header}\n${rows.join("")}`);
  const file = await openOrderFile(ReadableStream.from([bytes]), { onProgress: () => {} });
  try {
    requirePlan(file, { name: "orders.csv" });
    return file.other === undefined ? "own" : "other";
  } catch (error) {
    assert.ok(error instanceof WorkflowError);
    return error.message;
  } finally {
    file.close();
  }
}

Deno.test("a file in the own columns is judged by the values of those that are not used, too", async () => {
  const header = `${own},transactions,batch`;
  assert.equal(await outcome(header, row("A", ",card,paidout"), row("B", ",,")), "own");
  // Whichever row, column, case and quoting it is in, and whatever the column is called.
  for (
    const [last, word] of [
      [row("C", ",Paid,7"), "Paid"],
      [row("C", ',"storniert",7'), "storniert"],
      [row("C", ", refunded ,7", '"Mug, ""blue"""'), "refunded"],
      [row("C", ",card,ANNULÉE"), "ANNULÉE"],
    ] as const
  ) {
    const rows = Array.from({ length: 3_000 }, (_, at) => row(`R${at}`, `,card ${at},${at}`));
    const said = await outcome(header, ...rows, last);
    assert.match(said, new RegExp(`line 3002: has .*${word}.* status\\.columns: .*${word}`));
    assert.match(said, /"ignore"/);
  }
});

Deno.test("a word that says what payment_status says is passed over, and one that does not is asked about", async () => {
  const header = `${own},payment_status,gateway`;
  assert.equal(
    await outcome(header, row("A", ",paid,Bezahlt"), row("B", ",due,unpaid"), row("C", ",none,")),
    "own",
  );
  for (const more of [",due,bezahlt", ",,paid", ",paid,refunded", ",paid,unpaid", ",none,paid"]) {
    assert.match(await outcome(header, row("A", more)), /status\.columns/, more);
  }
});

Deno.test("columns about parcels, and those of a rejects file, say nothing of an order's money", async () => {
  assert.equal(await outcome(`${own},Tracking,Lieferung`, row("A", ",cancelled,storniert")), "own");
  assert.equal(await outcome(`${own},line,reason`, row("A", ",2,paid")), "own");
});

Deno.test("watchOutcomes() looks at nothing of a file whose columns are all used", () => {
  const places = (header: readonly string[]) => placeColumns(header) as never;
  const header = own.split(",");
  assert.equal(watchOutcomes(header, places(header)), undefined);
  assert.equal(
    watchOutcomes([...header, "line", "reason"], places([...header, "line", "reason"])),
    undefined,
  );
  assert.notEqual(watchOutcomes([...header, "x"], places([...header, "x"])), undefined);
});
