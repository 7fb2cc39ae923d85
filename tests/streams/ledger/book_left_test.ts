import assert from "node:assert/strict";
import type { Database } from "../../../db/connection/database.ts";
import { bookNextOrders, bookRecent } from "../../../streams/ledger/book_left.ts";
import { takeLedgerStep } from "../../../streams/ledger/keep_ledger.ts";
import { repair } from "../../../streams/recovery/repair.ts";
import { verify } from "../../../streams/verification/verify.ts";
import { age, archiveAll } from "../../archived.ts";
import { breaking } from "../../breaking_database.ts";
import { restoreDump, takeDump } from "../../dump.ts";
import { driftOf, type SettledWorkflow, verifyNow, withSettled } from "../../settled_workflow.ts";
import { anOrder, type Workflow } from "../../workflow.ts";

/** All rows of the ledger. */
async function dumpLedger({ rows }: Workflow): Promise<string[]> {
  const found = await rows(
    `select concat_ws(' ', order_id, source, source_id, step, account, amount_cents, currency, day, booked_at) as entry
    from ledger_entries order by order_id, source, source_id, step, account`,
  );
  return found.map(({ entry }) => String(entry));
}

/** As a database is that a version without a ledger has filled. */
async function forgetLedger({ rows }: Workflow): Promise<void> {
  await rows("delete from ledger_entries");
  await rows("update ledger_marks set is_complete = 0, orders_upto = 0");
}

async function bookAll(db: Database): Promise<void> {
  while (await bookNextOrders(db));
}

async function expectSound(flow: Workflow): Promise<void> {
  for (const incremental of [true, false]) {
    const report = await verify(flow, { settleMs: 0, incremental });
    assert.deepEqual(report.checks.filter(({ ok }) => !ok), [], `incremental: ${incremental}`);
  }
}

/** With money that came late and went back, in an order of its own. */
async function addLate(flow: SettledWorkflow): Promise<void> {
  await flow.rows(
    `update payments set status = 'REVERSED', paid_at = '2026-01-02 03:04:05', updated_at = '2026-01-05 06:07:08'
    where order_id = ?`,
    [flow.ids.declined],
  );
}

Deno.test("orders of before the ledger get their rows on their own days, and the proof says how far that is", () =>
  withSettled("left_before", async (flow) => {
    const { db, ids } = flow;
    const live = await dumpLedger(flow);
    await forgetLedger(flow);
    await addLate(flow);
    for (const incremental of [true, false]) {
      const report = await verify(flow, { settleMs: 0, incremental });
      assert.equal(report.ok, true);
      assert.deepEqual([report.ledger!.complete, report.ledger!.booked_up_to], [false, 0]);
    }
    await bookAll(db);
    const late = (entry: string) => entry.startsWith(`${ids.declined} `);
    const booked = await dumpLedger(flow);
    assert.deepEqual(booked.filter((entry) => !late(entry)), live);
    assert.deepEqual(booked.filter(late), [
      `${ids.declined} 1 0 1 1 101 EUR 2026-01-02 2026-01-02 03:04:05.000000`,
      `${ids.declined} 1 0 1 2 -101 EUR 2026-01-02 2026-01-02 03:04:05.000000`,
      `${ids.declined} 1 0 2 1 -101 EUR 2026-01-05 2026-01-05 06:07:08.000000`,
      `${ids.declined} 1 0 2 2 101 EUR 2026-01-05 2026-01-05 06:07:08.000000`,
    ]);
    assert.equal((await verifyNow(flow)).ledger!.complete, true);
    await expectSound(flow);
    // Nothing is booked a second time.
    await flow.rows("update ledger_marks set is_complete = 0, orders_upto = 0");
    await bookAll(db);
    assert.deepEqual(await dumpLedger(flow), booked);
  }));

Deno.test("booking that breaks off at any statement books nothing twice and leaves nothing out", () =>
  withSettled("left_crash", async (flow) => {
    const live = await dumpLedger(flow);
    let broken = 0;
    for (let at = 1;; at++) {
      await forgetLedger(flow);
      const { db, broke } = breaking(flow.db, at);
      await bookNextOrders(db).catch((error) => assert.equal(error.message, "crash"));
      if (!broke()) break;
      broken++;
      assert.equal((await verify(flow, { settleMs: 0, incremental: true })).ok, true);
      await bookAll(flow.db);
      assert.deepEqual(await dumpLedger(flow), live, `statement ${at}`);
    }
    assert.ok(broken > 8, `${broken}`);
  }));

