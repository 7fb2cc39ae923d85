/**
 * Stripe as a payment provider: PaymentIntents that are made and confirmed at once without the customer (`off_session`), by
 * the payment method that the order names; refunds of them; and their webhooks.
 *
 * - The order's charge key is the idempotency key, and stands in the metadata, by which a charge is found again once
 *   Stripe has forgotten the key (after 24 hours). Its search lags behind by a minute or more, so what it does not find is
 *   looked for among the newest intents as well, which are listed at once.
 * - A bank that wants to see the customer (`authentication_required`) is asked again with the customer, where
 *   `STRIPE_RETURN_URL` says where customers come back to: the link that Stripe answers is for the customer.
 * - An error that passes (`processing_error` …) is tried again on the same intent, because Stripe repeats the answer that
 *   it gave to a key.
 *
 * Errors are told apart in `stripe_errors.ts`, amounts are turned over in `stripe_amounts.ts`.
 *
 * @module
 */

import type { Stripe } from "stripe";
import { type Fault, messageOf, WorkflowError } from "../../../domain/errors.ts";
import type { GatewayRequest } from "../gateway.ts";
import type {
  Capabilities,
  Movement,
  Provider,
  ProviderCharge,
  ProviderEvent,
  ProviderRefund,
  SignedRequest,
} from "../provider.ts";
import { NoAnswer, Refused, Unusable } from "../unanswered.ts";
import { fromStripe, toStripe } from "./stripe_amounts.ts";
import { chargebackOf } from "./stripe_disputes.ts";
import { eventFaults } from "./stripe_event_faults.ts";
import { intentOf, isPassing, saidOf } from "./stripe_errors.ts";

/** Stands in `payments.provider`. */
export const stripeName = "stripe";

/** How Stripe is reached, and how its webhooks are known. */
export interface StripeAccess {
  /** `sk_…` or `rk_…`. */
  secretKey: string;
  /** Any of them signs its webhooks: `whsec_…`. Read at each of them, because they may be replaced. */
  readonly webhookSecrets: readonly string[];
  /** Where customers come back to; empty for none. */
  returnUrl: string;
  /** Longest wait for one answer, in milliseconds. */
  timeoutMs: number;
  /** Where its paths begin; `https://api.stripe.com` by default. */
  url?: string;
}

const can: Capabilities = {
  looksUpByKey: true,
  looksUpByReference: true,
  lists: true,
  refundsInPart: true,
  captures: "part",
  webhooks: true,
  chargebacks: true,
  takesRefundsBack: true,
  looksUpByName: true,
  looksUpChargebacks: true,
};

/** What Stripe is told of each charge and refund, to find them by; its own names may not hold brackets. */
const keyName = "charge_key", refundKeyName = "refund_key", referenceName = "order_reference";

/** And by which installation a charge was asked for: an account may serve several, and tells each of all. */
const installationName = "charge_installation";

/** Stripe's search may lag behind by a minute, and by more in an outage: what is younger is looked for in the list. */
const searchLagSeconds = 900;

/** Intents that are listed at once, and pages that are read before it is given up. */
const pageSize = 100, maxListed = 5_000;

/** Seconds that a webhook's signature may be old. */
const toleranceSeconds = 300;

