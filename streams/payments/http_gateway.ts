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
 *
 * `reference` is the shop's id of the order. Whatever an answer repeats of the request has to be what was asked for,
 * or it counts as no answer.
 *
 * @module
 */

import { cutText } from "../../domain/text/cut_text.ts";
import { messageOf } from "../../domain/errors.ts";
import type { CallbackMessage, ChargeMessage } from "../../domain/messages/messages.ts";
import { trimEnd } from "../../domain/text/trim_end.ts";
import type {
  ChargeAnswer,
  ChargeStatus,
  Gateway,
  GatewayRequest,
  GiveBackAnswer,
  ProviderAway,
  StillOurs,
  WentBackAnswer,
} from "./gateway.ts";
import { readReply } from "./read_reply.ts";
import { type Refusals, refusalsOf } from "./refusals.ts";

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

/** The provider refuses, and not because of what was asked: the settings are wrong, and everything has to wait. */
class RefusesAll extends Error {
  override name = "RefusesAll";
}

/** Statuses by which everybody is refused: the token is not known or may not, or the address is wrong. */
const refusesAll: readonly number[] = [401, 403, 405, 407];

/** Those of them that may be about one request alone, which the others of its kind tell. */
const refusesAllOrOne: readonly number[] = [403, 404];

/** Statuses that mean "try again", besides those of 500 and more. */
const tryAgain: readonly number[] = [408, 425, 429];

/** Statuses that mean the same for this one alone: another request under its key is being worked on. */
const inProgress: readonly number[] = [409, 423];

/** True where a request was refused for what it asks. */
function isRefusal({ method, status }: Reply): boolean {
  return method === "POST" && status >= 400 && status < 500;
}

/** Characters of a provider's reason that are kept. */
const longestReason = 120;

/** The provider was not asked for money, because the message that wanted it may be another consumer's by now. */
class NotAsked extends Error {
  override name = "NotAsked";
}

/** What went wrong again and again, and how long nothing is asked because of it. */
interface Trouble {
  inRow: number;
  restsUntil: number;
  cause: string;
}

function noTrouble(): Trouble {
  return { inRow: 0, restsUntil: -Infinity, cause: "" };
}

/** An answer of the provider. */
interface Reply {
  method: string;
  status: number;
  body: Record<string, unknown>;
}

/**
 * Tells others of the kind what an answer means for them.
 *
 * @throws {RefusesAll} where it refuses everybody, as far as is known
 */
function weigh(
  { method, status }: Reply,
  { resource, key, refusals }: { resource: string; key: string; refusals: Refusals },
): void {
  const isPost = method === "POST";
  if (refusesAll.includes(status) || (isPost && status === 404)) {
    if (isPost && refusesAllOrOne.includes(status) && refusals.isAlone(key)) return;
    const cause = `it answered ${status} to ${method} /${resource}`;
    refusals.refused(key, cause);
    throw new RefusesAll(cause);
  }
  if (isPost) refusals.posted(key, status < 300);
  else refusals.lookedUp(key);
}

/**
 * Makes a gateway that asks over HTTP: with a time limit, and a few tries with random waits between them. A try
 * whose outcome is unknown is asked about before it is repeated. Nobody knows of a refund whether it was tried
 * long ago, when its key may be forgotten by now, so the provider is asked about each before the first try.
 *
 * When the provider fails again and again it is left alone for a while; what is asked meanwhile is answered
 * `away`, and its messages wait without losing a try. Then a single request finds out whether it is back. A provider
 * that refuses for reasons of its own or of the settings (401, 403, 404 to a POST) is away just so, because it would
 * refuse everything of the kind: who may charge and not refund goes on charging. What it refuses for what was asked
 * (400, 402, 422 …, and 403 or 404 again after others of the kind succeeded) is looked up: where the provider knows
 * nothing of it no money has moved, and the charge is declined, or the refund refused, with the provider's words.
 *
 * A charge that the provider has not decided is asked about again after a while, should its callback not come.
 */
