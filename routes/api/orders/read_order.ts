/**
 * Reads an order out of what JSON said.
 *
 * @module
 */

import { customerIdProblem, idProblem, textProblem } from "../../../domain/import/csv_rows.ts";
import { isCurrency } from "../../../domain/money.ts";
import {
  type IncomingItem,
  type IncomingOrder,
  orderLimits,
  totalCentsOf,
} from "../../../domain/order/incoming_order.ts";
import type { IncomingCustomer } from "../../../domain/order/guest.ts";
import { parsePlacedAt } from "../../../domain/order/placed_at.ts";
import { validOf } from "../../middleware/checked.ts";
import { amountDetail, latestNow, maxItems, orderBody } from "./order_body.ts";

/**
 * An order as it came in a body. {@linkcode orderBody} says what one is; of what nearly every client sends it takes an
 * eighth of the time to see that nothing is wrong with it, and whatever is not like that goes to the schema.
 *
 * @param came as JSON was parsed
 * @throws {WorkflowError} `invalid`, naming every faulty field
 */
export function readOrder(came: unknown): IncomingOrder {
  return usualOrder(came) ?? validOf("json", orderBody, came, amountDetail);
}

/**
 * An order of a customer with an id and an e-mail that has items and nothing else, whose texts are as they are kept; just
 * what the schema makes of it, in the same order of fields.
 *
 * @returns undefined for any other, be it faulty or not
 */
export function usualOrder(came: unknown): IncomingOrder | undefined {
  if (!isObjectOf(came, orderNames)) return undefined;
  const { external_order_id, placed_at, currency } = came;
  if (!isId(external_order_id) || typeof placed_at !== "string") return undefined;
  if (typeof currency !== "string" || !isCurrency(currency)) return undefined;
  const placedAt = parsePlacedAt(placed_at);
  if (placedAt === undefined || placedAt > latestNow()) return undefined;
  const customer = usualCustomer(came.customer);
  const items = customer === undefined ? undefined : usualItems(came.items);
  if (customer === undefined || items === undefined) return undefined;
  return { externalOrderId: external_order_id, placedAt, currency, customer, items };
}

const orderNames = ["external_order_id", "placed_at", "currency", "customer", "items"];
const customerNames = ["external_id", "email", "name"];
const itemNames = ["sku", "name", "unit_price_cents", "qty"];

/** Whether a value is an object that has these fields and no others. */
function isObjectOf(value: unknown, names: readonly string[]): value is Record<string, unknown> {
  if (typeof value !== "object" || value === null || Array.isArray(value)) return false;
  let count = 0;
  for (const name in value) {
    if (!names.includes(name)) return false;
    count++;
  }
  return count === names.length;
}

function usualCustomer(came: unknown): IncomingCustomer | undefined {
  if (!isObjectOf(came, customerNames)) return undefined;
  const { external_id: externalId, email, name } = came;
  const isUsual = isId(externalId) && customerIdProblem(externalId) === undefined &&
    isText(email) && isText(name);
  return isUsual ? { externalId, email, name } : undefined;
}

function usualItems(came: unknown): IncomingItem[] | undefined {
  if (!Array.isArray(came) || came.length === 0 || came.length > maxItems) return undefined;
  const items: IncomingItem[] = [];
  for (const one of came) {
    if (!isObjectOf(one, itemNames)) return undefined;
    const { sku, name, unit_price_cents: unitPriceCents, qty } = one;
    const isUsual = isId(sku) && isText(name) &&
      isWithin(unitPriceCents, 0, orderLimits.unitPriceCents) &&
      isWithin(qty, 1, orderLimits.qty);
    if (!isUsual) return undefined;
    items.push({ sku, name, unitPriceCents, qty });
  }
  return totalCentsOf(items) <= orderLimits.totalCents ? items : undefined;
}

function isId(value: unknown): value is string {
  return isTrimmed(value) && idProblem(value) === undefined;
}

function isText(value: unknown): value is string {
  return isTrimmed(value) && textProblem(value) === undefined;
}

/** Whether a value is text of which nothing is taken away. */
function isTrimmed(value: unknown): value is string {
  return typeof value === "string" && value.trim() === value && value.isWellFormed();
}

function isWithin(value: unknown, min: number, max: number): value is number {
  return Number.isSafeInteger(value) && (value as number) >= min && (value as number) <= max;
}