Deno.test("what a version before moves beside is no drift, and is booked by the duty", () =>
  withSettled("left_beside", async (flow) => {
    const { db, ids } = flow;
    const live = await dumpLedger(flow);
    await flow.rows("delete from ledger_entries where order_id = ?", [ids.paid]);
    const report = await verifyNow(flow);
    assert.deepEqual([report.ok, report.ledger!.waiting], [true, 2]);
    assert.equal(await bookRecent(db), 2);
    assert.deepEqual(await dumpLedger(flow), live);
    assert.equal(await bookRecent(db), 0);
    assert.equal((await verifyNow(flow)).ledger!.waiting, 0);
  }));

Deno.test("what nobody has booked after a quarter of an hour is drift, and mended by the repair", () =>
  withSettled("left_missing", async (flow) => {
    const { ids } = flow;
    await flow.rows("delete from ledger_entries where order_id = ?", [ids.paid]);
    await flow.rows("update payments set updated_at = updated_at - interval 1 hour");
    await flow.rows("update refunds set processed_at = processed_at - interval 1 hour");
    const report = await verifyNow(flow);
    assert.deepEqual(
      driftOf(report, "ledger").map(({ what, expected, found }) => [what, expected, found]),
      [
        ["its payment in the ledger", "clearing 400, sales -400", null],
        [`its refund ${ids.refund} in the ledger`, "clearing -100, refunds 100", null],
      ],
    );
    assert.equal(await repair(flow, report, () => verifyNow(flow)), "mended");
    await expectSound(flow);
  }));

Deno.test("what is booked for a day that is closed is booked today", () =>
  withSettled("left_closed", async (flow) => {
    await flow.rows("delete from ledger_entries where order_id = ?", [flow.ids.dollars]);
    await flow.rows("update ledger_marks set closed_day = date(now()), sealed_day = date(now())");
    await flow.rows("update orders set settled_time = settled_time - interval 5 day where id = ?", [
      flow.ids.dollars,
    ]);
    assert.equal(await bookRecent(flow.db), 1);
    // Not before what was closed above, and not ahead: between both looks a day may end.
    const [row] = await flow.rows(
      `select distinct day between closed_day and date(now()) as is_today
      from ledger_entries, ledger_marks where order_id = ?`,
      [flow.ids.dollars],
    );
    assert.equal(Number(row!.is_today), 1);
  }));

Deno.test("what happened on the last day that is closed is booked now", () =>
  withSettled("left_last_closed", async (flow) => {
    const { dollars } = flow.ids;
    await flow.rows("delete from ledger_entries where order_id = ?", [dollars]);
    await flow.rows(`
      update ledger_marks set sealed_day = date(now() - interval 2 day), closed_day = date(now() - interval 2 day)`);
    await flow.rows(
      "update orders set settled_time = now(6) - interval 2 day where id = ?",
      [dollars],
    );
    assert.equal(await bookRecent(flow.db), 1);
    const [row] = await flow.rows(
      "select min(day) > date(now() - interval 2 day) as is_open from ledger_entries where order_id = ?",
      [dollars],
    );
    assert.equal(Number(row!.is_open), 1);
  }));

Deno.test("the duty books, then seals, then looks at what is sealed; on an empty database there is nothing before", () =>
  withSettled("left_duty", async (flow) => {
    const [marks] = await flow.rows("select is_complete from ledger_marks");
    assert.equal(Number(marks!.is_complete), 1);
    const live = await dumpLedger(flow);
    await forgetLedger(flow);
    assert.equal(await takeLedgerStep(flow), "booked");
    assert.deepEqual(await dumpLedger(flow), live);
    await flow.rows(
      "update ledger_entries set day = day - interval 2 day, booked_at = booked_at - interval 2 day",
    );
    assert.equal(await takeLedgerStep(flow), "booked");
    assert.equal(await takeLedgerStep(flow), "sealed");
    assert.equal(await takeLedgerStep(flow), "proven");
    await expectSound(flow);
  }));

Deno.test("archived orders are booked as others are, and a ledger comes back with its dump", () =>
  withSettled("left_archived", async (flow) => {
    const live = await dumpLedger(flow);
    const dump = await takeDump(flow.test.databaseUrl);
    await flow.add([anOrder("after", [{ sku: "b", qty: 1, unitPriceCents: 500 }])]);
    await flow.drain();
    assert.equal((await dumpLedger(flow)).length, live.length + 2);
    await restoreDump(flow.test.databaseUrl, dump);
    assert.deepEqual(await dumpLedger(flow), live);

    await age(flow);
    assert.ok(await archiveAll(flow) > 0);
    const aged = async () => {
      await forgetLedger(flow);
      await bookAll(flow.db);
      return await dumpLedger(flow);
    };
    const amounts = (entries: string[]) =>
      entries.map((entry) => entry.split(" ").slice(0, 7).join(" "));
    assert.deepEqual(amounts(await aged()), amounts(live));
  }));
