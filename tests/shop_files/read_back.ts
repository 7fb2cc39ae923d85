/**
 * Reads a file as an import does, without a database, and holds what it would book against the truth.
 *
 * @module
 */

import assert from "node:assert/strict";
import { proposeProfile } from "../../domain/import/profile/propose_profile.ts";
import type { IncomingOrder } from "../../domain/order/incoming_order.ts";
import { orderTotalOf } from "../../domain/order/incoming_order.ts";
import { latestPlacedAt } from "../../domain/order/placed_at.ts";
import { WorkflowError } from "../../domain/errors.ts";
import { openProfiledFile } from "../../streams/imports/profiled_file.ts";
import { openSourceTable } from "../../streams/imports/source_table.ts";
import type { ShopForm } from "./forms.ts";
import type { Shop } from "./shop_orders.ts";

/** What would become of a file. */
export interface ReadBack {
  /** Why the whole file is refused; undefined where it is not. */
  refused: string | undefined;
  orders: IncomingOrder[];
  /** Reasons of rows that are rejected. */
  rejected: string[];
  skipped: number;
}

/** Reads a file whose form nobody has told. */
export async function readBack(bytes: Uint8Array): Promise<ReadBack> {
  const read: ReadBack = { refused: undefined, orders: [], rejected: [], skipped: 0 };
  try {
    await readInto(read, bytes);
  } catch (error) {
    if (!(error instanceof WorkflowError)) throw error;
    read.refused = error.message;
    read.orders = [];
  }
  return read;
}

async function readInto(read: ReadBack, bytes: Uint8Array): Promise<void> {
  const source = new Blob([bytes as Uint8Array<ArrayBuffer>]).stream();
  const table = await openSourceTable(source);
  try {
    const proposal = proposeProfile(table.header);
    if (proposal === undefined) throw new WorkflowError("invalid", "no profile is like it");
    const file = await openProfiledFile(table, proposal.profile);
    const questions = [...table.questions, ...file.questions];
    if (questions.length > 0) {
      throw new WorkflowError("invalid", questions.map(({ question }) => question).join("; "));
    }
    for await (const { orders } of file.groups()) {
      for (const rows of orders) {
        const reading = file.form.decide(rows, {
          keepGoodRows: false,
          latestPlacedAt: latestPlacedAt(Date.now()),
        });
        if (reading.kind === "accepted") read.orders.push(reading.order);
        else if (reading.kind === "skipped") read.skipped++;
        if ("rejected" in reading) read.rejected.push(...reading.rejected.map((row) => row.reason));
      }
    }
  } finally {
    table.close();
  }
}

/**
 * Every order that would be booked is one of the shop's, once, with its money, its state and its time.
 *
 * @throws {assert.AssertionError} for anything else
 */
export function expectTruth({ orders }: ReadBack, shop: Shop, form: ShopForm): void {
  const truth = new Map(shop.orders.map((order) => [form.idOf(order), order]));
  for (const order of orders) {
    const id = order.externalOrderId;
    const own = truth.get(id);
    assert.ok(own, `${id} is no order of the shop, or is booked twice`);
    truth.delete(id);
    const told = form.tell(own, shop);
    assert.deepEqual(
      {
        id,
        currency: order.currency,
        total: orderTotalOf(order),
        state: order.payment?.status === "paid" ? "paid" : "open",
        units: order.items.reduce((all, { qty }) => all + qty, 0),
        placedAt: told.placedAt === undefined ? undefined : Date.parse(`${order.placedAt}Z`),
      },
      {
        id,
        currency: own.currency,
        total: told.totalCents,
        // An order of nothing needs no payment.
        state: told.totalCents === 0 && order.payment?.status !== "paid" ? "open" : told.state,
        units: own.items.reduce((all, { qty }) => all + qty, 0),
        placedAt: told.placedAt,
      },
    );
  }
}
