/**
 * Writes batches of orders: each is one transaction, then its orders go onto the stream, then it is counted.
 *
 * @module
 */

import type { Catalog } from "../../db/catalog/catalog.ts";
import { readOpenOrders } from "../../db/imports/open_orders.ts";
import { readBringers } from "../../db/orders/timelines.ts";
import { type TakenOrder, takeOrders } from "../intake/take_orders.ts";
import {
  rejectConflict,
  type RejectedRow,
  rejectOpen,
  rejectUnknownSkus,
  rejectWhole,
} from "../../domain/import/order_csv.ts";
import type { IncomingOrder } from "../../domain/order/incoming_order.ts";
import { latestPlacedAt } from "../../domain/order/placed_at.ts";
import { concurrently } from "../timing/concurrently.ts";
import { publish } from "../workflow/publish.ts";
import { inSpan, tracing } from "../telemetry/tracing.ts";
import {
  type ImportBatch,
  importBatches,
  type OpenOrder,
  servedLimits,
  type WrittenBatch,
} from "./import_batches.ts";
import type { ImportFile } from "./import_file.ts";
import type { OrderForm } from "./order_form.ts";
import type { ImportDeps, ImportOptions } from "./import_options.ts";
import { failRun, finishRun, type ImportRun, noteProgress } from "./import_run.ts";

/**
 * Transactions at once: while some write, the next batch is checked and sent. Three take 7 % less time than
 * two; a fourth gains nothing and holds more rows in memory.
 */
const batchesAtOnce = 3;

/** The same of a preview, which writes nothing: one is compared with what there is while the next one is read. */
const previewsAtOnce = 2;

/**
 * Writes all orders of a file, and ends the run.
 *
 * @throws what it failed for
 */
export async function writeBatches(run: ImportRun, file: ImportFile): Promise<void> {
  const { signal, limits, alone = false, keepGoodRows = false } = run.options;
  try {
    const batches = importBatches(file.groups(signal), file.form, {
      keepGoodRows,
      latestPlacedAt: latestPlacedAt(Date.now()),
      limits: limits?.batch ?? (alone ? undefined : servedLimits),
    });
    const write = writerOf(run, file.form);
    const traced = (batch: ImportBatch) => inSpan("import batch", {}, () => write(batch));
    const atOnce = run.watch === undefined ? batchesAtOnce : previewsAtOnce;
    await concurrently(batches, atOnce, tracing ? traced : write);
    await finishRun(run);
  } catch (thrown) {
    throw await failRun(run, thrown);
  }
}

/**
 * Batches overtake each other in the database, but not on the stream: whose rows come first in the file is served
 * first. Only orders whose rows stand apart come after all others.
 */
function writerOf(
  run: ImportRun,
  form: OrderForm,
): (batch: ImportBatch) => Promise<void> {
  let lastTurn = Promise.resolve();
  return async (batch) => {
    const turn = lastTurn;
    const { promise, resolve } = Promise.withResolvers<void>();
    lastTurn = promise;
    try {
      run.options.signal?.throwIfAborted();
      const [taken, facts, open] = await Promise.all([
        run.catalogs.use((catalog) => takeBatch(run, batch, catalog)),
        run.watch?.read(batch),
        openOf(run, batch),
      ]);
      const written: WrittenBatch = {
        ...batch,
        skipped: batch.skipped.filter(({ externalOrderId }) =>
          open.every((one) => one.externalOrderId !== externalOrderId)
        ),
        open,
      };
      await turn;
      const rejected = await completeBatch(run, written, taken, form);
      if (facts !== undefined) run.watch?.note(written, taken, facts, rejected);
    } finally {
      resolve();
    }
  };
}

/**
 * An order that its shop has cancelled is not passed over while it would be charged here. Who does not see what others
 * have brought is told of their own.
 */
async function openOf(
  { deps: { db }, options: { seesOthers = true, actor } }: ImportRun,
  { skipped }: ImportBatch,
): Promise<OpenOrder[]> {
  const open = await readOpenOrders(db, skipped.map(({ externalOrderId }) => externalOrderId));
  const bringers = seesOthers
    ? undefined
    : await readBringers(db, [...open.values()].map(({ id }) => id));
  return skipped.flatMap((one) => {
    const known = open.get(one.externalOrderId);
    const isTold = known !== undefined &&
      (bringers === undefined || bringers.get(known.id) === actor);
    return isTold ? [{ ...one, status: known.status }] : [];
  });
}

