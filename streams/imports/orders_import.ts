/**
 * The importer: a CSV file into the books and onto the `orders` stream.
 *
 * First the file is read to its end, so that one that is no CSV is refused before anything is written. Then
 * order after order goes into the database and, once committed, onto the stream.
 *
 * @module
 */

import { countLosses } from "../../db/recovery/database_marks.ts";
import { catalogKeeper } from "../../db/catalog/catalog_keeper.ts";
import type { Database } from "../../db/connection/database.ts";
import {
  createImport,
  finishImport,
  type ImportCounts,
  updateImport,
} from "../../db/imports/imports.ts";
import { type TakenOrder, takeOrders } from "../../db/orders/intake.ts";
import type { OnlyOf } from "../../domain/order/bringer.ts";
import { messageOf, WorkflowError } from "../../domain/errors.ts";
import type { ImportMoney } from "../../domain/import/import_money.ts";
import type { Log } from "../../domain/operation/log.ts";
import { rejectConflict, type RejectedRow, rejectWhole } from "../../domain/import/order_csv.ts";
import { latestPlacedAt } from "../../domain/order/placed_at.ts";
import { countReasons } from "../../domain/import/reject_reasons.ts";
import { type BatchLimits, type ImportBatch, importBatches } from "./import_batches.ts";
import { type ImportFile, type ImportFileLimits, openImportFile } from "./import_file.ts";
import { inLanes } from "../queue/in_lanes.ts";
import type { Keys } from "../redis/keys.ts";
import { type OrderTotals, orderTotals } from "./order_totals.ts";
import { publish } from "../workflow/publish.ts";
import type { RedisClient } from "../redis/redis.ts";
import { openRejectsFile, type RejectsFile } from "./rejects_file.ts";
import { inSpan, tracing } from "../telemetry/tracing.ts";

/** What the importer works with. */
export interface ImportDeps {
  db: Database;
  redis: RedisClient;
  keys: Keys;
  log: Log;
}

/** How a file is imported. */
export interface ImportOptions {
  /** The file's name, for messages and the table of imports. */
  name: string;
  /** Units of products that no order has named before. */
  initialStock: number;
  /** Leave bad rows out instead of rejecting their orders. */
  keepGoodRows?: boolean;
  /** Let the file take items away from orders that are still `PENDING`. */
  replace?: boolean;
  /** Read, check and compare with the books, and change nothing. */
  dryRun?: boolean;
  /** Where rows that were not taken are written to. */
  rejectsPath?: string;
  /** Opens something else than a file for the rows that were not taken; is told the header. */
  openRejects?: (header: readonly string[]) => Promise<RejectsFile>;
  /**
   * Begins the row in `imports` once the file was read and found to be a CSV of orders; undefined for none.
   * By default there is one unless this is a dry run.
   */
  begin?: () => Promise<number | undefined>;
  /** Who brings the file, for the timeline; the import's id follows. */
  actor?: string;
  /** Limits them to changing orders that they have brought themselves; undefined for everybody's. */
  only?: OnlyOf;
  /** Ends the import between two batches; those that were written stay. */
  signal?: AbortSignal;
  /** Is told how far the import is, at least once a batch. */
  onProgress?: (progress: ImportProgress) => void;
  /** Is told every row that was not taken. */
  onRejected?: (rows: readonly RejectedRow[]) => void;
  /** For tests: how much is kept in memory, and how much goes into a transaction. */
  limits?: { file?: ImportFileLimits; batch?: BatchLimits; catalogEntries?: number };
}

/** How far an import is. */
export interface ImportProgress {
  /** `reading` while nothing has been written yet. */
  phase: "reading" | "writing";
  /** Of the source, compressed bytes if it is. */
  bytesRead: number;
  /** Of what they were unpacked to. */
  unpackedBytes: number;
  rowsRead: number;
  /** Rows whose orders were taken or rejected. */
  rowsDone: number;
  ordersDone: number;
}

/** What came of an import, as the command prints it. */
export interface ImportReport {
  rows: number;
  /** Rows in the rejects file. */
  rows_rejected: number;
  /** All orders of the file: the sum of the next five. */
  orders: number;
  orders_new: number;
  orders_updated: number;
  orders_unchanged: number;
  orders_rejected: number;
  orders_conflict: number;
  /** Orders that went onto the stream and had not been there before. */
  published: number;
  seconds: number;
  /** Of a dry run only: the money of the orders that would be taken or are known, by currency. */
  money?: ImportMoney[];
}

/** True for a file that has something, of which nothing was or would be taken. */
export function tookNothing(report: ImportReport): boolean {
  const taken = report.orders_new + report.orders_updated + report.orders_unchanged;
  return taken === 0 && report.rows > 0;
}

/**
 * Transactions at once: while some write, the next batch is checked and sent. Three take 7 % less time than
 * two; a fourth gains nothing and holds more rows in memory.
 */
const lanes = 3;

/** Milliseconds between two updates of the row in `imports`. */
const updateMs = 500;

