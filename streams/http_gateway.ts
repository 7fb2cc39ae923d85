/**
 * A payment provider that is asked over HTTP.
 *
 * What it must offer, in JSON, with every request under an `Idempotency-Key` that makes repeating it safe:
 *
 * - `POST /charges {order_id, amount_cents, currency}` → `{id, status, amount_cents, currency}` with the status
 *   `pending`, `succeeded` or `declined`; while it is pending the answer comes later, as a signed callback
 * - `GET /charges/{idempotency key}` → the same, or 404 where it knows of no such charge
 * - `POST /refunds {order_id, amount_cents, currency}` → `{id, status}` with `succeeded` or `refused`, and then
 *   a `reason`
 * - `GET /refunds/{idempotency key}` → the same, or 404 where it knows of no such refund
 *
 * @module
 */

import { messageOf } from "../domain/errors.ts";
import type { CallbackMessage, ChargeMessage } from "../domain/messages.ts";
import { trimEnd } from "../domain/trim_end.ts";
import {
  type ChargeAnswer,
  chargeKey,
  type ChargeStatus,
  type Gateway,
  type GatewayRequest,
  type GiveBackAnswer,
  type ProviderAway,
} from "./gateway.ts";
import { readReply } from "./read_reply.ts";

/** How the provider is asked. */
export interface HttpGatewayOptions {
  /** Where its paths begin. */
  url: string;
  /** Sent as a bearer token; empty where it wants none. */
  token: string;
  /** Longest wait for one answer, in milliseconds. */
  timeoutMs: number;
  /** For tests: waits between two tries, drawn from 0 to this, doubling; default 200 ms. */
  firstWaitMs?: number;
  /** For tests: how long a callback is waited for before it is asked again; default 30 s. */
  callbackMs?: number;
  /** For tests: how long nothing is asked after the provider failed again and again; default 10 s. */
  restMs?: number;
}

/** Stands in `payments.provider`. */
export const httpGatewayName = "http";

/** Characters of the provider's name for a charge, as `payments.provider_ref` has room for them. */
const longestRef = 128;

/** Requests at once. */
const lanes = 16;

/** Tries of one request, before it counts as failed. */
const tries = 3;

/** Failures in a row after which the provider counts as away. */
const failuresToRest = 5;

/** The provider could not be asked, or gave no answer that says anything. */
class NoAnswer extends Error {
  override name = "NoAnswer";
}

/** The provider is left alone, and was not asked. */
class LeftAlone extends Error {
  override name = "LeftAlone";
}

/** An answer of the provider. */
interface Reply {
  status: number;
  body: Record<string, unknown>;
}

/**
 * Makes a gateway that asks over HTTP: with a time limit, and a few tries with random waits between them. A try
 * whose outcome is unknown is asked about before it is repeated. Nobody knows of a refund whether it was tried
 * long ago, when its key may be forgotten by now, so the provider is asked about each before the first try.
 *
 * When the provider fails again and again it is left alone for a while; what is asked meanwhile is answered
 * `away`, and its messages wait without losing a try. Then a single request finds out whether it is back.
 *
 * A charge that the provider has not decided is asked about again after a while, should its callback not come.
 */
