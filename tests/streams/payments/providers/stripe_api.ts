/**
 * Stripe's API as far as it is used here, made from the types of the package `stripe` and the public documentation: it looks
 * at every field of every request, keeps intents and refunds as Stripe does, repeats its first answer to an idempotency key,
 * and signs events by the package's own helper. It is no Stripe: what it does not know of, nobody has tried.
 *
 * @module
 */

import assert from "node:assert/strict";
import Stripe from "stripe";

/** What is sent as a webhook. */
export interface SentEvent {
  text: string;
  signature: string;
}

/** The server, and what tests look at and set. */
export interface StripeApi {
  handle(request: Request): Promise<Response>;
  intents: Map<string, Stripe.PaymentIntent>;
  refunds: Stripe.Refund[];
  /** What was wrong with requests, by the documentation. */
  faults: string[];
  trouble: "none" | "down" | "denied";
  /** Search knows nothing yet, as within a minute of a change. */
  searchLags: boolean;
  /** Keys are forgotten, as after a day. */
  forgetKeys(): void;
  /** Declines that pass, before the money is taken. */
  passingFaults: number;
  /** The customer does what the bank wanted. */
  customerActs(id: string): void;
  /** When banks let go of what is held for cards, in seconds of Unix; undefined where they don't say. */
  captureBefore?: number;
  /** What happens right before an intent is cancelled. */
  beforeCancel?: () => void;
  /** The event that tells of an intent, signed now or then. */
  event(type: Stripe.Event["type"], id: string, at?: Date): Promise<SentEvent>;
  /** The event that tells of a dispute of an intent's charge; `made` is when the event was, if not when it is signed. */
  disputeEvent(
    type: Extract<Stripe.Event["type"], `charge.dispute.${string}`>,
    dispute: Partial<Stripe.Dispute> & { payment_intent: string },
    times?: { at?: Date; made?: Date },
  ): Promise<SentEvent>;
}

/** The key and the secret that the server knows. */
export const stripeKey = "sk_test_contract", stripeSecret = "whsec_contract_secret";

type Form = { [name: string]: string | Form };
type Rule = (value: string | Form) => boolean;
/** The names are those of the package's own types: others do not compile. */
type Rules<T> = Partial<Record<Extract<keyof T, string>, Rule>>;

const is = (pattern: RegExp): Rule => (value) => typeof value === "string" && pattern.test(value);
const integer = is(/^[1-9]\d*$/), id = is(/^[a-z]+_\w+$/), bool = is(/^(true|false)$/);
const texts: Rule = (value) =>
  typeof value === "object" && Object.entries(value).length <= 50 &&
  Object.entries(value).every(([name, text]) =>
    name.length <= 40 && typeof text === "string" && text.length <= 500
  );
const list: Rule = (value) =>
  typeof value === "object" && Object.keys(value).every((key) => /^\d+$/.test(key));