/** Makes the provider. The package is loaded with the first request. */
export function stripeProvider(access: StripeAccess): Provider {
  let loading: Promise<Stripe> | undefined;
  const ask = async <A>(work: (stripe: Stripe) => Promise<A>): Promise<A> => {
    const stripe = await (loading ??= openStripe(access));
    try {
      return await work(stripe);
    } catch (error) {
      throw saidOf(error);
    }
  };
  const { returnUrl } = access;
  const read = (intent: Stripe.PaymentIntent) => chargeOf(intent, returnUrl !== "");
  return {
    name: stripeName,
    can,
    charge: (request) => ask(async (stripe) => read(await charge(stripe, request, returnUrl))),
    findCharge: (request) =>
      ask(async (stripe) => {
        const intent = await findIntent(stripe, request);
        // What failed by an error that passes is asked for again.
        return intent === undefined || isPassing(intent.last_payment_error) ? null : read(intent);
      }),
    findChargeNamed: (ref) =>
      ask(async (stripe) => {
        const intent = await orNull(intentNamed(stripe, ref));
        return intent && read(intent);
      }),
    findChargeback: (ref) =>
      ask(async (stripe) => {
        const dispute = await orNull(stripe.disputes.retrieve(ref));
        return dispute && chargebackOf(dispute, Date.now() / 1_000);
      }),
    refund: (request) => ask(async (stripe) => refundOf(await refund(stripe, request))),
    findRefund: (request) =>
      ask(async (stripe) => {
        for await (const one of stripe.refunds.list({ ...ofCharge(request), limit: pageSize })) {
          if (one.metadata?.[refundKeyName] === request.idempotencyKey) return refundOf(one);
        }
        return null;
      }),
    capture: ({ chargeRef, amountCents, currency, idempotencyKey }) =>
      ask(async (stripe) =>
        read(
          await stripe.paymentIntents.capture(chargeRef!, {
            amount_to_capture: toStripe(amountCents, currency),
            expand,
          }, { idempotencyKey }),
        )
      ),
    cancel: ({ chargeRef, idempotencyKey }) =>
      ask(async (stripe) =>
        read(await stripe.paymentIntents.cancel(chargeRef!, { expand }, { idempotencyKey }))
      ),
    findByReference: (reference) =>
      ask(async (stripe) => (await search(stripe, referenceName, reference)).reverse().map(read)),
    listSince: (since) => movements(ask, read, since),
    readWebhook: (request) => readWebhook(access, request, read),
  };
}

/** Tries and waits are ours, so the package makes none. */
async function openStripe({ secretKey, timeoutMs, url }: StripeAccess): Promise<Stripe> {
  const { default: Stripe } = await import("stripe");
  const { protocol, hostname, port } = new URL(url ?? "https://api.stripe.com");
  return new Stripe(secretKey, {
    httpClient: Stripe.createFetchHttpClient(),
    maxNetworkRetries: 0,
    timeout: timeoutMs,
    telemetry: false,
    protocol: protocol === "http:" ? "http" : "https",
    host: hostname,
    ...(port === "" ? {} : { port }),
  });
}

/** What went back of a charge stands in the charge that an intent came to. */
const expand = ["latest_charge"];

async function charge(
  stripe: Stripe,
  request: GatewayRequest,
  returnUrl: string,
): Promise<Stripe.PaymentIntent> {
  const { idempotencyKey } = request;
  try {
    return await stripe.paymentIntents.create(createParams(request, returnUrl), { idempotencyKey });
  } catch (error) {
    const failed = intentOf(error);
    if (failed === undefined) throw error;
    // Stripe repeats its first answer to a key, so the intent is looked at as it is now.
    const intent = await stripe.paymentIntents.retrieve(failed.id, { expand });
    return await goOn(stripe, intent, request, returnUrl);
  }
}

function createParams(
  request: GatewayRequest,
  returnUrl: string,
): Stripe.PaymentIntentCreateParams {
  const { amountCents, currency, reference, idempotencyKey, instructions, capture } = request;
  if (!instructions?.method) throw new Refused("the order names no payment method of the customer");
  const { method, customer, description, metadata } = instructions;
  const { installation } = request;
  return {
    amount: toStripe(amountCents, currency),
    currency: currency.toLowerCase(),
    confirm: true,
    off_session: true,
    payment_method: method,
    ...(customer === null ? {} : { customer }),
    ...(description === null ? {} : { description }),
    metadata: {
      ...metadata,
      [referenceName]: reference,
      [keyName]: idempotencyKey,
      ...(installation === undefined ? {} : { [installationName]: installation }),
    },
    capture_method: capture === "later" ? "manual" : "automatic",
    automatic_payment_methods: {
      enabled: true,
      allow_redirects: returnUrl === "" ? "never" : "always",
    },
    ...(returnUrl === "" ? {} : { return_url: returnUrl }),
    expand,
  };
}