export function httpGateway(options: HttpGatewayOptions): Gateway {
  const base = trimEnd(options.url, "/");
  const firstWaitMs = options.firstWaitMs ?? 200;
  const callbackMs = options.callbackMs ?? 30_000;
  const restMs = options.restMs ?? 10_000;
  const failures = noTrouble();
  // Of each kind by itself, because a token may be good for charges and not for refunds. A look-up that is answered
  // does not end these: it may be good for looking and not for charging.
  const kinds = new Map<string, Refusals>();
  const needsRest = ({ inRow }: Trouble) => inRow >= failuresToRest;

  const askOnce = async (method: string, path: string, key: string, body?: unknown) => {
    const [, resource = ""] = path.split("/");
    const refusals = kinds.get(resource) ?? refusalsOf({ most: failuresToRest, restMs });
    kinds.set(resource, refusals);
    if (performance.now() < failures.restsUntil) throw new LeftAlone(failures.cause);
    if (!refusals.admits(key)) throw new LeftAlone(refusals.cause);
    // After a rest one request is let through; until it is answered, all others stay out.
    if (needsRest(failures)) failures.restsUntil = Infinity;
    let reply: Reply;
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
      const { status } = response;
      if (status >= 500 || tryAgain.includes(status)) throw new NoAnswer(`it answered ${status}`);
      reply = { method, status, body: parsed(text) };
    } catch (error) {
      failures.inRow++;
      failures.cause = messageOf(error);
      if (!needsRest(failures)) throw new NoAnswer(failures.cause);
      failures.restsUntil = performance.now() + restMs;
      // Whoever finds out that it is still away is not to blame either.
      throw new LeftAlone(failures.cause);
    }
    failures.inRow = 0;
    failures.restsUntil = -Infinity;
    weigh(reply, { resource, key, refusals });
    if (inProgress.includes(reply.status)) throw new NoAnswer(`it answered ${reply.status}`);
    return reply;
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
  const post = (
    path: string,
    request: GatewayRequest,
    looksFrom: number,
    stillOurs: StillOurs,
  ): Promise<Reply> => {
    const { orderId, reference, amountCents, currency, chargeRef, idempotencyKey: key } = request;
    return insist(async (attempt) => {
      if (attempt >= looksFrom) {
        const before = await lookUp(path, key);
        if (before.status !== 404) return before;
      }
      const body = {
        order_id: orderId,
        reference,
        ...(chargeRef === undefined ? {} : { charge_id: chargeRef }),
        amount_cents: amountCents,
        currency,
      };
      await mayAsk(request, stillOurs);
      return await askOnce("POST", path, key, body);
    });
  };

  /** @param isOpen nothing was counted for the order, so what went back of the charge is not there to be counted */
  const chargeAnswer = (
    request: GatewayRequest,
    { status, body }: Reply,
    isOpen: boolean,
  ): ChargeAnswer => {
    const { orderId, amountCents, currency, idempotencyKey: key } = request;
    const { id, status: outcome } = body;
    if (status >= 300 || typeof id !== "string" || id === "" || typeof outcome !== "string") {
      return failed(`the provider refused to charge: it answered ${status}`);
    }
    if (id.length > longestRef) {
      return failed(`the provider's name for the charge has more than ${longestRef} characters`);
    }
    const answeredCurrency = body.currency;
    if (typeof answeredCurrency !== "string" || !/^[A-Z]{3}$/.test(answeredCurrency)) {
      return failed("the provider does not say in which currency it took the money");
    }
    const other = otherOrder(request, body);
    if (other !== undefined) return { ...failed(other), isOther: true };
    if (outcome === "pending") {
      // The callback may never come. Meanwhile this message is what knows of the order.
      const message: ChargeMessage = { type: "payment.charge", orderId, amountCents, currency };
      return { kind: "accepted", callback: { message, delayMs: callbackMs, evenIfLost: true } };
    }
    if (outcome !== "succeeded" && outcome !== "declined") {
      return failed(`the provider answered "${outcome}", which is not known`);
    }
    const { amount_cents: answeredCents, refunded_cents: refunded } = body;
    if (!isCents(answeredCents)) return failed("the provider does not say which amount it took");
    const refundedCents = refunded ?? 0;
    if (!isCents(refundedCents) || refundedCents > answeredCents) {
      return failed(
        "the provider says that less than nothing, or more than it took, went back of the charge",
      );
    }
    const message: CallbackMessage = {
      type: "payment.callback",
      orderId,
      // Another one than was asked for is disputed, see domain/order/settle.ts; so is one that went back whole. Of a part that
      // went back the request is sent again under its own key.
      amountCents: isOpen && outcome === "succeeded" && refundedCents === answeredCents
        ? 0
        : answeredCents,
      currency: answeredCurrency,
      outcome,
      provider: httpGatewayName,
      key,
      providerRef: id,
    };
    return { kind: "accepted", callback: { message, evenIfLost: true } };
  };

  /** Under a key that is refused something may have been charged before, so nothing is concluded without a look. */
  const charge = async (request: GatewayRequest, stillOurs: StillOurs): Promise<ChargeAnswer> => {
    const reply = await post("/charges", request, request.askedBefore ? 1 : 2, stillOurs);
    if (!isRefusal(reply)) return chargeAnswer(request, reply, true);
    const known = await insist(() => lookUp("/charges", request.idempotencyKey));
    return known.status === 404 ? declinedFor(request, reply) : chargeAnswer(request, known, true);
  };

  const status = async (request: GatewayRequest): Promise<ChargeStatus> => {
    const reply = await insist(() => lookUp("/charges", request.idempotencyKey));
    if (reply.status === 404) return { kind: "unknown" };
    if (reply.status >= 300) {
      return failed(`the provider does not tell of the charge: it answered ${reply.status}`);
    }
    // What went back of it is perhaps what is being given back, and is looked up under the key of that.
    return chargeAnswer(request, reply, false);
  };

  const giveBack = async (
    request: GatewayRequest,
    stillOurs: StillOurs,
  ): Promise<GiveBackAnswer> => {
    const reply = await post("/refunds", request, 1, stillOurs);
    const refused = isRefusal(reply);
    const { status, body } = refused
      ? await insist(() => lookUp("/refunds", request.idempotencyKey))
      : reply;
    if (refused && status === 404) return { kind: "refused", reason: reasonOf(reply) };
    const other = status < 300 ? otherRefund(request, body) : undefined;
    if (other !== undefined) return failed(other);
    if (status < 300 && body.status === "succeeded") return { kind: "given_back" };
    if (status < 300 && body.status === "refused") {
      return { kind: "refused", reason: String(body.reason ?? "") };
    }
    return failed(`the provider answered ${status} to a refund`);
  };

  const wentBack = async (request: GatewayRequest): Promise<WentBackAnswer> => {
    const { status, body } = await insist(() => lookUp("/refunds", request.idempotencyKey));
    if (status === 404) return { kind: "unknown" };
    const other = status < 300 ? otherRefund(request, body) : undefined;
    if (other !== undefined) return failed(other);
    if (status < 300 && body.status === "succeeded") return { kind: "given_back" };
    if (status < 300 && body.status === "refused") return { kind: "unknown" };
    return failed(`the provider does not tell of the refund: it answered ${status}`);
  };

  return {
    name: httpGatewayName,
    charge: (requests, stillOurs = always) =>
      eachInLanes(requests, (request) => charge(request, stillOurs)),
    giveBack: (requests, stillOurs = always) =>
      eachInLanes(requests, (request) => giveBack(request, stillOurs)),
    status: (requests) => eachInLanes(requests, status),
    wentBack: (requests) => eachInLanes(requests, wentBack),
    callbackMs,
  };
}