/**
 * Imports a file.
 *
 * Memory does not grow with it: what is beyond 8 MB goes to a temporary file. A kill at
 * any moment leaves whole batches of orders, some of which may not be published yet, and a row in `imports`
 * that stays `RUNNING`; the same import again recognises the orders and publishes what is missing.
 *
 * @returns the counts
 * @throws {WorkflowError} `invalid`, with the line, for a file that is no CSV; then nothing was changed
 * @throws {WorkflowError} `bad_request` when the rejects file can't be written
 * @throws the reason of the signal, when it aborts
 */
export function importOrders(
  deps: ImportDeps,
  source: ReadableStream<Uint8Array>,
  options: ImportOptions,
): Promise<ImportReport> {
  if (!tracing) return runImport(deps, source, options);
  return inSpan("import", {}, async (span) => {
    const report = await runImport(deps, source, options);
    span.setAttributes({ "import.rows": report.rows, "import.orders": report.orders });
    return report;
  });
}

async function runImport(
  deps: ImportDeps,
  source: ReadableStream<Uint8Array>,
  options: ImportOptions,
): Promise<ImportReport> {
  const startedAt = performance.now();
  const progress: ImportProgress = {
    phase: "reading",
    bytesRead: 0,
    unpackedBytes: 0,
    rowsRead: 0,
    rowsDone: 0,
    ordersDone: 0,
  };
  const file = await openFile(source, progress, options);
  const totals = options.dryRun ? orderTotals() : undefined;
  try {
    const begin = options.begin ??
      (async () => options.dryRun ? undefined : await createImport(deps.db, options.name));
    let rejects = options.rejectsPath === undefined
      ? undefined
      : await openRejectsFile(options.rejectsPath, file.header);
    progress.phase = "writing";
    try {
      options.signal?.throwIfAborted();
      const id = await begin();
      rejects ??= await options.openRejects?.(file.header);
      const parts = { file, rejects, id, totals };
      const counts = await writeBatches(deps, parts, progress, options);
      const seconds = Math.round(performance.now() - startedAt) / 1000;
      const report = reportOf(counts, seconds);
      return totals === undefined ? report : { ...report, money: totals.money() };
    } finally {
      await rejects?.discard();
    }
  } finally {
    totals?.close();
    file.close();
  }
}

/** Reads the whole file and checks all that makes it a CSV of orders. */
async function openFile(
  source: ReadableStream<Uint8Array>,
  progress: ImportProgress,
  { name, limits, signal, onProgress }: ImportOptions,
): Promise<ImportFile> {
  try {
    return await openImportFile(source, {
      limits: limits?.file,
      onProgress({ bytes, unpackedBytes, rows }) {
        progress.bytesRead = bytes;
        progress.unpackedBytes = unpackedBytes;
        progress.rowsRead = rows;
        onProgress?.(progress);
        signal?.throwIfAborted();
      },
    });
  } catch (error) {
    if (!(error instanceof WorkflowError)) throw error;
    throw new WorkflowError(error.code, `Cannot import ${name}: ${error.message}`, error.faults);
  }
}

