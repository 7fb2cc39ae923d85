/**
 * What is the same for every payment provider that is asked over a network: when it is asked, how often, when it is left
 * alone, and what becomes of requests that it did not answer.
 *
 * @module
 */

import { setTimeout as sleep } from "node:timers/promises";
import { messageOf } from "../../domain/errors.ts";
import { concurrently } from "../timing/concurrently.ts";
import type { AskOptions, ChargeStatus, Gateway, GatewayRequest } from "./gateway.ts";
import type { Provider, ProviderCharge, ProviderRefund } from "./provider.ts";
import {
  readCharge,
  readMoney,
  readRefund,
  readRefundStatus,
  refusedCharge,
} from "./provider_answers.ts";
import { openRequests, type ProviderRequest, type Requests } from "./provider_requests.ts";
import { type Tries, triesOf } from "./provider_tries.ts";
import {
  NoAnswer,
  NotAsked,
  Refused,
  type Unanswered,
  unanswered,
  Unusable,
} from "./unanswered.ts";

/** How a provider is asked. */
export interface CarefulOptions {
  /** For tests: waits between two tries, drawn from 0 to this, doubling; default 200 ms. */
  firstWaitMs?: number;
  /** For tests: how long a webhook is waited for before the provider is asked again; default 30 s. */
  callbackMs?: number;
  /** For tests: how long nothing is asked after the provider failed again and again; default 10 s. */
  restMs?: number;
}

const requestsAtOnce = 16;

/** Tries of one request, before it counts as failed. */
const maxTries = 3;

/**
 * Makes a gateway of a provider: with a few tries and random waits between them. A try whose outcome is unknown is asked
 * about before it is repeated, where the provider can be asked. Nobody knows of a refund whether it was tried long ago,
 * when its key may be forgotten by now, so the provider is asked about each before the first try.
 *
 * When the provider fails again and again it is left alone for a while; what is asked meanwhile is answered `away`, and
 * its messages wait without losing a try. Then a single request finds out whether it is back. One that serves nobody is
 * away just so: who may charge and not refund goes on charging. What it refuses for what was asked is looked up: where
 * the provider knows nothing of it no money has moved, and the charge is declined, or the refund refused, with the
 * provider's words.
 *
 * A charge that the provider has not decided is asked about again after a while, should its webhook not come.
 */
export function carefulGateway(provider: Provider, options: CarefulOptions = {}): Gateway {
  const { firstWaitMs = 200, callbackMs = 30_000, restMs = 10_000 } = options;
  expectItsWord(provider);
  const asking: Asking = { requests: openRequests({ restMs }), firstWaitMs };
  const { name, can } = provider;
  const answerEach = answersOf(asking.requests);
  const charges = chargesOf(provider);
  const refunds = refundsOf(provider);
  const reading = { provider: name, callbackMs, takesPart: can.captures === "part" };
  return {
    name,
    can,
    callbackMs,
    provider,
    charge: (wanted, options = {}) =>
      answerEach(wanted, async (request) => {
        const from = request.askedBefore ? 1 : 2;
        const said = await insistOn(asking, charges, request, { from, ...options });
        if ("refused" in said) return refusedCharge(request, said.refused, name);
        const read = (charge: ProviderCharge) =>
          readCharge(request, charge, { isOpen: true, ...reading });
        const answer = read(said.found);
        if (request.capture === "later" || !isHeld(answer)) return answer;
        return read(await takeHeld(asking, { provider, charges }, request, said.found, options));
      }),
    refund: (wanted, options = {}) =>
      answerEach(wanted, async (request) => {
        if (!can.refundsInPart && isPart(request)) {
          return { kind: "refused", reason: `${name} gives back all of a charge or nothing` };
        }
        const said = await insistOn(asking, refunds, request, { from: 1, ...options });
        return "refused" in said
          ? { kind: "refused", reason: said.refused.message }
          : readRefund(request, said.found, reading);
      }),
    ...(!can.looksUpByKey ? {} : {
      status: (wanted, options = {}) =>
        answerEach(wanted, async (request) => {
          const found = await lookUp(asking, charges, request, options);
          // What went back of it is perhaps what is being given back, and is looked up under the key of that.
          return found === null
            ? { kind: "unknown" }
            : readCharge(request, found, { isOpen: false, ...reading });
        }),
    }),
    ...(!can.looksUpByKey || provider.cancel === undefined ? {} : {
      end: (wanted, options = {}) =>
        answerEach(wanted, async (request) => {
          const read = (charge: ProviderCharge | null): ChargeStatus =>
            charge === null
              ? { kind: "unknown" }
              : readCharge(request, charge, { isOpen: false, ...reading });
          const found = await lookUp(asking, charges, request, options);
          const answer = read(found);
          if (found === null || !isWaiting(found, answer)) return answer;
          await mayAsk(request, options);
          return read(await giveUp(asking, { provider, charges }, request, found) ?? found);
        }),
    }),
    ...(!can.looksUpByKey ? {} : {
      refundStatus: (wanted, options = {}) =>
        answerEach(
          wanted,
          async (request) =>
            readRefundStatus(request, await lookUp(asking, refunds, request, options), reading),
        ),
    }),
    ...moneyWays(asking, { provider, charges }, answerEach),
  };
}

