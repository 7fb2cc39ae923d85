/**
 * Reads a file as an import does, without a database, and holds what it would book against the truth.
 *
 * @module
 */

import assert from "node:assert/strict";
import { proposeProfile } from "../../domain/import/profile/shipped_profiles.ts";
import type { ImportProfile } from "../../domain/import/profile/profile.ts";
import type { OpenQuestion } from "../../domain/import/source_row.ts";
import type { IncomingOrder } from "../../domain/order/incoming_order.ts";
import { orderTotalOf } from "../../domain/order/incoming_order.ts";
import { latestPlacedAt } from "../../domain/order/placed_at.ts";
import { WorkflowError } from "../../domain/errors.ts";
import { openProfiledFile } from "../streams/imports/open_profiled_file.ts";
import { openSourceTable, type SourceTable } from "../../streams/imports/source_table.ts";
import type { Answers, ShopForm } from "./forms.ts";
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

/**
 * Reads a file whose form nobody has told.
 *
 * @param answers of its owner; none where nobody is asked
 */
export async function readBack(bytes: Uint8Array, answers?: Answers): Promise<ReadBack> {
  const read: ReadBack = { refused: undefined, orders: [], rejected: [], skipped: 0 };
  try {
    await readInto(read, bytes, answers);
  } catch (error) {
    if (!(error instanceof WorkflowError)) throw error;
    read.refused = error.message;
    read.orders = [];
  }
  return read;
}

async function readInto(read: ReadBack, bytes: Uint8Array, answers?: Answers): Promise<void> {
  const first = await openTable(bytes);
  const asked = first.questions.some(({ setting }) => setting === "file.encoding");
  const encoding = asked ? answers?.get("file.encoding") : undefined;
  if (asked && encoding === undefined) {
    first.close();
    throw refusedFor(first.questions);
  }
  const table = encoding === undefined ? first : await openTable(bytes, encoding);
  if (table !== first) first.close();
  try {
    await readOrders(read, table, answers);
  } finally {
    table.close();
  }
}

function openTable(bytes: Uint8Array, encoding?: string): Promise<SourceTable> {
  const source = new Blob([bytes as Uint8Array<ArrayBuffer>]).stream();
  return openSourceTable(source, encoding === undefined ? {} : { form: { encoding } });
}

function refusedFor(questions: readonly OpenQuestion[]): WorkflowError {
  return new WorkflowError("invalid", questions.map(({ question }) => question).join("; "));
}

/** Answers are given to what is asked, and to nothing else. */
async function readOrders(read: ReadBack, table: SourceTable, answers?: Answers): Promise<void> {
  const proposal = proposeProfile(table.header);
  if (proposal === undefined) throw new WorkflowError("invalid", "no profile is like it");
  let { profile } = proposal;
  let file = await openProfiledFile(table, profile);
  // One answer may bring up another question.
  for (let rounds = 0; file.questions.length > 0 && rounds < 5; rounds++) {
    const known = file.questions.filter(({ setting }) => answers?.has(setting));
    if (known.length === 0) break;
    for (const { setting } of known) profile = answered(profile, setting, answers!.get(setting)!);
    file.close();
    file = await openProfiledFile(table, profile);
  }
  if (file.questions.length > 0) throw refusedFor(file.questions);
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
}

function answered(profile: ImportProfile, setting: string, value: string): ImportProfile {
  const [group, name] = setting.split(".") as [string, string?];
  if (name === undefined) return { ...profile, fillDown: value as ImportProfile["fillDown"] };
  const before = profile[group as "money" | "time" | "constants"];
  return { ...profile, [group]: { ...before, [name]: value } };
}

/**
 * Every order that would be booked is one of the shop's, once, with its money, its state and its time.
 *
 * @param isTimeSure false where the owner's own answer is right for one half of the file only
 * @throws {assert.AssertionError} for anything else
 */
export function expectTruth(
  { orders }: ReadBack,
  shop: Shop,
  form: ShopForm,
  isTimeSure = true,
): void {
  const truth = new Map(shop.orders.map((order) => [form.idOf(order), order]));
  for (const order of orders) {
    const id = order.externalOrderId;
    const own = truth.get(id);
    assert.ok(own, `${id} is no order of the shop, or is booked twice`);
    truth.delete(id);
    const told = form.tell(own, shop);
    const placedAt = isTimeSure ? told.placedAt : undefined;
    assert.deepEqual(
      {
        id,
        currency: order.currency,
        total: orderTotalOf(order),
        state: order.payment?.status === "paid" ? "paid" : "open",
        units: order.items.reduce((all, { qty }) => all + qty, 0),
        placedAt: placedAt === undefined ? undefined : Date.parse(`${order.placedAt}Z`),
      },
      {
        id,
        currency: own.currency,
        total: told.totalCents,
        // An order of nothing needs no payment.
        state: told.totalCents === 0 && order.payment?.status !== "paid" ? "open" : told.state,
        units: own.items.reduce((all, { qty }) => all + qty, 0),
        placedAt,
      },
    );
  }
}
