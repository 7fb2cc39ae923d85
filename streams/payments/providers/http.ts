/**
 * A payment provider that is asked over HTTP.
 *
 * What it must offer, in JSON, with every request under an `Idempotency-Key` that makes repeating it safe:
 *
 * - `POST /charges {order_id, reference, amount_cents, currency}` → `{id, status, amount_cents, currency}` with the
 *   status `pending`, `succeeded` or `declined`; while it is pending the answer comes later, as a signed callback.
 *   Where some of the money went back already, `refunded_cents` says how much
 * - `GET /charges/{idempotency key}` → the same, or 404 where it knows of no such charge
 * - `POST /refunds {order_id, reference, charge_id, amount_cents, currency}` → `{id, status}` with `succeeded` or
 *   `refused`, and then a `reason`
 * - `GET /refunds/{idempotency key}` → the same, or 404 where it knows of no such refund
 * - `GET /movements?since=TIME&after=CURSOR`, where it lists what moved → `{data: [{kind, id, charge_id, created,
 *   idempotency_key, reference, amount_cents, currency}], next}` with the kind `charge` or `refund`; `next` is the cursor of
 *   the next page, null at the end
 *
 * `reference` is the shop's id of the order. Callbacks are signed as Standard Webhooks has it.
 *
 * A provider that refuses for reasons of its own or of the settings (401, 403, 404 to a POST) serves nobody. What it
 * refuses for what was asked (400, 402, 422 …, and 403 or 404 again after others of the kind succeeded) is refused alone.
 *
 * @module
 */

import { type Fault, WorkflowError } from "../../../domain/errors.ts";
import { cutText } from "../../../domain/text/cut_text.ts";
import { isText } from "../../../domain/text/is_text.ts";
import { trimEnd } from "../../../domain/text/trim_end.ts";
import { carefulGateway, type CarefulOptions } from "../careful_gateway.ts";
import type { Gateway, GatewayRequest } from "../gateway.ts";
import type {
  Capabilities,
  Movement,
  Provider,
  ProviderCharge,
  ProviderEvent,
  ProviderRefund,
  SignedRequest,
} from "../provider.ts";
import { readReply } from "../read_reply.ts";
import { Busy, Denied, NoAnswer, Refused, Unusable } from "../unanswered.ts";
import {
  isMeantFor,
  isOfChargeback,
  isOfRefund,
  readChargeback,
  readTakenBack,
  standardSignatures,
} from "./standard_webhook.ts";

/** Stands in `payments.provider`. */
export const httpGatewayName = "http";

/** How requests reach the provider, and how its callbacks are known. */
export interface HttpAccess {
  /** Where its paths begin. */
  url: string;
  /** Sent as a bearer token; empty where it wants none. Read at each request, because it may be replaced. */
  readonly token: string;
  /** Longest wait for one answer, in milliseconds. */
  timeoutMs: number;
  /** Any of them signs its callbacks: `whsec_` and base64. Read at each of them. */
  readonly secrets?: readonly string[];
}

/** How the provider is asked. */
export interface HttpGatewayOptions extends HttpAccess, CarefulOptions {}

/** An answer of the provider. */
interface Reply {
  status: number;
  body: Record<string, unknown>;
}

const can: Capabilities = {
  looksUpByKey: true,
  looksUpByReference: false,
  lists: true,
  refundsInPart: true,
  captures: "none",
  webhooks: true,
  chargebacks: true,
  takesRefundsBack: true,
};

/** Statuses by which everybody is refused: the token is not known or may not, or the address is wrong. */
const refusesAll: readonly number[] = [401, 403, 405, 407];

/** Those of a request to move money that may be about it alone, which the others of its kind tell. */
const refusesAllOrOne: readonly number[] = [403, 404];

/** Statuses that mean "try again", besides those of 500 and more. */
const tryAgain: readonly number[] = [408, 425, 429];

/** Statuses that mean the same for this one alone: another request under its key is being worked on. */
const inProgress: readonly number[] = [409, 423];

/** Characters of a provider's reason that are kept. */
const maxReasonLength = 120;

/** Characters of a name of a charge or refund, at the most. */
const maxName = 128;

/** The settings that a denial is about. */
const settings = "GATEWAY_URL and GATEWAY_TOKEN";

/** Makes a gateway that asks over HTTP, with all the care of {@linkcode carefulGateway}. */
export function httpGateway(options: HttpGatewayOptions): Gateway {
  return carefulGateway(httpProvider(options), options);
}