/** What is asked about money that nobody here has asked for, as far as the provider can be. */
function moneyWays(
  asking: Asking,
  { provider, charges }: { provider: Provider; charges: Kind<ProviderCharge> },
  answerEach: ReturnType<typeof answersOf>,
): Pick<Gateway, "money" | "chargeback"> {
  const { can } = provider;
  return {
    ...(!can.looksUpByKey && !can.looksUpByName ? {} : {
      money: (wanted) =>
        answerEach(
          wanted,
          async (request) => readMoney(await lookUpMoney(asking, { provider, charges }, request)),
        ),
    }),
    ...(!can.looksUpChargebacks ? {} : {
      chargeback: async (ref) => {
        const [answer] = await answerEach([{ ...noRequest, reference: ref }], async () => {
          const asked = { of: "charges", moves: false, key: ref } as const;
          const found = await insist(
            asking,
            () => asking.requests.ask(asked, () => provider.findChargeback!(ref)),
          );
          return found === null
            ? { kind: "unknown" as const }
            : { kind: "found" as const, chargeback: found };
        });
        return answer!;
      },
    }),
  };
}

/** Stands for a request where only a name is asked about. */
const noRequest: GatewayRequest = {
  orderId: 0,
  reference: "",
  amountCents: 0,
  currency: "",
  idempotencyKey: "",
};

/** A charge by its key or, where that finds none of that name, by the provider's own name for it. */
async function lookUpMoney(
  asking: Asking,
  { provider, charges }: { provider: Provider; charges: Kind<ProviderCharge> },
  request: GatewayRequest,
): Promise<ProviderCharge | null> {
  const { chargeRef, idempotencyKey } = request;
  const byKey = idempotencyKey === "" ? null : await lookUp(asking, charges, request, {});
  if (byKey !== null && (chargeRef === undefined || byKey.ref === chargeRef)) return byKey;
  if (!provider.can.looksUpByName || chargeRef === undefined) return null;
  const asked = { of: "charges", moves: false, key: chargeRef } as const;
  return await insist(
    asking,
    () => asking.requests.ask(asked, () => provider.findChargeNamed!(chargeRef)),
  );
}

/**
 * What a provider says that it can has to be there, and nothing else: nobody asks for what it says that it can't.
 *
 * @throws {Error} naming what does not agree
 */
function expectItsWord(provider: Provider): void {
  const { name, can } = provider;
  const said: [claim: string, claims: boolean, has: boolean][] = [
    ["looksUpByKey", can.looksUpByKey, has(provider.findCharge) && has(provider.findRefund)],
    ["looksUpByReference", can.looksUpByReference, has(provider.findByReference)],
    ["lists", can.lists, has(provider.listSince)],
    ["captures", can.captures !== "none", has(provider.capture) && has(provider.cancel)],
    ["webhooks", can.webhooks, has(provider.readWebhook)],
    ["chargebacks", can.chargebacks === true, has(provider.readWebhook)],
    ["takesRefundsBack", can.takesRefundsBack === true, has(provider.readWebhook)],
    ["looksUpByName", can.looksUpByName === true, has(provider.findChargeNamed)],
    ["looksUpChargebacks", can.looksUpChargebacks === true, has(provider.findChargeback)],
  ];
  const broken = said.filter(([, claims, has]) => claims && !has).map(([claim]) => claim);
  if (broken.length > 0) {
    throw new Error(`provider "${name}" can't do what it says that it can: ${broken.join(", ")}`);
  }
}