/** What becomes of an intent that failed at first: it goes on with the customer, or is tried again, or is over. */
async function goOn(
  stripe: Stripe,
  intent: Stripe.PaymentIntent,
  { instructions, idempotencyKey }: GatewayRequest,
  returnUrl: string,
): Promise<Stripe.PaymentIntent> {
  const { id, status, last_payment_error: error } = intent;
  if (status !== "requires_payment_method") return intent;
  // The key is of the try that failed, so that a try whose answer gets lost is not made twice.
  const again = { idempotencyKey: `${idempotencyKey}_${chargeIdOf(intent) ?? "again"}` };
  const method = instructions?.method ?? undefined;
  if (needsCustomer(intent) && returnUrl !== "") {
    const params = { payment_method: method, return_url: returnUrl, use_stripe_sdk: false, expand };
    return await stripe.paymentIntents.confirm(id, params, again);
  }
  if (!isPassing(error)) return intent;
  try {
    const params = { payment_method: method, off_session: true, expand };
    return await stripe.paymentIntents.confirm(id, params, again);
  } catch (error) {
    if (isPassing(intentOf(error)?.last_payment_error)) {
      throw new NoAnswer(`it failed by an error that passes: ${(error as Error).message}`);
    }
    const failed = intentOf(error);
    if (failed === undefined) throw error;
    return await stripe.paymentIntents.retrieve(failed.id, { expand });
  }
}

function needsCustomer({ last_payment_error: error }: Stripe.PaymentIntent): boolean {
  return error?.code === "authentication_required";
}

/**
 * The intent of a charge key; undefined where there is none. Of several, which nobody made, one that took money.
 *
 * The order's customer may be another one by now than the intent was made with: an order that was lost and is sent again has
 * its key, and whatever the shop says of it today. So what is not among a customer's own is searched for among all.
 */
async function findIntent(
  stripe: Stripe,
  { idempotencyKey, instructions }: GatewayRequest,
): Promise<Stripe.PaymentIntent | undefined> {
  const customer = instructions?.customer;
  const found = customer ? [] : await search(stripe, keyName, idempotencyKey);
  if (found.length === 0) {
    const from = Math.floor(Date.now() / 1_000) - searchLagSeconds;
    // A customer's own intents are few, so all of them are looked through, at once.
    const which = customer ? { customer } : { created: { gte: from } };
    let listed = 0;
    const expand = ["data.latest_charge"];
    const list = stripe.paymentIntents.list({ ...which, limit: pageSize, expand });
    for await (const intent of list) {
      if (++listed > maxListed) {
        // Stripe has answered: whoever is not in doubt may go on.
        throw new Unusable(`there are more than ${maxListed} new charges to look through`);
      }
      if (intent.metadata[keyName] === idempotencyKey) found.push(intent);
    }
    if (found.length === 0 && customer) {
      found.push(...await search(stripe, keyName, idempotencyKey));
    }
  }
  return found.find(({ status }) => status === "succeeded") ?? found[0];
}

/** Intents by their metadata, the newest first. */
async function search(
  stripe: Stripe,
  name: string,
  value: string,
): Promise<Stripe.PaymentIntent[]> {
  const quoted = value.replaceAll("\\", "\\\\").replaceAll("'", "\\'");
  const found = await stripe.paymentIntents.search({
    query: `metadata['${name}']:'${quoted}'`,
    limit: pageSize,
    expand: ["data.latest_charge"],
  });
  // A search may match what is like it.
  return found.data.filter(({ metadata }) => metadata[name] === value);
}

async function refund(stripe: Stripe, request: GatewayRequest): Promise<Stripe.Refund> {
  const { amountCents, currency, reference, idempotencyKey } = request;
  return await stripe.refunds.create({
    ...ofCharge(request),
    amount: toStripe(amountCents, currency),
    metadata: { [referenceName]: reference, [refundKeyName]: idempotencyKey },
  }, { idempotencyKey });
}

