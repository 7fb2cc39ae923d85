/**
 * What a provider says when it is asked, before a report is believed: a line alone moves no money and records none. Where a
 * provider can't be asked (its capabilities say so), the report's word is all that there is, and the answer says so.
 *
 * @module
 */

import { readCharges } from "../../db/orders/orders.ts";
import { readChargeKeys } from "../../db/payments/charge_keys.ts";
import type { DiscrepancyRow } from "../../db/reconciliation/discrepancies.ts";
import { readPaymentsNamed, readRefundsOf } from "../../db/reconciliation/named_money.ts";
import { namedAmount } from "../../domain/money.ts";
import type { Database, Queryable } from "../../db/connection/database.ts";
import { readContest } from "../../db/payments/chargebacks.ts";
import { readInstallation } from "../../db/payments/installation.ts";
import type { ChargedBack } from "../../domain/payment/chargeback.ts";
import { installationTag, reversalKeysOf } from "../../domain/payment/payment_key.ts";
import {
  type ChargebackAnswer,
  type ChargeStatus,
  type Gateway,
  gatewayNamed,
  type GatewayRequest,
  type Gateways,
  type MoneyAnswer,
} from "../../streams/payments/gateway.ts";
import { sumMendCents } from "../../streams/reconciliation/returned_mends.ts";

/** What asking works with. */
export interface AskingDeps extends Gateways {
  db: Database;
}

/** What a provider says of what a report tells. */
export type Confirmation =
  /** It says the same; where only of a sum, of which so much was on record as refunds of the order. */
  | { kind: "confirmed"; refundedCents?: number }
  /** It can't be asked; a line without a key is told from other refunds only by what is on record. */
  | { kind: "cant_be_asked"; refundedCents?: number }
  /** It says otherwise, in these words. */
  | { kind: "denied"; says: string }
  /** It can't be reached, or has not decided. */
  | { kind: "later"; says: string };

/** A row's charge as it was asked for; its key is empty where nobody knows it. */
export async function chargeRequest(
  { db }: Pick<AskingDeps, "db">,
  row: DiscrepancyRow,
): Promise<GatewayRequest> {
  const order = row.orderId === null
    ? undefined
    : (await readCharges(db, [row.orderId])).get(row.orderId);
  const own = row.movement === "charge" ? row.movementKey : null;
  const key = own ??
    (order === undefined ? undefined : (await readChargeKeys(db, [order])).get(order.id)?.[0]);
  return {
    orderId: row.orderId ?? 0,
    reference: order?.externalOrderId ?? row.reference ?? "",
    amountCents: row.ourCents ?? row.theirCents!,
    currency: row.ourCurrency ?? row.theirCurrency!,
    idempotencyKey: key ?? "",
    ...(row.chargeRef === null ? {} : { chargeRef: row.chargeRef }),
  };
}

/** What the provider says of a row's charge when it is asked; undefined where it can't be. */
export async function statusOf(
  deps: AskingDeps,
  row: DiscrepancyRow,
): Promise<ChargeStatus | undefined> {
  const gateway = gatewayNamed(deps, row.provider);
  const { chargeRef: _, ...request } = await chargeRequest(deps, row);
  const isKnown = request.idempotencyKey !== "" && request.reference !== "";
  if (gateway?.status === undefined || !isKnown) return undefined;
  const [answer] = await gateway.status([request]);
  return answer;
}

/** What the provider says of a row's chargeback; undefined where it can't be asked. */
export async function chargebackOf(
  deps: AskingDeps,
  { provider, refundRef }: DiscrepancyRow,
): Promise<ChargebackAnswer | undefined> {
  return await gatewayNamed(deps, provider)?.chargeback?.(refundRef!);
}

/** What a row's charge took and what went back of it; undefined where its provider can't be asked about it. */
export async function moneyOf(
  deps: AskingDeps,
  row: DiscrepancyRow,
): Promise<MoneyAnswer | undefined> {
  const gateway = gatewayNamed(deps, row.provider);
  const request = await chargeRequest(deps, row);
  const isNamed = request.chargeRef !== undefined && gateway?.can?.looksUpByName === true;
  if (gateway?.money === undefined || (request.idempotencyKey === "" && !isNamed)) return undefined;
  const [answer] = await gateway.money([request]);
  return answer;
}

/**
 * What is to be said where the provider tells that another installation on the same account asked for a charge: its money is that
 * one's customer's, and a report without the keys of charges does not tell them apart. Undefined for any other.
 */
export async function othersMoney(
  { db }: Pick<AskingDeps, "db">,
  money: MoneyAnswer | undefined,
): Promise<string | undefined> {
  if (money?.kind !== "found" || money.installation == null) return undefined;
  if (money.installation === installationTag(await readInstallation(db))) return undefined;
  return `the provider says that another installation asked for ${money.ref}`;
}