function has(method: unknown): boolean {
  return method !== undefined;
}

function isPart({ amountCents, chargeCents }: GatewayRequest): boolean {
  return chargeCents !== undefined && amountCents !== chargeCents;
}

/** Held money, whatever its amount, or what waits for its customer; not of another order's. */
function isWaiting({ state }: ProviderCharge, answer: ChargeStatus): boolean {
  if (answer.kind === "failed" && answer.isOther === true) return false;
  return state === "authorized" || state === "requires_action";
}

/** Money that is held as it was asked for. */
function isHeld(answer: ChargeStatus): boolean {
  return answer.kind === "accepted" && answer.hold !== undefined;
}

/** What a provider is asked for. */
interface Kind<F> {
  of: ProviderRequest["of"];
  make(request: GatewayRequest): Promise<F>;
  /** Left out where it can't be asked about. */
  find?: (request: GatewayRequest) => Promise<F | null>;
  tries: Tries<F>;
}

function chargesOf(provider: Provider): Kind<ProviderCharge> {
  return {
    of: "charges",
    make: (request) => provider.charge(request),
    find: provider.can.looksUpByKey ? provider.findCharge?.bind(provider) : undefined,
    tries: triesOf("charge"),
  };
}

function refundsOf(provider: Provider): Kind<ProviderRefund> {
  return {
    of: "refunds",
    make: (request) => provider.refund(request),
    find: provider.can.looksUpByKey ? provider.findRefund?.bind(provider) : undefined,
    tries: triesOf("refund"),
  };
}

interface Asking {
  requests: Requests;
  firstWaitMs: number;
}

/**
 * Asks for money to be moved; one try whose outcome is unknown is asked about before it is repeated. Under a key that is
 * refused something may have moved before, so nothing is concluded without a look.
 *
 * @param options.from the first try before which the provider is asked whether it knows of an earlier one
 */
async function insistOn<F>(
  asking: Asking,
  kind: Kind<F>,
  request: GatewayRequest,
  options: AskOptions & { from: number },
): Promise<{ found: F } | { refused: Refused }> {
  try {
    return {
      found: await insist(asking, async (attempt) => {
        if (attempt >= options.from && kind.find !== undefined) {
          const before = await lookUpOnce(asking, kind, request, options);
          if (before !== null) return before;
        }
        await mayAsk(request, options);
        return await askOnce(asking, kind, request, options);
      }),
    };
  } catch (error) {
    if (!(error instanceof Refused)) throw error;
    const known = await lookUp(asking, kind, request, options);
    return known === null ? { refused: error } : { found: known };
  }
}

async function lookUp<F>(
  asking: Asking,
  kind: Kind<F>,
  request: GatewayRequest,
  options: AskOptions,
): Promise<F | null> {
  if (kind.find === undefined) return null;
  return await insist(asking, () => lookUpOnce(asking, kind, request, options));
}

/**
 * Takes money that is held, under a key of its own: all that was asked for. A try whose outcome is unknown is asked about
 * before it is repeated. What the provider refuses may have been taken, or let go, meanwhile, so it is looked at again.
 *
 * @throws {Unusable} where it is held and refused all the same
 */