/** The intent of a name, which may be that of its charge; null for a charge without one. */
async function intentNamed(stripe: Stripe, ref: string): Promise<Stripe.PaymentIntent | null> {
  if (ref.startsWith("pi_")) return await stripe.paymentIntents.retrieve(ref, { expand });
  const intent = idOf((await stripe.charges.retrieve(ref)).payment_intent);
  return intent === null ? null : await stripe.paymentIntents.retrieve(intent, { expand });
}

/** What is asked for by its name; null where Stripe has none of it. */
async function orNull<A>(asked: Promise<A>): Promise<A | null> {
  try {
    return await asked;
  } catch (error) {
    if ((error as { code?: string }).code === "resource_missing") return null;
    throw error;
  }
}

/** What was paid at its source may be named by the charge instead of the intent. */
function ofCharge({ chargeRef = "" }: GatewayRequest) {
  return chargeRef.startsWith("pi_") ? { payment_intent: chargeRef } : { charge: chargeRef };
}

function chargeIdOf({ latest_charge: charge }: Stripe.PaymentIntent): string | undefined {
  return typeof charge === "string" ? charge : charge?.id;
}

/** @param asksCustomer a bank that wants to see the customer is asked again, so nothing is decided yet */
function chargeOf(intent: Stripe.PaymentIntent, asksCustomer: boolean): ProviderCharge {
  const { id, metadata, latest_charge: latest, last_payment_error: error } = intent;
  const currency = intent.currency.toUpperCase();
  const state = stateOf(intent, asksCustomer);
  const url = intent.next_action?.redirect_to_url?.url ?? null;
  const took = state === "succeeded"
    ? intent.amount_received
    : state === "authorized"
    ? intent.amount_capturable
    : intent.amount;
  const refunded = typeof latest === "object" ? latest?.amount_refunded ?? 0 : 0;
  return {
    ref: id,
    state,
    amountCents: fromStripe(took, currency),
    currency,
    refundedCents: state === "succeeded" ? fromStripe(refunded, currency) : 0,
    key: metadata[keyName] ?? null,
    reference: metadata[referenceName] ?? null,
    installation: metadata[installationName] ?? null,
    code: error?.decline_code ?? error?.code ?? null,
    ...(state === "requires_action" ? { action: { url, expiresAt: null } } : {}),
    ...(state === "authorized" ? { holdExpiresAt: captureBefore(latest) } : {}),
  };
}

/** Until when the card's bank keeps money for us, where Stripe says it. */
function captureBefore(latest: Stripe.PaymentIntent["latest_charge"]): Date | null {
  const details = typeof latest === "object" ? latest?.payment_method_details : null;
  const seconds = details?.card?.capture_before;
  return typeof seconds === "number" ? new Date(seconds * 1_000) : null;
}

function stateOf(intent: Stripe.PaymentIntent, asksCustomer: boolean): ProviderCharge["state"] {
  switch (intent.status) {
    case "succeeded":
      return "succeeded";
    case "processing":
      return "pending";
    case "requires_capture":
      return "authorized";
    case "requires_action":
      return "requires_action";
    case "canceled":
      return "canceled";
    case "requires_payment_method":
      if (needsCustomer(intent) && asksCustomer) return "requires_action";
      return isPassing(intent.last_payment_error) ? "pending" : "declined";
    default:
      return "pending";
  }
}

function refundOf(refund: Stripe.Refund): ProviderRefund {
  const { id, status, metadata } = refund;
  const currency = refund.currency.toUpperCase();
  const intent = idOf(refund.payment_intent);
  const charge = idOf(refund.charge);
  return {
    ref: id,
    state: status === "succeeded"
      ? "succeeded"
      : status === "failed" || status === "canceled"
      ? "refused"
      : "pending",
    reason: refund.failure_reason ?? status,
    amountCents: fromStripe(refund.amount, currency),
    currency,
    chargeRefs: [intent, charge].filter((ref) => ref !== null),
    key: metadata?.[refundKeyName] ?? null,
    reference: metadata?.[referenceName] ?? null,
  };
}

function idOf(named: string | { id: string } | null): string | null {
  return typeof named === "string" ? named : named?.id ?? null;
}