/** Makes the provider itself. */
export function httpProvider(access: HttpAccess): Provider {
  const send = sender(access);
  const post = async (path: string, request: GatewayRequest): Promise<Reply> => {
    const reply = await send("POST", path, request.idempotencyKey, bodyOf(request));
    const { status } = reply;
    if (status >= 400) throw new Refused(reasonOf(reply));
    return reply;
  };
  const lookUp = async (path: string, { idempotencyKey: key }: GatewayRequest) => {
    const reply = await send("GET", `${path}/${encodeURIComponent(key)}`, key);
    if (reply.status === 404) return null;
    if (reply.status < 300) return reply;
    const what = path === "/refunds" ? "refund" : "charge";
    throw new Unusable(`the provider does not tell of the ${what}: it answered ${reply.status}`);
  };
  const isSigned = standardSignatures(access);
  return {
    name: httpGatewayName,
    can,
    charge: async (request) => chargeOf(await post("/charges", request)),
    findCharge: async (request) => {
      const reply = await lookUp("/charges", request);
      return reply && chargeOf(reply);
    },
    refund: async (request) => refundOf(await post("/refunds", request)),
    findRefund: async (request) => {
      const reply = await lookUp("/refunds", request);
      return reply && refundOf(reply);
    },
    listSince: (since) => movements(send, since),
    readWebhook: (request) => Promise.resolve(isSigned(request) ? readEvent(request) : undefined),
  };
}

/** One request and its answer. */
function sender(access: HttpAccess) {
  const base = trimEnd(access.url, "/");
  return async (
    method: "GET" | "POST",
    path: string,
    key: string,
    body?: unknown,
  ): Promise<Reply> => {
    const { token, timeoutMs } = access;
    const response = await fetch(`${base}${path}`, {
      method,
      headers: {
        accept: "application/json",
        "idempotency-key": key,
        ...(token === "" ? {} : { authorization: `Bearer ${token}` }),
        ...(body === undefined ? {} : { "content-type": "application/json" }),
      },
      body: body === undefined ? undefined : JSON.stringify(body),
      redirect: "error",
      signal: AbortSignal.timeout(timeoutMs),
    });
    const text = await readReply(response);
    const { status } = response;
    if (status >= 500 || tryAgain.includes(status)) throw new NoAnswer(`it answered ${status}`);
    const reply = { status, body: objectOf(text) };
    const isPost = method === "POST";
    if (refusesAll.includes(status) || (isPost && status === 404)) {
      const [, resource] = path.split("/");
      throw new Denied(`it answered ${status} to ${method} /${resource}`, {
        settings,
        ifAlone: isPost && refusesAllOrOne.includes(status) ? reasonOf(reply) : undefined,
      });
    }
    if (inProgress.includes(status)) throw new Busy(`it answered ${status}`);
    return reply;
  };
}

/** Pages of a list, beyond which it is endless. */
const maxPages = 100_000;

async function* movements(
  send: ReturnType<typeof sender>,
  since: Date,
): AsyncGenerator<Movement> {
  let after = "";
  for (let page = 0; page < maxPages; page++) {
    const query = new URLSearchParams({ since: since.toISOString(), after: after || "0" });
    const { status, body } = await send("GET", `/movements?${query}`, "");
    if (status >= 300 || !Array.isArray(body.data)) {
      throw new Unusable(`the provider does not list what moved: it answered ${status}`);
    }
    for (const one of body.data) yield movementOf(objectIn(one));
    if (typeof body.next !== "string") return;
    after = body.next;
  }
}

/** @throws {Unusable} for what is no movement */
function movementOf(said: Record<string, unknown>): Movement {
  const { kind, id, charge_id: chargeId, created, amount_cents: amountCents, currency } = said;
  const at = new Date(String(created));
  const isOne = (kind === "charge" || kind === "refund") && isName(id) &&
    Number.isSafeInteger(amountCents) && amountCents as number >= 0 &&
    typeof currency === "string" && /^[A-Z]{3}$/.test(currency) && !Number.isNaN(at.getTime());
  if (!isOne) throw new Unusable("the provider lists what is no movement");
  const moved = {
    ref: id,
    state: "succeeded" as const,
    amountCents: amountCents as number,
    currency,
    key: said.idempotency_key as string | null | undefined,
    reference: said.reference as string | null | undefined,
  };
  if (kind === "charge") return { kind, at, charge: moved };
  const chargeRefs = isName(chargeId) ? [chargeId] : [];
  return { kind: "refund", at, refund: { ...moved, chargeRefs } };
}

/** Whether it is a name of a charge or refund. */
function isName(value: unknown): value is string {
  return isText(value, { min: 1, max: maxName });
}

function bodyOf(request: GatewayRequest): Record<string, unknown> {
  const { orderId, reference, amountCents, currency, chargeRef } = request;
  return {
    order_id: orderId,
    reference,
    ...(chargeRef === undefined ? {} : { charge_id: chargeRef }),
    amount_cents: amountCents,
    currency,
  };
}