/** Whether the provider has made the refund that a line tells of: by its key, or by what went back of its charge. */
export async function confirmRefund(
  deps: AskingDeps,
  row: DiscrepancyRow,
): Promise<Confirmation> {
  const gateway = gatewayNamed(deps, row.provider);
  if (gateway?.refundStatus !== undefined && row.movementKey !== null) {
    return await confirmByKey(gateway, refundRequest(row, row.movementKey));
  }
  const money = await moneyOf(deps, row);
  const order = (await readCharges(deps.db, [row.orderId!])).get(row.orderId!);
  const onRecord = order?.refundedCents ?? 0;
  if (await hasOpenRefund(deps.db, row.orderId!) && isOfSum(row, money)) {
    return { kind: "later", says: stillMade };
  }
  switch (money?.kind) {
    case undefined:
      return row.movementKey === null
        ? { kind: "cant_be_asked", refundedCents: onRecord }
        : { kind: "cant_be_asked" };
    case "unknown":
      return { kind: "denied", says: "the provider knows of no such charge when it is asked" };
    case "found": {
      const known = onRecord + await sumMendCents(deps.db, row);
      const { refundedCents, currency, ref } = money;
      const isSo = refundedCents >= known + row.theirCents!;
      return isSo ? { kind: "confirmed", refundedCents: onRecord } : {
        kind: "denied",
        says: `the provider says that ${namedAmount(refundedCents, currency)} went back of ${ref}`,
      };
    }
    default:
      return { kind: "later", says: money!.error };
  }
}

/** What its customer's bank withholds or has taken of a row's charge; undefined for nothing. */
export async function contestOf(
  { db }: Pick<AskingDeps, "db">,
  { provider, chargeRef, theirCurrency, ourCurrency }: DiscrepancyRow,
): Promise<Pick<ChargedBack, "isHeld" | "lostCents"> | undefined> {
  if (chargeRef === null) return undefined;
  const currency = theirCurrency ?? ourCurrency!;
  return await readContest(db, { provider, chargeRef, currency });
}

/** What is said of money that would go back twice if the bank took it. */
export const stillContested =
  "its customer contests it at the bank: it waits until that is decided";

/** What is said of a refund while another one of its order is under way. */
export const stillMade = "a refund of the order is still being made, which it may be";

/** Whether a refund of an order is under way: its provider may have made it, and it counts for nothing here yet. */
export async function hasOpenRefund(db: Queryable, orderId: number): Promise<boolean> {
  const refunds = await readRefundsOf(db, { keys: [], orderIds: [orderId] });
  return refunds.some(({ status }) => status === "REQUESTED");
}

/** Whether a refund is known by nothing but how much went back. */
function isOfSum({ movementKey }: DiscrepancyRow, money: MoneyAnswer | undefined): boolean {
  return movementKey === null || money?.kind === "found";
}

async function confirmByKey(gateway: Gateway, request: GatewayRequest): Promise<Confirmation> {
  const [answer] = await gateway.refundStatus!([request]);
  switch (answer!.kind) {
    case "refunded":
      return { kind: "confirmed" };
    case "unknown":
      return { kind: "denied", says: "the provider knows of no such refund when it is asked" };
    case "refused":
      return {
        kind: "denied",
        says: `the provider says that it came to nothing: ${answer!.reason}`,
      };
    case "failed":
      return { kind: "denied", says: answer!.error };
    case "pending":
      return { kind: "later", says: "the provider has not decided yet (pending)" };
    case "away":
      return { kind: "later", says: answer!.error };
  }
}

/**
 * The key that a row's refund was asked for under, or its payment given back; null where nobody knows which one that is. What
 * versions before asked for has one of two.
 */
export async function refundKeyBehind(
  { db }: Pick<AskingDeps, "db">,
  { provider, movement, movementKey, paymentId, chargeRef }: DiscrepancyRow,
): Promise<string | null> {
  const isWhole = movement === "reversal" || movement === "unreversed";
  if (movementKey !== null || !isWhole || chargeRef === null) return movementKey;
  const payment = (await readPaymentsNamed(db, provider, [chargeRef])).get(chargeRef);
  if (payment === undefined || payment.id !== paymentId) return null;
  const named = { ...payment, provider, providerRef: chargeRef };
  const [key, ...others] = reversalKeysOf(await readInstallation(db), named);
  return others.length === 0 ? key! : null;
}

/** A row's refund as it was asked for. */
export function refundRequest(row: DiscrepancyRow, key: string): GatewayRequest {
  return {
    orderId: row.orderId ?? 0,
    reference: row.reference ?? "",
    amountCents: row.ourCents ?? row.theirCents!,
    currency: row.ourCurrency ?? row.theirCurrency!,
    idempotencyKey: key,
    ...(row.chargeRef === null ? {} : { chargeRef: row.chargeRef }),
  };
}