async function* movements(
  ask: <A>(work: (stripe: Stripe) => Promise<A>) => Promise<A>,
  read: (intent: Stripe.PaymentIntent) => ProviderCharge,
  since: Date,
): AsyncGenerator<Movement> {
  const created = { gte: Math.floor(since.getTime() / 1_000) };
  const expand = ["data.latest_charge"];
  for (let after: string | undefined, more = true; more;) {
    const page = { created, limit: pageSize, ...(after ? { starting_after: after } : {}) };
    const intents = await ask((stripe) => stripe.paymentIntents.list({ ...page, expand }));
    for (const intent of intents.data) {
      yield { kind: "charge", at: new Date(intent.created * 1_000), charge: read(intent) };
    }
    [after, more] = [intents.data.at(-1)?.id, intents.has_more];
  }
  for (let after: string | undefined, more = true; more;) {
    const page = { created, limit: pageSize, ...(after ? { starting_after: after } : {}) };
    const refunds = await ask((stripe) => stripe.refunds.list(page));
    for (const refund of refunds.data) {
      yield { kind: "refund", at: new Date(refund.created * 1_000), refund: refundOf(refund) };
    }
    [after, more] = [refunds.data.at(-1)?.id, refunds.has_more];
  }
}

/** What a webhook of Stripe says; undefined where none of the secrets has signed it. */
async function readWebhook(
  { webhookSecrets, secretKey }: StripeAccess,
  { header, text }: SignedRequest,
  read: (intent: Stripe.PaymentIntent) => ProviderCharge,
): Promise<ProviderEvent | undefined> {
  const signature = header("stripe-signature");
  if (signature === undefined) return undefined;
  const { default: Stripe } = await import("stripe");
  const { webhooks } = new Stripe(secretKey, { httpClient: Stripe.createFetchHttpClient() });
  const crypto = Stripe.createSubtleCryptoProvider();
  for (const secret of webhookSecrets) {
    try {
      const event = await webhooks
        .constructEventAsync(text, signature, secret, toleranceSeconds, crypto);
      return understood(event, read);
    } catch (error) {
      if (error instanceof Stripe.errors.StripeSignatureVerificationError) continue;
      // Signatures are looked at first, so what can't be parsed is signed.
      const isUnread = error instanceof SyntaxError || error instanceof TypeError ||
        error instanceof Unusable;
      throw isUnread ? misunderstood([{ at: "#/", detail: messageOf(error) }]) : error;
    }
  }
  return undefined;
}

/** @throws {WorkflowError} `invalid` for one that is not as Stripe writes them */
function understood(
  event: Stripe.Event,
  read: (intent: Stripe.PaymentIntent) => ProviderCharge,
): ProviderEvent {
  const faults = eventFaults(event);
  if (faults.length > 0) throw misunderstood(faults);
  return eventOf(event, read);
}

function misunderstood(faults: Fault[]): WorkflowError {
  return new WorkflowError("invalid", "The event can't be understood", faults);
}

function eventOf(
  event: Stripe.Event,
  read: (intent: Stripe.PaymentIntent) => ProviderCharge,
): ProviderEvent {
  const { id, type } = event;
  switch (event.type) {
    case "payment_intent.succeeded":
    case "payment_intent.payment_failed":
    case "payment_intent.canceled": {
      const charge = read(event.data.object);
      const { key } = charge;
      if (key === null || key === undefined) break;
      return { kind: "charge", id, charge: { ...charge, key } };
    }
    case "refund.failed":
    case "refund.updated":
    case "charge.refund.updated": {
      const happenedAt = new Date(event.created * 1_000);
      return { kind: "refund", id, refund: refundOf(event.data.object), happenedAt };
    }
    case "charge.dispute.created":
    case "charge.dispute.updated":
    case "charge.dispute.closed":
    case "charge.dispute.funds_withdrawn":
    case "charge.dispute.funds_reinstated":
      return { kind: "chargeback", id, chargeback: chargebackOf(event.data.object, event.created) };
  }
  return { kind: "other", id, type };
}