/** What an answer says of a charge, as it says it: whoever uses it looks at every part first. */
function chargeOf({ status, body }: Reply): ProviderCharge {
  const { id, status: state } = body;
  if (status >= 300 || typeof id !== "string" || id === "" || typeof state !== "string") {
    throw new Unusable(`the provider refused to charge: it answered ${status}`);
  }
  return {
    ref: id,
    state: state as ProviderCharge["state"],
    amountCents: body.amount_cents as number,
    currency: body.currency as string,
    refundedCents: body.refunded_cents as number | null | undefined,
    key: body.idempotency_key as string | null | undefined,
    reference: body.reference as string | null | undefined,
    code: reasonIn(body) ?? null,
  };
}

function refundOf({ status, body }: Reply): ProviderRefund {
  if (status >= 300 || (body.status !== "succeeded" && body.status !== "refused")) {
    throw new Unusable(`the provider answered ${status} to a refund`);
  }
  return {
    ref: typeof body.id === "string" ? body.id : null,
    state: body.status,
    reason: String(body.reason ?? ""),
    amountCents: body.amount_cents as number | null | undefined,
    currency: body.currency as string | null | undefined,
    ...(typeof body.charge_id === "string" ? { chargeRefs: [body.charge_id] } : {}),
    key: body.idempotency_key as string | null | undefined,
    reference: body.reference as string | null | undefined,
  };
}

/** Status and words of a refusal, on one line. */
function reasonOf({ status, body }: Reply): string {
  return cutText(`${status} ${reasonIn(body) ?? ""}`.trim(), maxReasonLength);
}

/** The provider's words in an answer, on one line; undefined where it has none. */
function reasonIn(body: Record<string, unknown>): string | undefined {
  const nested = typeof body.error === "object" && body.error !== null
    ? (body.error as Record<string, unknown>).message
    : body.error;
  const words = [body.reason, nested, body.message, body.detail, body.title]
    .find((value) => typeof value === "string" && value !== "");
  return words === undefined
    ? undefined
    : String(words).replaceAll(/[\p{Cc}\p{Cf}\s]+/gu, " ").trim();
}

/** The object that a text says; an empty one for any other text. */
function objectOf(text: string): Record<string, unknown> {
  try {
    return objectIn(JSON.parse(text));
  } catch {
    return {};
  }
}

/**
 * What the provider sends, after Standard Webhooks: `{type, timestamp, data: {id, idempotency_key, reference?, amount_cents,
 * currency}}`, or what {@linkcode readChargeback} and {@linkcode readTakenBack} read; `provider` beside them may say that
 * it is meant for this one.
 *
 * @returns undefined for what is meant for another provider
 * @throws {WorkflowError} `invalid`
 */
function readEvent({ header, text }: SignedRequest): ProviderEvent | undefined {
  const body = objectOf(text);
  if (!isMeantFor(httpGatewayName, body, { unnamed: true })) return undefined;
  if (isOfChargeback(body)) return readChargeback(header("webhook-id") ?? "", body);
  if (isOfRefund(body)) return readTakenBack(header("webhook-id") ?? "", body);
  const { type, timestamp, data } = body;
  const { id, idempotency_key: key, reference = null, amount_cents: amountCents, currency } =
    objectIn(data);
  const faults: Fault[] = [];
  const expect = (isWell: boolean, at: string, detail: string) => {
    if (!isWell) faults.push({ at, detail });
  };
  const isKnown = type === "charge.succeeded" || type === "charge.declined";
  expect(
    isKnown,
    "#/type",
    "must be charge.succeeded, charge.declined, refund.failed or chargeback.…",
  );
  expect(typeof timestamp === "string", "#/timestamp", "must be text");
  expect(isName(id), "#/data/id", "must be 1…128 characters");
  expect(isText(key, { min: 0, max: 255 }), "#/data/idempotency_key", "must be 0…255 characters");
  const isReference = reference === null || isText(reference, { min: 0, max: 64 });
  expect(isReference, "#/data/reference", "must be at most 64 characters");
  const isAmount = Number.isSafeInteger(amountCents) && amountCents as number >= 0;
  expect(isAmount, "#/data/amount_cents", "must be an integer from 0");
  const isCurrency = typeof currency === "string" && /^[A-Z]{3}$/.test(currency);
  expect(isCurrency, "#/data/currency", "must be three letters");
  if (faults.length > 0) {
    throw new WorkflowError("invalid", "The callback is not one that is understood", faults);
  }
  return {
    kind: "charge",
    id: header("webhook-id") ?? "",
    charge: {
      ref: id as string,
      state: type === "charge.succeeded" ? "succeeded" : "declined",
      amountCents: amountCents as number,
      currency: currency as string,
      key: key as string,
      reference: reference as string | null,
    },
  };
}

function objectIn(value: unknown): Record<string, unknown> {
  return typeof value === "object" && value !== null ? value as Record<string, unknown> : {};
}
