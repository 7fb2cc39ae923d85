import assert from "node:assert/strict";
import { closeDays, sealPiece } from "../../../streams/ledger/close_days.ts";
import { repair } from "../../../streams/recovery/repair.ts";
import { verify } from "../../../streams/verification/verify.ts";
import { aChargeback, aPaidOrder, tell } from "../../chargebacks.ts";
import { verifyNow } from "../../settled_workflow.ts";
import { withWorkflow, type Workflow } from "../../workflow.ts";

/** What both proofs say of the ledger, which is the same. */
async function ledgerDrift(flow: Workflow): Promise<string[]> {
  const found: string[][] = [];
  for (const incremental of [true, false]) {
    const report = await verify(flow, { settleMs: 0, incremental });
    const { drift } = report.checks.find(({ name }) => name === "ledger")!;
    const named = drift.filter(({ subject }) => !/^[A-Z]{3}$/.test(subject));
    found.push(named.map(({ subject, what }) => `${subject}: ${what}`).sort());
  }
  assert.deepEqual(found[0], found[1]);
  return found[1]!;
}

/** Two orders, each with a chargeback: one that was lost, and one that waits. */
async function addChargebacks(flow: Workflow): Promise<void> {
  await aPaidOrder(flow);
  await aPaidOrder(flow, "2");
  await tell(flow, aChargeback("lost", 0, { amountCents: 700 }));
  const other = { providerRef: "dp_2", chargeRefs: ["sim_of_2"] };
  await tell(flow, aChargeback("needs_response", 0, { ...other, amountCents: 300 }));
}

const entry = "order_id, source, source_id, step";
const changes: Record<string, [sql: string, drift: string[]]> = {
  "a row is gone": [
    "delete from ledger_entries where source = 4 and source_id = 1 and account = 7",
    ["order 1: its chargeback 1 in the ledger"],
  ],
  "both are": [
    "delete from ledger_entries where source = 4 and source_id = 1",
    ["order 1: its chargeback 1 in the ledger"],
  ],
  "both amounts are others": [
    "update ledger_entries set amount_cents = sign(amount_cents) * 699 where source = 4 and source_id = 1",
    ["order 1: its chargeback 1 in the ledger"],
  ],
  "two have exchanged their amounts": [
    "update ledger_entries set amount_cents = sign(amount_cents) * (1000 - abs(amount_cents)) where source = 4",
    ["order 1: its chargeback 1 in the ledger", "order 2: its chargeback 2 in the ledger"],
  ],
  "it stands on another account": [
    "update ledger_entries set account = 2 where source = 4 and source_id = 2 and account = 7",
    ["order 2: its chargeback 2 in the ledger"],
  ],
  "it is in another currency": [
    "update ledger_entries set currency = 'USD' where source = 4 and source_id = 2",
    ["order 2: its chargeback 2 in the ledger"],
  ],
  "it is booked twice": [
    `insert into ledger_entries
    select order_id, source, source_id, step + 1, account, amount_cents, currency, day, booked_at
    from ledger_entries where source = 4 and source_id = 1`,
    ["order 1: its chargeback 1 in the ledger"],
  ],
  "one is booked that there is not": [
    `insert into ledger_entries
    select order_id, source, 99, step, account, amount_cents, currency, day, booked_at
    from ledger_entries where source = 4 and source_id = 1`,
    ["order 1: its chargeback 99 in the ledger"],
  ],
  "it is another order's": [
    "update ledger_entries set order_id = 2 where source = 4 and source_id = 1",
    ["order 1: its chargeback 1 in the ledger", "order 2: its chargeback 1 in the ledger"],
  ],
  "the chargeback is of another amount": [
    "update chargebacks set amount_cents = 701 where id = 1",
    ["order 1: its chargeback 1 in the ledger"],
  ],
  "an order has a fee": [
    `insert into ledger_entries (${entry}, account, amount_cents, currency, day, booked_at)
    values (1, 5, 3, 1, 1, -30, 'EUR', current_date, current_timestamp(6)),
      (1, 5, 3, 1, 8, 30, 'EUR', current_date, current_timestamp(6))`,
    ["order 1: its fee 3 in the ledger"],
  ],
};

Deno.test("both proofs name the chargeback whose rows in the ledger are missing, changed, added or moved", (t) =>
  withWorkflow("ledger_chargebacks", async (flow) => {
    await addChargebacks(flow);
    const tables = ["ledger_entries", "chargebacks"];
    for (const table of tables) {
      await flow.rows(`create table kept_${table} as select * from ${table}`);
    }
    assert.deepEqual(await ledgerDrift(flow), []);
    for (const [name, [sql, drift]] of Object.entries(changes)) {
      await t.step(name, async () => {
        await flow.rows(sql);
        assert.deepEqual(await ledgerDrift(flow), drift);
      });
      await flow.rows("delete from ledger_entries");
      await flow.rows("insert into ledger_entries select * from kept_ledger_entries");
      await flow.rows(
        "update chargebacks join kept_chargebacks kept on kept.id = chargebacks.id set chargebacks.amount_cents = kept.amount_cents",
      );
    }
    assert.deepEqual(await ledgerDrift(flow), []);
  }));

Deno.test("rows of a chargeback that are gone are booked again by a repair, on the day on which it is", () =>
  withWorkflow("ledger_chargeback_gone", async (flow) => {
    await addChargebacks(flow);
    await flow.rows("delete from ledger_entries where source = 4 and source_id = 1");
    const report = await verifyNow(flow);
    assert.equal(await repair(flow, report, () => verifyNow(flow)), "mended");
    assert.deepEqual(await ledgerDrift(flow), []);
    // What comes of it later goes on from there.
    await tell(flow, aChargeback("won", 60, { amountCents: 700 }));
    assert.deepEqual(await ledgerDrift(flow), []);
  }));

Deno.test("a chargeback that has changed since a day was closed is looked at by both proofs, and one before by its seal", () =>
  withWorkflow("ledger_chargeback_closed", async (flow) => {
    await addChargebacks(flow);
    await flow.rows(
      "update ledger_entries set day = day - interval 3 day, booked_at = booked_at - interval 3 day",
    );
    await flow.rows("update chargebacks set updated_at = updated_at - interval 3 day");
    await closeDays(flow.db);
    while (await sealPiece(flow.db));
    assert.deepEqual(await ledgerDrift(flow), []);
    await tell(
      flow,
      aChargeback("won", 60, { providerRef: "dp_2", amountCents: 300, chargeRefs: ["sim_of_2"] }),
    );
    await flow.rows(
      "delete from ledger_entries where source = 4 and source_id = 2 and day = current_date",
    );
    assert.deepEqual(await ledgerDrift(flow), ["order 2: its chargeback 2 in the ledger"]);
  }));

Deno.test("the largest amounts that are taken are proven like any other", () =>
  withWorkflow("ledger_largest", async (flow) => {
    await aPaidOrder(flow);
    for (let one = 1; one <= 3; one++) {
      const largest = { providerRef: `dp_${one}`, amountCents: 2 ** 51 };
      await tell(flow, aChargeback("lost", 0, largest));
    }
    assert.deepEqual(await ledgerDrift(flow), []);
  }));
