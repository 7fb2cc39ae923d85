import assert from "node:assert/strict";
import type { Database } from "../../../db/connection/database.ts";
import { readLedgerMarks } from "../../../db/ledger/ledger_marks.ts";
import { closeDays } from "../../../streams/ledger/close_days.ts";
import { withWorkflow } from "../../workflow.ts";

/** The database with its clock at a moment, UTC. */
function at(db: Database, moment: string): Database {
  const seconds = Date.parse(`${moment}Z`) / 1_000;
  return {
    ...db,
    transaction: (work, options) =>
      db.transaction(async (tx) => {
        await tx.runText(`set timestamp = ${seconds}`);
        try {
          return await work(tx);
        } finally {
          await tx.runText("set timestamp = default");
        }
      }, options),
  };
}

Deno.test("closeDays() leaves a day open for a quarter of an hour after its end, in which versions before may still book on it", () =>
  withWorkflow("close_grace", async ({ db }) => {
    assert.equal(await closeDays(at(db, "2026-03-02T00:14:59")), "2026-02-28");
    assert.equal(await closeDays(at(db, "2026-03-02T00:14:59")), null);
    assert.equal(await closeDays(at(db, "2026-03-02T00:15:00")), "2026-03-01");
    // A clock that is set back opens nothing again.
    assert.equal(await closeDays(at(db, "2026-03-01T12:00:00")), null);
    assert.equal((await readLedgerMarks(db)).closedDay, "2026-03-01");
  }));

Deno.test("closeDays() closes nothing before everything of before the ledger is booked, each movement on its own day", () =>
  withWorkflow("close_complete", async (flow) => {
    await flow.rows("update ledger_marks set is_complete = 0");
    assert.equal(await closeDays(at(flow.db, "2026-03-02T12:00:00")), null);
    assert.equal((await readLedgerMarks(flow.db)).closedDay, null);
    await flow.rows("update ledger_marks set is_complete = 1");
    assert.equal(await closeDays(at(flow.db, "2026-03-02T12:00:00")), "2026-03-01");
  }));