async function writeBatches(
  deps: ImportDeps,
  { file, rejects, id, totals }: {
    file: ImportFile;
    rejects: RejectsFile | undefined;
    id: number | undefined;
    totals: OrderTotals | undefined;
  },
  progress: ImportProgress,
  options: ImportOptions,
): Promise<ImportCounts> {
  const { db, log } = deps;
  const counts: ImportCounts = {
    rows: progress.rowsRead,
    rowsRejected: 0,
    orders: 0,
    ordersNew: 0,
    ordersUpdated: 0,
    ordersUnchanged: 0,
    ordersRejected: 0,
    ordersConflict: 0,
    published: 0,
  };
  const reasons = countReasons();
  const catalogs = catalogKeeper(db, options.limits?.catalogEntries);
  const losses = options.dryRun ? 0 : await countLosses(db);
  let updatedAt = performance.now();

  const actor = [options.actor, id === undefined ? "import" : `import:${id}`].join(" ").trim();

  // Lanes overtake each other in the database, but not on the stream: whose rows come first in the file
  // is served first. Only orders whose rows stand apart come after all others.
  let lastTurn = Promise.resolve();
  const write = async (batch: ImportBatch): Promise<void> => {
    const turn = lastTurn;
    const { promise, resolve } = Promise.withResolvers<void>();
    lastTurn = promise;
    try {
      options.signal?.throwIfAborted();
      await conclude(batch, await take(batch), turn);
    } finally {
      resolve();
    }
  };

  const take = (batch: ImportBatch): Promise<TakenOrder[]> =>
    catalogs.use(async (catalog) => {
      const taken: TakenOrder[] = [];
      // What an order lacks because its rows were left out is not what the file says.
      for (const isWhole of options.replace ? [true, false] : [false]) {
        const places = [...batch.orders.keys()].filter((place) =>
          !options.replace || (batch.orders[place]!.leftOut.length === 0) === isWhole
        );
        if (places.length === 0) continue;
        const results = await takeOrders(db, places.map((place) => batch.orders[place]!.order), {
          initialStock: options.initialStock,
          onPendingChange: isWhole ? "replace" : "update",
          actor,
          only: options.only,
          dryRun: options.dryRun,
          catalog,
        });
        for (const [index, place] of places.entries()) taken[place] = results[index]!;
      }
      return taken;
    });

  /** @param turn ends when the batch before is concluded */
  const conclude = async (
    batch: ImportBatch,
    taken: readonly TakenOrder[],
    turn: Promise<void>,
  ): Promise<void> => {
    await turn;
    const published = options.dryRun ? 0 : await publishTaken(deps, taken);
    const rejected = [...batch.rejected, ...rejectedOf(batch, taken)];
    await rejects?.add(rejected);
    reasons.add(rejected);
    options.onRejected?.(rejected);

    counts.published += published;
    counts.rowsRejected += rejected.length;
    counts.ordersRejected += batch.ordersRejected;
    counts.orders += batch.ordersRejected + taken.length;
    for (const { outcome, currency, totalCents } of taken) {
      counts[countOf[outcome]]++;
      if (outcome !== "conflict") totals?.add(currency, totalCents);
    }
    progress.rowsDone += batch.rows;
    progress.ordersDone = counts.orders;
    options.onProgress?.(progress);
    if (id !== undefined && performance.now() - updatedAt >= updateMs) {
      updatedAt = performance.now();
      await updateImport(db, id, counts);
    }
  };

  try {
    const { limits, keepGoodRows = false } = options;
    const batches = importBatches(file.groups(options.signal), file.places, {
      keepGoodRows,
      latestPlacedAt: latestPlacedAt(Date.now()),
      limits: limits?.batch,
    });
    const traced = (batch: ImportBatch) => inSpan("import batch", {}, () => write(batch));
    await inLanes(batches, lanes, tracing ? traced : write);
    if (!options.dryRun) {
      await catalogs.finish();
      if (await countLosses(db) !== losses) throw lostOrders();
    }
    await rejects?.finish();
    if (id !== undefined) {
      const end = { status: "DONE", money: totals?.money(), reasons: reasons.list() } as const;
      await finishImport(db, id, counts, end);
    }
  } catch (thrown) {
    // Customers and products that this run knows may be gone: what they lead to says nothing to anybody.
    // A transaction is tried again by another connection where the first was cut with the rest.
    const now = options.dryRun ? losses : await db.transaction(countLosses).catch(() => losses);
    const isLost = now !== losses;
    const error = isLost ? lostOrders() : thrown;
    if (id !== undefined) {
      // An abort that gives no reason of its own is somebody who wants no more of it.
      const cancelled = options.signal?.aborted === true && error === options.signal.reason &&
        error instanceof DOMException;
      const end = cancelled
        ? { status: "CANCELLED" as const }
        : { status: "FAILED" as const, error: messageOf(error) };
      await finishImport(db, id, counts, { ...end, reasons: reasons.list() }).catch((cause) =>
        log.warn("import not marked as failed", { import: id, error: messageOf(cause) })
      );
    }
    throw error;
  }
  return counts;
}

function lostOrders(): WorkflowError {
  return new WorkflowError(
    "unavailable",
    "The database was replaced by an older one during the import, which lacks some of its orders: " +
      "import the file again",
  );
}

const countOf = {
  new: "ordersNew",
  updated: "ordersUpdated",
  unchanged: "ordersUnchanged",
  conflict: "ordersConflict",
} as const;

/**
 * Publishes every order that waits to be reserved: those known before as well, because an import may have
 * been killed between their commit and this. What is on the stream already is not put there again.
 */
async function publishTaken(deps: ImportDeps, taken: readonly TakenOrder[]): Promise<number> {
  const waiting = taken.filter(({ outcome, status }) =>
    outcome !== "conflict" && status === "PENDING"
  );
  const messages = waiting.map(({ orderId, totalCents, currency }) => ({
    message: {
      type: "order.reserve" as const,
      orderId: orderId!,
      amountCents: totalCents,
      currency,
    },
  }));
  return await publish(deps, messages, { oncePerOrder: true, committed: true });
}

/** The rows of conflicting orders, and all rows of those of which some were left out. */
function rejectedOf(batch: ImportBatch, taken: readonly TakenOrder[]): RejectedRow[] {
  const rejected: RejectedRow[] = [];
  for (const [index, order] of taken.entries()) {
    const { rows, leftOut } = batch.orders[index]!;
    if (order.outcome === "conflict") {
      rejected.push(...leftOut, ...rejectConflict(rows, order, leftOut));
    } else if (leftOut.length > 0) rejected.push(...leftOut, ...rejectWhole(rows, leftOut));
  }
  return rejected;
}

function reportOf(counts: ImportCounts, seconds: number): ImportReport {
  return {
    rows: counts.rows,
    rows_rejected: counts.rowsRejected,
    orders: counts.orders,
    orders_new: counts.ordersNew,
    orders_updated: counts.ordersUpdated,
    orders_unchanged: counts.ordersUnchanged,
    orders_rejected: counts.ordersRejected,
    orders_conflict: counts.ordersConflict,
    published: counts.published,
    seconds,
  };
}