const createRules: Rules<Stripe.PaymentIntentCreateParams> = {
  amount: integer,
  currency: is(/^[a-z]{3}$/),
  confirm: bool,
  off_session: bool,
  payment_method: id,
  customer: is(/^cus_\w+$/),
  description: is(/^.{1,1000}$/s),
  metadata: texts,
  capture_method: is(/^(automatic|automatic_async|manual)$/),
  automatic_payment_methods: (value) =>
    typeof value === "object" && value.enabled === "true" &&
    (value.allow_redirects === undefined || /^(always|never)$/.test(String(value.allow_redirects))),
  return_url: is(/^https?:\/\//),
  expand: list,
};
const confirmRules: Rules<Stripe.PaymentIntentConfirmParams> = {
  payment_method: id,
  off_session: bool,
  return_url: is(/^https?:\/\//),
  use_stripe_sdk: bool,
  expand: list,
};
const captureRules: Rules<Stripe.PaymentIntentCaptureParams> = {
  amount_to_capture: integer,
  expand: list,
};
const cancelRules: Rules<Stripe.PaymentIntentCancelParams> = { expand: list };
const refundRules: Rules<Stripe.RefundCreateParams> = {
  payment_intent: is(/^pi_\w+$/),
  charge: is(/^(ch|py)_\w+$/),
  amount: integer,
  metadata: texts,
};
const range: Rule = (value) => typeof value === "object" && integer(value.gte ?? "");
const listRules: Rules<Stripe.PaymentIntentListParams> = {
  created: range,
  customer: is(/^cus_\w+$/),
  limit: is(/^([1-9]\d?|100)$/),
  starting_after: is(/^pi_\w+$/),
  expand: list,
};
const searchRules: Rules<Stripe.PaymentIntentSearchParams> = {
  query: is(/^metadata\['\w+'\]:'.*'$/s),
  limit: is(/^([1-9]\d?|100)$/),
  expand: list,
};
const refundListRules: Rules<Stripe.RefundListParams> = {
  created: range,
  payment_intent: is(/^pi_\w+$/),
  charge: is(/^(ch|py)_\w+$/),
  limit: is(/^([1-9]\d?|100)$/),
  starting_after: is(/^re_\w+$/),
};

/** An error as Stripe answers it. */
class ApiFault extends Error {
  constructor(
    readonly status: number,
    readonly type: string,
    readonly code: string,
    readonly more: Record<string, unknown> = {},
  ) {
    super(`about ${code}`);
  }
}

/** Charges of intents, which the package's types keep apart from them. */
interface Charge {
  id: string;
  object: "charge";
  amount: number;
  amount_refunded: number;
}

/** Makes the server. */
export function stripeApi(): StripeApi {
  const charges = new Map<string, Charge>();
  const keys = new Map<string, { said: string; answer: { status: number; body: unknown } }>();
  let made = 0;
  const idOf = (prefix: string) => `${prefix}_${String(++made).padStart(6, "0")}`;
  const stripe = new Stripe(stripeKey, { httpClient: Stripe.createFetchHttpClient() });

  const api: StripeApi = {
    handle,
    intents: new Map(),
    refunds: [],
    faults: [],
    trouble: "none",
    searchLags: false,
    forgetKeys: () => keys.clear(),
    passingFaults: 0,
    customerActs: (id) => take(api.intents.get(id)!),
    event: (type, id, at = new Date()) =>
      send(type, api.intents.get(id) ?? api.refunds.find((one) => one.id === id)!, { at }),
    disputeEvent: (type, dispute, times) => send(type, disputeOf(api.intents, dispute), times),
  };
  return api;

  async function send(
    type: string,
    object: object,
    { at = new Date(), made = at }: { at?: Date; made?: Date } = {},
  ): Promise<SentEvent> {
    const event = {
      id: idOf("evt"),
      object: "event",
      api_version: Stripe.API_VERSION,
      created: Math.floor(made.getTime() / 1_000),
      type,
      data: { object },
      livemode: false,
      pending_webhooks: 1,
      request: null,
    };
    const text = JSON.stringify(event, null, 2);
    const signature = await stripe.webhooks.generateTestHeaderStringAsync({
      payload: text,
      secret: stripeSecret,
      timestamp: Math.floor(at.getTime() / 1_000),
      cryptoProvider: Stripe.createSubtleCryptoProvider(),
    });
    return { text, signature };
  }

  async function handle(request: Request): Promise<Response> {
    if (api.trouble === "down") return Response.json({}, { status: 503 });
    const url = new URL(request.url);
    const text = request.method === "POST" ? await request.text() : url.search.slice(1);
    try {
      lookAtHeaders(request);
      if (request.method === "GET") return Response.json(answerGet(url.pathname, decoded(text)));
      const key = request.headers.get("idempotency-key")!;
      const said = `${url.pathname}?${text}`;
      const before = keys.get(key);
      if (before !== undefined && before.said !== said) {
        throw new ApiFault(400, "idempotency_error", "idempotency_error");
      }
      const answer = before?.answer ?? answerPost(url.pathname, decoded(text));
      keys.set(key, { said, answer });
      return Response.json(answer.body, { status: answer.status });
    } catch (error) {
      if (!(error instanceof ApiFault)) throw error;
      return Response.json(bodyOf(error), { status: error.status });
    }
  }

  function lookAtHeaders({ method, headers }: Request): void {
    const expect = (isWell: boolean, what: string) => {
      if (!isWell) api.faults.push(`${method}: ${what}`);
    };
    if (api.trouble === "denied" || headers.get("authorization") !== `Bearer ${stripeKey}`) {
      throw new ApiFault(401, "invalid_request_error", "api_key_expired");
    }
    expect(headers.get("stripe-version") === Stripe.API_VERSION, "another version");
    if (method !== "POST") return;
    expect(headers.get("content-type") === "application/x-www-form-urlencoded", "no form");
    expect(/^[\w-]{1,255}$/.test(headers.get("idempotency-key") ?? ""), "no idempotency key");
  }

  /** What a form says that fits its rules; whatever does not is a fault of ours. */
  function checked(form: Form, rules: Rules<Record<string, unknown>>, needed: string[]): Form {
    for (const [name, value] of Object.entries(form)) {
      if (rules[name]?.(value) === true) continue;
      api.faults.push(`${name}: ${JSON.stringify(value)}`);
      throw new ApiFault(400, "invalid_request_error", "parameter_unknown");
    }
    const missing = needed.filter((name) => form[name] === undefined);
    if (missing.length === 0) return form;
    api.faults.push(`missing: ${missing}`);
    throw new ApiFault(400, "invalid_request_error", "parameter_missing");
  }

  function answerPost(path: string, form: Form): { status: number; body: unknown } {
    try {
      return { status: 200, body: post(path, form) };
    } catch (error) {
      // Errors are kept under their key as answers are, once the request was begun with.
      if (error instanceof ApiFault && error.status === 402) {
        return { status: 402, body: bodyOf(error) };
      }
      throw error;
    }
  }

  function post(path: string, form: Form): unknown {
    if (path === "/v1/payment_intents") return create(form);
    if (path === "/v1/refunds") return createRefund(form);
    const [, intentId, verb] = /^\/v1\/payment_intents\/(pi_\w+)\/(\w+)$/.exec(path) ?? [];
    const intent = api.intents.get(intentId ?? "");
    if (intent === undefined) throw new ApiFault(404, "invalid_request_error", "resource_missing");
    switch (verb) {
      case "confirm":
        return expanded(confirm(intent, checked(form, confirmRules, ["payment_method"])), form);
      case "capture":
        return expanded(capture(intent, checked(form, captureRules, [])), form);
      case "cancel":
        checked(form, cancelRules, []);
        api.beforeCancel?.();
        if (intent.status === "succeeded") unexpectedState(intent);
        intent.status = "canceled";
        return expanded(intent, form);
    }
    throw new ApiFault(404, "invalid_request_error", "url_invalid");
  }

  function create(form: Form): unknown {
    checked(form, createRules, ["amount", "currency"]);
    const amount = Number(form.amount);
    if (amount < 50) throw new ApiFault(400, "invalid_request_error", "amount_too_small");
    const intent = {
      id: idOf("pi"),
      object: "payment_intent",
      amount,
      amount_capturable: 0,
      amount_received: 0,
      currency: String(form.currency) as Stripe.PaymentIntent["currency"],
      customer: (form.customer as string | undefined) ?? null,
      description: (form.description as string | undefined) ?? null,
      capture_method: form.capture_method as Stripe.PaymentIntent.CaptureMethod,
      created: Math.floor(Date.now() / 1_000),
      last_payment_error: null,
      latest_charge: null,
      livemode: false,
      metadata: (form.metadata as Record<string, string> | undefined) ?? {},
      next_action: null,
      status: "requires_payment_method",
    } satisfies Partial<Stripe.PaymentIntent> as unknown as Stripe.PaymentIntent;
    api.intents.set(intent.id, intent);
    return expanded(confirm(intent, form), form);
  }

  /** What the tokens of test cards do, as the documentation has them. */
  function confirm(intent: Stripe.PaymentIntent, form: Form): Stripe.PaymentIntent {
    if (intent.status !== "requires_payment_method") unexpectedState(intent);
    const charge = { id: idOf("ch"), object: "charge", amount: intent.amount } as const;
    charges.set(charge.id, { ...charge, amount_refunded: 0, ...held() });
    intent.latest_charge = charge.id;
    const fail = (code: string, decline?: string): never => {
      intent.last_payment_error = {
        type: "card_error",
        code: code as Stripe.PaymentIntent.LastPaymentError["code"],
        ...(decline === undefined ? {} : { decline_code: decline }),
        message: `about ${decline ?? code}`,
      } as Stripe.PaymentIntent.LastPaymentError;
      const more = { decline_code: decline, payment_intent: structuredClone(intent) };
      throw new ApiFault(402, "card_error", code, more);
    };
    switch (form.payment_method) {
      case "pm_card_visa_chargeDeclined":
        return fail("card_declined", "generic_decline");
      case "pm_card_chargeDeclinedProcessingError":
        if (api.passingFaults-- > 0) fail("processing_error", "processing_error");
        break;
      case "pm_card_authenticationRequired":
        if (form.off_session === "true") fail("authentication_required", "authentication_required");
        assert.ok(form.return_url, "a customer has to come back to somewhere");
        intent.last_payment_error = null;
        intent.status = "requires_action";
        intent.next_action = {
          type: "redirect_to_url",
          redirect_to_url: { url: `https://hooks.stripe.example/${intent.id}`, return_url: null },
        };
        return intent;
    }
    take(intent);
    return intent;
  }

  function held() {
    const { captureBefore } = api;
    return captureBefore === undefined
      ? {}
      : { payment_method_details: { card: { capture_before: captureBefore } } };
  }

  function take(intent: Stripe.PaymentIntent): void {
    intent.last_payment_error = null;
    intent.next_action = null;
    if (intent.capture_method === "manual") {
      intent.status = "requires_capture";
      intent.amount_capturable = intent.amount;
    } else {
      intent.status = "succeeded";
      intent.amount_received = intent.amount;
    }
  }

  function capture(intent: Stripe.PaymentIntent, form: Form): Stripe.PaymentIntent {
    if (intent.status !== "requires_capture") unexpectedState(intent);
    const amount = Number(form.amount_to_capture ?? intent.amount_capturable);
    if (amount > intent.amount_capturable) {
      throw new ApiFault(400, "invalid_request_error", "amount_too_large");
    }
    Object.assign(intent, { status: "succeeded", amount_received: amount, amount_capturable: 0 });
    return intent;
  }

  function unexpectedState(intent: Stripe.PaymentIntent): never {
    const more = { payment_intent: structuredClone(intent) };
    throw new ApiFault(400, "invalid_request_error", "payment_intent_unexpected_state", more);
  }

  function createRefund(form: Form): Stripe.Refund {
    checked(form, refundRules, []);
    const intent = [...api.intents.values()].find(({ id, latest_charge }) =>
      id === form.payment_intent || latest_charge === form.charge
    );
    if (intent === undefined) throw new ApiFault(404, "invalid_request_error", "resource_missing");
    const charge = charges.get(intent.latest_charge as string)!;
    const left = intent.amount_received - charge.amount_refunded;
    const amount = Number(form.amount ?? left);
    if (left === 0) throw new ApiFault(400, "invalid_request_error", "charge_already_refunded");
    if (amount > left) throw new ApiFault(400, "invalid_request_error", "amount_too_large");
    charge.amount_refunded += amount;
    const refund = {
      id: idOf("re"),
      object: "refund",
      amount,
      charge: charge.id,
      created: Math.floor(Date.now() / 1_000),
      currency: intent.currency,
      metadata: (form.metadata as Record<string, string> | undefined) ?? {},
      payment_intent: intent.id,
      reason: null,
      status: "succeeded",
    } satisfies Partial<Stripe.Refund> as unknown as Stripe.Refund;
    api.refunds.unshift(refund);
    return refund;
  }

  function answerGet(path: string, form: Form): unknown {
    const intents = [...api.intents.values()].reverse();
    if (path === "/v1/payment_intents/search") {
      checked(form, searchRules, ["query"]);
      const [, name, value] = /^metadata\['(\w+)'\]:'(.*)'$/s.exec(String(form.query))!;
      const found = api.searchLags
        ? []
        : intents.filter(({ metadata }) => metadata[name!] === value!.replaceAll(/\\(.)/g, "$1"));
      const data = found.map((one) => expanded(one, form, "data."));
      return { object: "search_result", data, has_more: false, next_page: null, url: path };
    }
    if (path === "/v1/payment_intents") {
      checked(form, listRules, []);
      const which = intents.filter(({ customer, created }) =>
        (form.customer === undefined || customer === form.customer) &&
        (form.created === undefined || created >= Number((form.created as Form).gte))
      );
      return page(which.map((one) => expanded(one, form, "data.")), form, path);
    }
    if (path === "/v1/refunds") {
      checked(form, refundListRules, []);
      const which = api.refunds.filter(({ payment_intent, charge, created }) =>
        (form.payment_intent === undefined || payment_intent === form.payment_intent) &&
        (form.charge === undefined || charge === form.charge) &&
        (form.created === undefined || created >= Number((form.created as Form).gte))
      );
      return page(which, form, path);
    }
    const intent = api.intents.get(path.replace("/v1/payment_intents/", ""));
    if (intent === undefined) throw new ApiFault(404, "invalid_request_error", "resource_missing");
    return expanded(intent, form);
  }

  function page(all: { id: string }[], form: Form, url: string): unknown {
    const from = all.findIndex(({ id }) => id === form.starting_after) + 1;
    const limit = Number(form.limit ?? 10);
    const data = all.slice(from, from + limit);
    return { object: "list", data, has_more: from + limit < all.length, url };
  }

  /** An intent with its charge in place of the charge's id, where that was asked for. */
  function expanded(intent: Stripe.PaymentIntent, form: Form, under = "") {
    const names = Object.values((form.expand as Form | undefined) ?? {});
    return names.includes(`${under}latest_charge`)
      ? { ...intent, latest_charge: charges.get(intent.latest_charge as string) ?? null }
      : { ...intent };
  }
}

function bodyOf({ type, code, message, more }: ApiFault) {
  return { error: { type, code, message, ...more } };
}

/** `a[b]=1&c[0]=2` as objects. */
function decoded(text: string): Form {
  const form: Form = {};
  for (const [name, value] of new URLSearchParams(text)) {
    const path = name.replaceAll("]", "").split("[");
    let place = form;
    for (const part of path.slice(0, -1)) place = (place[part] ??= {}) as Form;
    place[path.at(-1)!] = value;
  }
  return form;
}

/** A dispute of all of an intent's charge, as the package's type has it. */
function disputeOf(
  intents: ReadonlyMap<string, Stripe.PaymentIntent>,
  changes: Partial<Stripe.Dispute> & { payment_intent: string },
): Stripe.Dispute {
  const intent = intents.get(changes.payment_intent);
  return {
    id: "du_000001",
    object: "dispute",
    amount: intent?.amount_received ?? 0,
    balance_transactions: [],
    charge: "ch_000001",
    created: 1_772_359_200,
    currency: intent?.currency ?? "eur",
    enhanced_eligibility_types: [],
    evidence: {} as Stripe.Dispute.Evidence,
    evidence_details: {
      due_by: 1_773_014_399,
      enhanced_eligibility: {},
      has_evidence: false,
      past_due: false,
      submission_count: 0,
    } as unknown as Stripe.Dispute.EvidenceDetails,
    intended_submission_method: null,
    is_charge_refundable: false,
    livemode: false,
    metadata: {},
    reason: "fraudulent",
    status: "needs_response",
    ...changes,
  };
}
