/**
 * The release before beside this version, both ways, while orders come in: it works on while this one migrates, and both
 * work side by side on what is migrated.
 *
 * @module
 */

import { type Database, openDatabase } from "../../db/connection/database.ts";
import { readSnapshot } from "../../db/connection/snapshot.ts";
import { readLedgerMarks } from "../../db/ledger/ledger_marks.ts";
import { bookNextOrders, bookRecent } from "../../streams/ledger/book_left.ts";
import { findGaps } from "../../streams/ledger/find_gaps.ts";
import {
  expectAllFinished,
  openService,
  runIn,
  sendOrders,
  type Service,
  untilAllWork,
  untilTaken,
} from "./harness/rolling.ts";
import type { Scenario } from "./harness/scenario.ts";
import { until } from "./harness/until.ts";
import { stopInOrder } from "./harness/verification.ts";
import { checkOutVersionBefore, releaseBefore } from "./harness/version_before.ts";

/** Orders in each part. */
const orders = 60;

/** Longest wait for the end of all work, in milliseconds. */
const settleMs = 60_000;

const project = new URL("../../", import.meta.url).pathname;

const scenario: Scenario = {
  name: "release_before",
  summary: "the release before works on while this version migrates, and beside it afterwards",
  stage: { env: { GATEWAY_DELAY_MS: "0" } },
  async run(stage) {
    const release = await releaseBefore();
    const before = await checkOutVersionBefore(stage.dir, release);
    // The stage's own database has this version's schema.
    const databaseUrl = stage.database.adminUrl(`orders_release_${Deno.pid}`);
    const env = { DATABASE_URL: databaseUrl };
    await runIn(stage, before, "migrate", { env });
    const db = await openDatabase(databaseUrl, { connections: 4 });
    try {
      const older = await openService(stage, before, env);
      const services: Service[] = [older];
      const load = sendOrders(services);
      await untilTaken(load, orders);
      stage.figures.notes.push(`${release}: slowest order ${load.slowestMs().toFixed(0)} ms`);
      await runIn(stage, project, "migrate", { env });
      await untilTaken(load, orders);
      await untilAllWork(db, [older.process]);
      stage.figures.notes.push(`while this one migrates ${load.slowestMs().toFixed(0)} ms`);

      const newer = await openService(stage, project, env);
      services.push(newer);
      await untilTaken(load, orders);
      await untilAllWork(db, [older.process, newer.process]);
      const late = await openService(stage, before, env);
      services.push(late);
      await stopInOrder([services.shift()!.process]);
      await untilTaken(load, orders);
      await untilAllWork(db, [late.process, newer.process]);
      await load.stop();
      await until("all work is done", settleMs, async () => {
        const [row] = await db.query("select count(*) as n from orders where unfinished = 1");
        return Number(row!.n) === 0 || `${row!.n} orders are open`;
      });
      await expectAllFinished(db, load);
      await stopInOrder([late.process, newer.process]);
      await runIn(stage, project, "verify", { env });
      await expectBooked(db);
      stage.figures.orders = load.taken.size;
    } finally {
      await db.runText(`drop database ${new URL(databaseUrl).pathname.slice(1)}`);
      await db.close();
    }
  },
};

/** Whatever the release before has settled gets its rows in the ledger, by the duty of the consumers. */
async function expectBooked(db: Database): Promise<void> {
  while (await bookNextOrders(db));
  await bookRecent(db);
  const { gaps } = await readSnapshot(db, (tx) => findGaps(tx, [null]));
  const { isComplete } = await readLedgerMarks(db);
  const [row] = await db.query(
    "select count(*) as entries, count(distinct order_id) as orders from ledger_entries",
  );
  const [paid] = await db.query("select count(*) as n from orders where status = 'PAID'");
  if (gaps.length > 0 || !isComplete || Number(row!.orders) !== Number(paid!.n)) {
    throw new Error(
      `${row!.entries} rows of ${row!.orders} orders are booked, ${paid!.n} orders are paid, and ` +
        `${gaps.length} gaps are left`,
    );
  }
}

export default scenario;