async function takeHeld(
  asking: Asking,
  { provider, charges }: { provider: Provider; charges: Kind<ProviderCharge> },
  request: GatewayRequest,
  found: ProviderCharge,
  options: AskOptions,
): Promise<ProviderCharge> {
  const idempotencyKey = `${request.idempotencyKey}_capture`;
  const taking: Kind<ProviderCharge> = {
    ...charges,
    make: (last) => provider.capture!(last),
    tries: triesOf("capture"),
  };
  const last = { ...request, idempotencyKey, chargeRef: found.ref };
  // Told under the key of the charge, which is what people look for.
  const tried: AskOptions["tried"] = (_, attempt) => options.tried?.(request, attempt);
  try {
    return await insist(asking, async (attempt) => {
      if (attempt > 1) {
        const now = await lookUpOnce(asking, charges, request, options);
        if (now !== null && now.state !== "authorized") return now;
      }
      await mayAsk(request, options);
      return await askOnce(asking, taking, last, { ...options, tried });
    });
  } catch (error) {
    if (!(error instanceof Refused)) throw error;
    const now = await lookUp(asking, charges, request, options);
    if (now !== null && now.state !== "authorized") return now;
    throw new Unusable(`the provider refuses to take what it holds: ${error.message}`);
  }
}

/**
 * Has the provider give up a charge that waits for its customer, or let go of money that it holds. Who acts at this moment may be first: then that is refused,
 * and it is looked at again.
 */
async function giveUp(
  asking: Asking,
  { provider, charges }: { provider: Provider; charges: Kind<ProviderCharge> },
  request: GatewayRequest,
  { ref }: ProviderCharge,
): Promise<ProviderCharge | null> {
  const idempotencyKey = `${request.idempotencyKey}_cancel`;
  const asked = { of: "charges", moves: false, key: idempotencyKey } as const;
  const last = { ...request, idempotencyKey, chargeRef: ref };
  try {
    return await insist(asking, () => asking.requests.ask(asked, () => provider.cancel!(last)));
  } catch (error) {
    if (!(error instanceof Refused)) throw error;
    return await lookUp(asking, charges, request, {});
  }
}

/** A look-up is told only where it finds something: what it finds nothing of is asked for, and that is told. */
async function lookUpOnce<F>(
  { requests }: Asking,
  { of, find, tries }: Kind<F>,
  request: GatewayRequest,
  { tried }: AskOptions,
): Promise<F | null> {
  const asked = { of, moves: false, key: request.idempotencyKey };
  try {
    const found = await requests.ask(asked, () => find!(request));
    if (found !== null) tried?.(request, tries.found(found));
    return found;
  } catch (error) {
    // A look-up is no request that can be refused.
    if (error instanceof Refused) {
      throw new Unusable(`the provider refuses a look-up: ${error.message}`);
    }
    throw error;
  }
}

async function askOnce<F>(
  { requests }: Asking,
  { of, make, tries }: Kind<F>,
  request: GatewayRequest,
  { tried }: AskOptions,
): Promise<F> {
  const asked = { of, moves: true, key: request.idempotencyKey };
  try {
    const found = await requests.ask(asked, async () => spoken(await make(request)));
    tried?.(request, tries.answered(found));
    return found;
  } catch (error) {
    const attempt = tries.failed(error);
    if (attempt !== undefined) tried?.(request, attempt);
    throw error;
  }
}

/**
 * What a provider made of an answer.
 *
 * @throws {Unusable} where that is nothing: of a batch, it must not take the others' answers away
 */
function spoken<F>(answer: F): F {
  if (typeof answer !== "object" || answer === null) {
    throw new Unusable("the provider's answer says nothing");
  }
  return answer;
}

async function insist<F>(
  { firstWaitMs }: Asking,
  once: (attempt: number) => Promise<F>,
): Promise<F> {
  for (let attempt = 1;; attempt++) {
    try {
      return await once(attempt);
    } catch (error) {
      if (!(error instanceof NoAnswer) || attempt === maxTries) throw error;
      const maxMs = firstWaitMs * 2 ** attempt;
      await sleep(Math.random() * maxMs);
    }
  }
}

/** @throws {NotAsked} where no message of this consumer wants the money any more */
async function mayAsk(request: GatewayRequest, { stillOurs }: AskOptions): Promise<void> {
  // Who asks without a message needs none.
  if (stillOurs === undefined) return;
  let ours: boolean;
  try {
    ours = await stillOurs(request);
  } catch (error) {
    throw new NotAsked(`nobody tells whether it is still to be asked: ${messageOf(error)}`);
  }
  if (!ours) throw new NotAsked("its message was taken over by another consumer meanwhile");
}

/** Makes what answers each request, some of them at once; of what failed it says why when all have been asked. */
function answersOf({ inHindsight }: Requests) {
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
