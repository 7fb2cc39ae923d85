import assert from "node:assert/strict";
import { archivedForm, archivedTables } from "../../../db/archive/archived_tables.ts";
import { withWorkflow } from "../../workflow.ts";

Deno.test("archived tables have the columns and indexes of the live ones, and every column is moved", async () => {
  await withWorkflow("archived_tables", async ({ rows }) => {
    for (const { name, columns } of archivedTables) {
      const columnsOf = async (table: string) =>
        (await rows(
          `select column_name as name, column_type as type, is_nullable as nullable,
            coalesce(character_set_name, '') as charset, coalesce(collation_name, '') as collation
          from information_schema.columns
          where table_schema = database() and table_name = ? and coalesce(generation_expression, '') = ''
          order by column_name`,
          [table],
        )).map((row) => ({ ...row }));
      const live = await columnsOf(name);
      assert.deepEqual(await columnsOf(`archived_${name}`), live, name);
      assert.deepEqual([...columns].sort(), live.map((row) => String(row.name)).sort(), name);
      const indexesOf = async (table: string) =>
        (await rows(
          `select index_name as name, column_name as col, seq_in_index as seq, non_unique as many
          from information_schema.statistics
          where table_schema = database() and table_name = ?
          order by index_name, seq_in_index`,
          [table],
        )).map((row) => ({ ...row }));
      assert.deepEqual(await indexesOf(`archived_${name}`), await indexesOf(name), name);
    }
  });
});

/** What has an order's id or a refund's and stays where it is, and why. */
const staying: Record<string, string> = {
  archived_orders: "says which are archived",
  charge_keys: "by which a callback finds its order",
  chargeback_movements: "counts in the figures",
  chargebacks:
    "found by its provider's name; an order with one that is not decided is not archived",
  dead_letters: "about messages; an order with one that waits is not archived",
  erasures: "how far an erasure is",
  ledger_entries: "is never changed, nor moved",
  ledger_seals: "is about days",
  discrepancies: "tells what is open until it is explained or mended, whatever became of the order",
  money_given_twice: "an order that has one is not archived",
  order_addresses: "by which orders are found",
  order_providers: "says whom an order's money was asked of, for answers that come late",
  order_retries: "counts in the figures",
  order_shortages: "what a failed order can be taken up again for",
  payment_actions: "one row of those that a customer had to do something for",
  payment_attempts: "what providers said; found by its order",
  payment_disputes: "an order that has one is not archived",
  payment_holds: "what an answer that comes late is about",
  payment_instructions: "one row of those that said what they are paid with",
  returned_refunds: "counts in the figures, and says what is owed still",
  refunds: "counts in the figures; found by its id and its key",
  refunds_by_hand: "an order that has one is not archived",
  source_payments: "one payment pays one order",
  stock_movements: "belongs to a product",
  superseded_charges: "what an answer that comes late is about",
};

Deno.test("every table that hangs on an order is moved with it, or stays for a reason", async () => {
  await withWorkflow("archived_all", async ({ rows }) => {
    const hanging = await rows(
      `select distinct table_name as name
      from information_schema.columns
      where table_schema = database() and column_name in (
        'order_id', 'after_order_id', 'refund_id', 'notification_log_id', 'order_item_id')`,
    );
    const names = hanging.map(({ name }) => String(name))
      .filter((name) => name === "archived_orders" || !name.startsWith("archived_"));
    // Rows of the list of what is to be sent are there for orders alone that are not archived.
    const moved = [...archivedTables.map(({ name }) => name), "notification_deliveries"];
    assert.deepEqual(names.sort(), [...moved, ...Object.keys(staying)].sort());
  });
});

Deno.test("archivedForm() turns tables and leaves indexes and other names", () => {
  assert.equal(
    archivedForm("select payments.id from payments force index (payments_order_once)"),
    "select archived_payments.id from archived_payments force index (payments_order_once)",
  );
  assert.equal(
    archivedForm("archived_payments, source_payments"),
    "archived_payments, source_payments",
  );
});