/** Takes the orders of a batch, in its order. */
async function takeBatch(
  run: ImportRun,
  { orders }: ImportBatch,
  catalog: Catalog,
): Promise<TakenOrder[]> {
  const { deps, options, actor } = run;
  const { initialStock, unknownSku, erasureSecret, replace, only, dryRun } = options;
  const taken: TakenOrder[] = [];
  // What an order lacks because its rows were left out is not what the file says.
  for (const isWhole of replace ? [true, false] : [false]) {
    const places = [...orders.keys()].filter((place) =>
      !replace || (orders[place]!.leftOut.length === 0) === isWhole
    );
    if (places.length === 0) continue;
    const results = await takeOrders(deps.db, places.map((place) => orders[place]!.order), {
      initialStock,
      unknownSku,
      erasureSecret,
      onPendingChange: isWhole ? "replace" : "update",
      actor,
      only,
      dryRun,
      catalog,
    });
    for (const [index, place] of places.entries()) {
      const result = results[index]!;
      taken[place] = isWhole
        ? await run.wait.during(() => editTaken(run, orders[place]!.order, result))
        : result;
    }
  }
  return taken;
}

/** Changes an order that the file has with other content, where it may do so and the order is reserved already. */
async function editTaken(
  { options: { edit, only, dryRun = false }, actor }: ImportRun,
  order: IncomingOrder,
  taken: TakenOrder,
): Promise<TakenOrder> {
  const { outcome, status, orderId, foreign, paymentOf } = taken;
  const isOurs = !foreign && paymentOf === undefined && orderId !== null;
  if (edit === undefined || outcome !== "conflict" || status !== "RESERVED" || !isOurs) {
    return taken;
  }
  return { ...taken, ...await edit(orderId, order, { actor, only, dryRun }) };
}

/**
 * Publishes and counts a batch whose orders are committed.
 *
 * @returns its rows that were not taken
 */
async function completeBatch(
  run: ImportRun,
  batch: WrittenBatch,
  taken: readonly TakenOrder[],
  form: OrderForm,
): Promise<readonly RejectedRow[]> {
  const { deps, options, rejects, reasons, counts, totals, progress } = run;
  const published = options.dryRun ? 0 : await run.wait.during(() => publishTaken(deps, taken));
  const rejected = await run.erased.without([
    ...batch.rejected,
    ...rejectedOf(batch, taken, form, options),
    ...batch.open.flatMap((one) => rejectOpen(one.rows, one)),
  ]);
  await rejects?.add(rejected.filter(hasFields));
  reasons.add(rejected);
  options.onRejected?.(rejected);

  counts.published += published;
  counts.rowsRejected += rejected.length;
  counts.ordersRejected += batch.ordersRejected;
  counts.ordersSkipped += batch.skipped.length;
  counts.orders += batch.ordersRejected + taken.length + batch.open.length;
  counts.ordersConflict += batch.open.length;
  for (const { outcome, currency, totalCents } of taken) {
    counts[countOf[outcome]]++;
    if (isTaken(outcome)) totals?.add(currency, totalCents);
  }
  progress.rowsDone += batch.rows;
  progress.ordersDone = counts.orders;
  noteProgress(run);
  return rejected;
}

/** What is left of a row of somebody who was erased has none, and would only be in the way. */
function hasFields({ fields }: RejectedRow): boolean {
  return fields.length > 0;
}

const countOf = {
  new: "ordersNew",
  updated: "ordersUpdated",
  unchanged: "ordersUnchanged",
  conflict: "ordersConflict",
  unknown_sku: "ordersRejected",
} as const;

function isTaken(outcome: TakenOrder["outcome"]): boolean {
  return outcome !== "conflict" && outcome !== "unknown_sku";
}

/**
 * Publishes every order that waits to be reserved: those known before as well, because an import may have
 * been killed between their commit and this. What is on the stream already is not put there again.
 */
async function publishTaken(deps: ImportDeps, taken: readonly TakenOrder[]): Promise<number> {
  const waiting = taken.filter(({ outcome, status }) => isTaken(outcome) && status === "PENDING");
  const messages = waiting.map(({ orderId, totalCents, currency }) => ({
    message: {
      type: "order.reserve" as const,
      orderId: orderId!,
      amountCents: totalCents,
      currency,
    },
  }));
  const published = await publish(deps, messages, {
    lane: "bulk",
    oncePerOrder: true,
    committed: true,
  });
  const followUps = taken.flatMap(({ followUps = [] }) => followUps);
  if (followUps.length > 0) {
    const following = followUps.map((message) => ({ message }));
    await publish(deps, following, { lane: "bulk", committed: true });
  }
  return published;
}

/** The rows of orders that were not taken, and all rows of those of which some were left out. */
function rejectedOf(
  batch: ImportBatch,
  taken: readonly TakenOrder[],
  form: OrderForm,
  { seesOthers = true }: Pick<ImportOptions, "seesOthers">,
): RejectedRow[] {
  const rejected: RejectedRow[] = [];
  for (const [index, order] of taken.entries()) {
    const { rows, leftOut } = batch.orders[index]!;
    if (order.outcome === "conflict") {
      rejected.push(...leftOut, ...rejectConflict(rows, { ...order, seesOthers }, leftOut));
    } else if (order.outcome === "unknown_sku") {
      rejected.push(...leftOut, ...rejectUnknownSkus(rows, form, order.unknownSkus ?? []));
    } else if (leftOut.length > 0) rejected.push(...leftOut, ...rejectWhole(rows, leftOut));
  }
  return rejected;
}
