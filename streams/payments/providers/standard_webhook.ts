/**
 * Callbacks that are signed as Standard Webhooks has it, and what they say of chargebacks.
 *
 * @module
 */

import { Webhook } from "standardwebhooks";
import { madeOf } from "../../../config/made_of.ts";
import { type Fault, WorkflowError } from "../../../domain/errors.ts";
import {
  type ChargebackState,
  chargebackStateNames,
  chargebackStates,
} from "../../../domain/payment/chargeback.ts";
import { isText } from "../../../domain/text/is_text.ts";
import type { ProviderEvent, SignedRequest } from "../provider.ts";

/** Makes what tells whether one of some secrets (`whsec_` and base64), which are read at each request, has signed it. */
export function standardSignatures(
  access: { readonly secrets?: readonly string[] },
): (request: SignedRequest) => boolean {
  const webhooks = madeOf(
    () => access.secrets,
    (secrets = []) => secrets.map((secret) => new Webhook(secret)),
  );
  return ({ header, text }) =>
    webhooks().some((webhook) => {
      try {
        webhook.verify(text, {
          "webhook-id": header("webhook-id") ?? "",
          "webhook-timestamp": header("webhook-timestamp") ?? "",
          "webhook-signature": header("webhook-signature") ?? "",
        }, { jsonParse: false });
        return true;
      } catch {
        return false;
      }
    });
}

/**
 * Whether a signed body is meant for a provider: it says which by `provider`. Two that are signed with the same secrets would
 * else take each other's words.
 *
 * @param options.unnamed whether one that names no provider is meant for it
 */
export function isMeantFor(
  name: string,
  { provider }: Record<string, unknown>,
  { unnamed = false }: { unnamed?: boolean } = {},
): boolean {
  return provider === undefined ? unnamed : provider === name;
}

/** The types of what is said of chargebacks; all of them say how it is now, and are read alike. */
export const chargebackTypes = [
  "chargeback.opened",
  "chargeback.updated",
  "chargeback.closed",
] as const;

/** The type of what is said of a refund that was made, and will not reach its customer after all. */
export const takenBackType = "refund.failed";

/** Whether a body says that a refund was taken back. */
export function isOfRefund({ type }: Record<string, unknown>): boolean {
  return type === takenBackType;
}

/**
 * What such a body says: `{type, timestamp, data: {id, idempotency_key, charge_id?, amount_cents, currency, reason?}}`, with the
 * key that the refund was asked for under. `timestamp` is when it was so, whenever it is sent.
 *
 * @param id of the sending
 * @throws {WorkflowError} `invalid`
 */
export function readTakenBack(id: string, body: Record<string, unknown>): ProviderEvent {
  const { data } = body;
  const said = typeof data === "object" && data !== null ? data as Record<string, unknown> : {};
  const faults: Fault[] = [];
  const expect = (isWell: boolean, at: string, detail: string) => {
    if (!isWell) faults.push({ at, detail });
  };
  const { reason = null, charge_id: chargeId = null, idempotency_key: key } = said;
  const { amount_cents: amountCents, currency } = said;
  const happenedAt = new Date(typeof body.timestamp === "string" ? body.timestamp : NaN);
  expect(!Number.isNaN(happenedAt.getTime()), "#/timestamp", "must be a time, ISO 8601");
  expect(isText(said.id, { min: 1, max: 128 }), "#/data/id", "must be 1…128 characters");
  expect(isText(key, { min: 1, max: 64 }), "#/data/idempotency_key", "must be 1…64 characters");
  expect(
    chargeId === null || isText(chargeId, { min: 1, max: 128 }),
    "#/data/charge_id",
    "must be 1…128 characters",
  );
  expect(
    reason === null || isText(reason, { min: 1, max: 255 }),
    "#/data/reason",
    "must be 1…255 characters",
  );
  const isAmount = Number.isSafeInteger(amountCents) && amountCents as number >= 1;
  expect(isAmount, "#/data/amount_cents", "must be an integer from 1");
  const isCurrency = typeof currency === "string" && /^[A-Z]{3}$/.test(currency);
  expect(isCurrency, "#/data/currency", "must be three letters");
  if (faults.length > 0) {
    throw new WorkflowError("invalid", "The callback is not one that is understood", faults);
  }
  const refund = {
    ref: said.id as string,
    state: "refused" as const,
    reason: reason as string | null,
    amountCents: amountCents as number,
    currency: currency as string,
    chargeRefs: chargeId === null ? [] : [chargeId as string],
    key: key as string,
  };
  return { kind: "refund", id, refund, happenedAt };
}

/** Whether a body says something of a chargeback. */
export function isOfChargeback({ type }: Record<string, unknown>): boolean {
  return chargebackTypes.some((one) => one === type);
}

/**
 * What such a body says: `{type, timestamp, data: {id, charge_id, state, amount_cents, currency, reason?, due_by?, opened_at}}`.
 * `timestamp` is when it was so, whenever it is sent.
 *
 * @param id of the sending
 * @throws {WorkflowError} `invalid`
 */
export function readChargeback(id: string, body: Record<string, unknown>): ProviderEvent {
  const { data } = body;
  const said = typeof data === "object" && data !== null ? data as Record<string, unknown> : {};
  const faults: Fault[] = [];
  const text = (at: string, value: unknown, max: number): string => {
    if (isText(value, { min: 1, max })) return value;
    faults.push({ at, detail: `must be 1…${max} characters` });
    return "";
  };
  const time = (at: string, value: unknown): Date => {
    const date = new Date(typeof value === "string" ? value : NaN);
    if (Number.isNaN(date.getTime())) faults.push({ at, detail: "must be a time, ISO 8601" });
    return date;
  };
  const { state, amount_cents: amountCents, currency, reason = null, due_by: dueBy = null } = said;
  const chargeback = {
    ref: text("#/data/id", said.id, 128),
    chargeRefs: [text("#/data/charge_id", said.charge_id, 128)],
    state: state as ChargebackState,
    amountCents: amountCents as number,
    currency: currency as string,
    reason: reason === null ? null : text("#/data/reason", reason, 255),
    dueBy: dueBy === null ? null : time("#/data/due_by", dueBy),
    openedAt: time("#/data/opened_at", said.opened_at),
    happenedAt: time("#/timestamp", body.timestamp),
  };
  const expect = (isWell: boolean, at: string, detail: string) => {
    if (!isWell) faults.push({ at, detail });
  };
  const isState = typeof state === "string" && Object.hasOwn(chargebackStates, state);
  expect(isState, "#/data/state", `must be one of ${chargebackStateNames.join(", ")}`);
  const isAmount = Number.isSafeInteger(amountCents) && amountCents as number >= 0;
  expect(isAmount, "#/data/amount_cents", "must be an integer from 0");
  const isCurrency = typeof currency === "string" && /^[A-Z]{3}$/.test(currency);
  expect(isCurrency, "#/data/currency", "must be three letters");
  if (faults.length > 0) {
    throw new WorkflowError("invalid", "The callback is not one that is understood", faults);
  }
  return { kind: "chargeback", id, chargeback };
}