/** A charge that was refused and of which the provider knows nothing: it took no money, and never will. */
function declinedFor(request: GatewayRequest, reply: Reply): ChargeAnswer {
  const { orderId, amountCents, currency, idempotencyKey } = request;
  const message: CallbackMessage = {
    type: "payment.callback",
    orderId,
    amountCents,
    currency,
    outcome: "declined",
    provider: httpGatewayName,
    key: idempotencyKey,
    // The charge has no name: the key tells it from others, and people find the reason here.
    providerRef: cutText(`refused ${idempotencyKey}: ${reasonOf(reply)}`, longestRef),
  };
  return { kind: "accepted", callback: { message, evenIfLost: true } };
}

/** True of an amount in minor units. */
function isCents(value: unknown): value is number {
  return Number.isSafeInteger(value) && value as number >= 0;
}

/** Status and words of a refusal, on one line. */
function reasonOf({ status, body }: Reply): string {
  const nested = typeof body.error === "object" && body.error !== null
    ? (body.error as Record<string, unknown>).message
    : body.error;
  const words = [body.reason, nested, body.message, body.detail, body.title]
    .find((value) => typeof value === "string" && value !== "");
  const text = String(words ?? "").replaceAll(/[\p{Cc}\p{Cf}\s]+/gu, " ").trim();
  return cutText(`${status} ${text}`.trim(), longestReason);
}