export function httpGateway(options: HttpGatewayOptions): Gateway {
  const base = trimEnd(options.url, "/");
  const firstWaitMs = options.firstWaitMs ?? 200;
  const callbackMs = options.callbackMs ?? 30_000;
  const restMs = options.restMs ?? 10_000;
  let failuresInRow = 0;
  let restsUntil = -Infinity;

  const askOnce = async (method: string, path: string, key: string, body?: unknown) => {
    if (performance.now() < restsUntil) throw new LeftAlone();
    // After a rest one request is let through; until it is answered, all others stay out.
    if (failuresInRow >= failuresToRest) restsUntil = Infinity;
    try {
      const response = await fetch(`${base}${path}`, {
        method,
        headers: {
          accept: "application/json",
          "idempotency-key": key,
          ...(options.token === "" ? {} : { authorization: `Bearer ${options.token}` }),
          ...(body === undefined ? {} : { "content-type": "application/json" }),
        },
        body: body === undefined ? undefined : JSON.stringify(body),
        redirect: "error",
        signal: AbortSignal.timeout(options.timeoutMs),
      });
      const text = await readReply(response);
      if (response.status >= 500 || [408, 425, 429].includes(response.status)) {
        throw new NoAnswer(`it answered ${response.status}`);
      }
      failuresInRow = 0;
      restsUntil = -Infinity;
      return { status: response.status, body: parsed(text) };
    } catch (error) {
      if (++failuresInRow >= failuresToRest) restsUntil = performance.now() + restMs;
      throw error instanceof NoAnswer ? error : new NoAnswer(messageOf(error));
    }
  };

  const insist = async (once: (attempt: number) => Promise<Reply>): Promise<Reply> => {
    for (let attempt = 1;; attempt++) {
      try {
        return await once(attempt);
      } catch (error) {
        if (!(error instanceof NoAnswer) || attempt === tries) throw error;
        const mostMs = firstWaitMs * 2 ** attempt;
        await new Promise((resolve) => setTimeout(resolve, Math.random() * mostMs));
      }
    }
  };

  const lookUp = (path: string, key: string): Promise<Reply> =>
    askOnce("GET", `${path}/${encodeURIComponent(key)}`, key);

  /** @param looksFrom the first try before which the provider is asked whether it knows of an earlier one */
  const post = (path: string, request: GatewayRequest, looksFrom: number): Promise<Reply> => {
    const { orderId, amountCents, currency, idempotencyKey: key } = request;
    return insist(async (attempt) => {
      if (attempt >= looksFrom) {
        const before = await lookUp(path, key);
        if (before.status !== 404) return before;
      }
      const body = { order_id: orderId, amount_cents: amountCents, currency };
      return await askOnce("POST", path, key, body);
    });
  };

  const chargeAnswer = (request: GatewayRequest, { status, body }: Reply): ChargeAnswer => {
    const { orderId, amountCents, currency } = request;
    const { id, status: outcome } = body;
    if (status >= 300 || typeof id !== "string" || id === "" || typeof outcome !== "string") {
      return failed(`the provider refused to charge: it answered ${status}`);
    }
    if (id.length > longestRef) {
      return failed(`the provider's name for the charge has more than ${longestRef} characters`);
    }
    if (body.currency !== currency) {
      return failed(`the provider answered in ${body.currency} to a charge in ${currency}`);
    }
    if (outcome === "pending") {
      // The callback may never come. Meanwhile this message is what knows of the order.
      const message: ChargeMessage = { type: "payment.charge", orderId, amountCents, currency };
      return { kind: "accepted", callback: { message, delayMs: callbackMs } };
    }
    if (outcome !== "succeeded" && outcome !== "declined") {
      return failed(`the provider answered "${outcome}", which is not known`);
    }
    const answeredCents = body.amount_cents;
    if (!Number.isSafeInteger(answeredCents) || answeredCents as number < 0) {
      return failed("the provider does not say which amount it took");
    }
    const message: CallbackMessage = {
      type: "payment.callback",
      orderId,
      amountCents: answeredCents as number,
      currency,
      outcome,
      provider: httpGatewayName,
      providerRef: id,
    };
    return { kind: "accepted", callback: { message } };
  };

  const charge = async (request: GatewayRequest): Promise<ChargeAnswer> =>
    chargeAnswer(request, await post("/charges", request, request.askedBefore ? 1 : 2));

  const status = async (request: GatewayRequest): Promise<ChargeStatus> => {
    const reply = await insist(() => lookUp("/charges", request.idempotencyKey));
    if (reply.status === 404) return { kind: "unknown" };
    if (reply.status >= 300) {
      return failed(`the provider does not tell of the charge: it answered ${reply.status}`);
    }
    return chargeAnswer(request, reply);
  };

  const giveBack = async (request: GatewayRequest): Promise<GiveBackAnswer> => {
    const { status, body } = await post("/refunds", request, 1);
    if (status < 300 && body.status === "succeeded") return { kind: "given_back" };
    if (status < 300 && body.status === "refused") {
      return { kind: "refused", reason: String(body.reason ?? "") };
    }
    return failed(`the provider answered ${status} to a refund`);
  };

  return {
    name: httpGatewayName,
    charge: (requests) => eachInLanes(requests, charge),
    giveBack: (requests) => eachInLanes(requests, giveBack),
    status: (requests) => eachInLanes(requests, status),
  };
}

/** The order that a key of {@linkcode chargeKey} is about; undefined for any other text. */
export function orderOfChargeKey(key: string): number | undefined {
  const orderId = Number(/\d{1,16}$/.exec(key)?.[0]);
  return Number.isSafeInteger(orderId) && chargeKey(orderId) === key ? orderId : undefined;
}

async function eachInLanes<A extends ChargeStatus | GiveBackAnswer>(
  requests: readonly GatewayRequest[],
  work: (request: GatewayRequest) => Promise<A>,
): Promise<(A | Unanswered)[]> {
  const answers = new Array<A | Unanswered>(requests.length);
  let next = 0;
  const lane = async () => {
    while (next < requests.length) {
      const index = next++;
      try {
        answers[index] = await work(requests[index]!);
      } catch (error) {
        answers[index] = unanswered(error);
      }
    }
  };
  await Promise.all(Array.from({ length: Math.min(lanes, requests.length) }, lane));
  return answers;
}

/** What is said of a request that got no answer. */
type Unanswered = { kind: "failed"; error: string } | ProviderAway;

/** @throws what is neither the provider's fault nor a rest that it gets */
function unanswered(error: unknown): Unanswered {
  if (error instanceof LeftAlone) {
    return { kind: "away", error: "the payment provider does not answer; it is left alone" };
  }
  if (error instanceof NoAnswer) return failed(`the provider gave no answer: ${error.message}`);
  throw error;
}

function failed(error: string): { kind: "failed"; error: string } {
  return { kind: "failed", error };
}

function parsed(text: string): Record<string, unknown> {
  try {
    const value = JSON.parse(text);
    return typeof value === "object" && value !== null ? value : {};
  } catch {
    return {};
  }
}
