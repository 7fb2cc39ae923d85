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
 * `reference` is the shop's id of the order. How it is asked stands in `provider_requests.ts`, how its answers are read
 * in `provider_answers.ts`.
 *
 * @module
 */

import { setTimeout as sleep } from "node:timers/promises";
import { messageOf } from "../../domain/errors.ts";
import { concurrently } from "../timing/concurrently.ts";
import type { Gateway, GatewayRequest, StillOurs } from "./gateway.ts";
import {
  httpGatewayName,
  isRefusal,
  readCharge,
  readRefund,
  readRefundStatus,
  reasonOf,
  refusedCharge,
} from "./provider_answers.ts";
import {
  openProvider,
  type Provider,
  type ProviderAccess,
  type Reply,
} from "./provider_requests.ts";
import { failed, NoAnswer, NotAsked, type Unanswered, unanswered } from "./unanswered.ts";

export { httpGatewayName } from "./provider_answers.ts";

/** How the provider is asked. */
export interface HttpGatewayOptions extends Omit<ProviderAccess, "restMs"> {
  /** For tests: waits between two tries, drawn from 0 to this, doubling; default 200 ms. */
  firstWaitMs?: number;
  /** For tests: how long a callback is waited for before it is asked again; default 30 s. */
  callbackMs?: number;
  /** For tests: how long nothing is asked after the provider failed again and again; default 10 s. */
  restMs?: number;
}

const requestsAtOnce = 16;

/** Tries of one request, before it counts as failed. */
const maxTries = 3;

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
  const { firstWaitMs = 200, callbackMs = 30_000, restMs = 10_000 } = options;
  const provider = openProvider({ ...options, restMs });
  const ask = askPersistently(provider, firstWaitMs);
  const answerEach = answersOf(provider);
  return {
    name: httpGatewayName,
    callbackMs,
    charge: (requests, stillOurs = always) =>
      answerEach(requests, async (request) => {
        const reply = await ask.post("/charges", request, request.askedBefore ? 1 : 2, stillOurs);
        if (!isRefusal(reply)) return readCharge(request, reply, { isOpen: true, callbackMs });
        // Under a key that is refused something may have been charged before, so nothing is concluded without a look.
        const known = await ask.lookUp("/charges", request);
        return known.status === 404
          ? refusedCharge(request, reply)
          : readCharge(request, known, { isOpen: true, callbackMs });
      }),
    refund: (requests, stillOurs = always) =>
      answerEach(requests, async (request) => {
        const reply = await ask.post("/refunds", request, 1, stillOurs);
        if (!isRefusal(reply)) return readRefund(request, reply);
        const known = await ask.lookUp("/refunds", request);
        return known.status === 404
          ? { kind: "refused", reason: reasonOf(reply) }
          : readRefund(request, known);
      }),
    status: (requests) =>
      answerEach(requests, async (request) => {
        const reply = await ask.lookUp("/charges", request);
        if (reply.status === 404) return { kind: "unknown" };
        if (reply.status >= 300) {
          return failed(`the provider does not tell of the charge: it answered ${reply.status}`);
        }
        // What went back of it is perhaps what is being given back, and is looked up under the key of that.
        return readCharge(request, reply, { isOpen: false, callbackMs });
      }),
    refundStatus: (requests) =>
      answerEach(
        requests,
        async (request) => readRefundStatus(request, await ask.lookUp("/refunds", request)),
      ),
  };
}

/** Asks with a few tries; one whose outcome is unknown is asked about before it is repeated. */
function askPersistently({ ask }: Provider, firstWaitMs: number) {
  const insist = async (once: (attempt: number) => Promise<Reply>): Promise<Reply> => {
    for (let attempt = 1;; attempt++) {
      try {
        return await once(attempt);
      } catch (error) {
        if (!(error instanceof NoAnswer) || attempt === maxTries) throw error;
        const maxMs = firstWaitMs * 2 ** attempt;
        await sleep(Math.random() * maxMs);
      }
    }
  };
  const lookUpOnce = (path: string, { idempotencyKey: key }: GatewayRequest) =>
    ask({ method: "GET", path: `${path}/${encodeURIComponent(key)}`, key });
  return {
    lookUp: (path: string, request: GatewayRequest) => insist(() => lookUpOnce(path, request)),
    /** @param looksFrom the first try before which the provider is asked whether it knows of an earlier one */
    post: (path: string, request: GatewayRequest, looksFrom: number, stillOurs: StillOurs) =>
      insist(async (attempt) => {
        if (attempt >= looksFrom) {
          const before = await lookUpOnce(path, request);
          if (before.status !== 404) return before;
        }
        await mayAsk(request, stillOurs);
        const { idempotencyKey: key } = request;
        return await ask({ method: "POST", path, key, body: bodyOf(request) });
      }),
  };
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

/** Makes what answers each request, some of them at once; of what failed it says why when all have been asked. */
function answersOf({ inHindsight }: Provider) {
  return async <A>(
    requests: readonly GatewayRequest[],
    work: (request: GatewayRequest) => Promise<A>,
  ): Promise<(A | Unanswered)[]> => {
    const answers = new Array<A | Unanswered>(requests.length);
    const failures: [index: number, failure: NoAnswer][] = [];
    await concurrently(requests.entries(), requestsAtOnce, async ([index, request]) => {
      try {
        answers[index] = await work(request);
      } catch (error) {
        if (error instanceof NoAnswer) failures.push([index, error]);
        else answers[index] = unanswered(error);
      }
    });
    for (const [index, failure] of failures) answers[index] = unanswered(inHindsight(failure));
    return answers;
  };
}