/** For whoever asks without a message. */
const always: StillOurs = () => Promise.resolve(true);

/** @throws {NotAsked} where no message of this consumer wants the money any more */
async function mayAsk(request: GatewayRequest, stillOurs: StillOurs): Promise<void> {
  let ours: boolean;
  try {
    ours = await stillOurs(request);
  } catch (error) {
    throw new NotAsked(`nobody tells whether it is still to be asked: ${messageOf(error)}`);
  }
  if (!ours) throw new NotAsked("its message was taken over by another consumer meanwhile");
}

/** What is wrong with an answer that repeats another order or key than was asked about. */
function otherOrder(request: GatewayRequest, body: Record<string, unknown>): string | undefined {
  const { reference, idempotencyKey } = request;
  const isOther = (repeated: unknown, asked: string) =>
    repeated !== undefined && repeated !== null && repeated !== asked;
  return isOther(body.reference, reference) || isOther(body.idempotency_key, idempotencyKey)
    ? `the provider answered about another order than ${JSON.stringify(reference)}`
    : undefined;
}

/** What is wrong with an answer that is about other money than was to be given back. */
function otherRefund(request: GatewayRequest, body: Record<string, unknown>): string | undefined {
  const { amountCents, currency, chargeRef } = request;
  if ((body.charge_id ?? chargeRef) !== chargeRef) {
    return `the provider answered about a refund of charge ${JSON.stringify(body.charge_id)} ` +
      `to one of ${JSON.stringify(chargeRef)}`;
  }
  const amount = body.amount_cents ?? amountCents;
  const money = body.currency ?? currency;
  return amount !== amountCents || money !== currency
    ? `the provider answered about a refund of ${amount} ${money} to one of ${amountCents} ${currency}, in minor units`
    : otherOrder(request, body);
}

async function eachInLanes<A extends ChargeStatus | GiveBackAnswer | WentBackAnswer>(
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
    return {
      kind: "away",
      error: `the payment provider is left alone for a while: ${error.message}`,
    };
  }
  if (error instanceof RefusesAll) {
    return {
      kind: "away",
      error: `the payment provider refuses everything: ${error.message}; are GATEWAY_URL and ` +
        "GATEWAY_TOKEN right?",
    };
  }
  if (error instanceof NotAsked) {
    const text = `the payment provider was not asked: ${error.message}`;
    return { kind: "away", error: text, notAsked: true };
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
