/**
 * What every payment provider has to keep, whatever it is asked by. A provider that claims less than another in its
 * capabilities is tried for less.
 *
 * @module
 */

import assert from "node:assert/strict";
import type { CallbackMessage } from "../../../domain/messages/messages.ts";
import type { PaymentTry } from "../../../domain/payment/payment_try.ts";
import type {
  ChargeAnswer,
  ChargeStatus,
  Gateway,
  GatewayRequest,
} from "../../../streams/payments/gateway.ts";
import type { ProviderChargeback, SignedRequest } from "../../../streams/payments/provider.ts";

/** A provider with books that a test can look into, and faults that it can be given. */
export interface TriedProvider {
  gateway: Gateway;
  /** Adds to a request what makes the provider take the money, or decline it. */
  paying(request: GatewayRequest): GatewayRequest;
  declining(request: GatewayRequest): GatewayRequest;
  /** What it holds by key, less what went back; nothing of what it declined. Undefined where it keeps no books. */
  held?: () => ReadonlyMap<string, number>;
  /** The next so many answers to requests that move money get lost, although it moves. */
  loseAnswers?: (count: number) => void;
  trouble?: (kind: "none" | "down" | "denied") => void;
  /** The webhook that tells of a charge, well signed at a time. */
  webhook?: (ref: string, at?: Date) => Promise<{ headers: Record<string, string>; text: string }>;
  /** A webhook that is signed well and of no charge; undefined where the provider sends none. */
  otherWebhook?: () => Promise<{ headers: Record<string, string>; text: string }>;
  /** The webhook that tells of a chargeback of all of a charge, opened or lost, well signed at a time. */
  chargebackWebhook?: (
    ref: string,
    state: "needs_response" | "lost",
    at?: Date,
  ) => Promise<{ headers: Record<string, string>; text: string }>;
  /** Whatever was wrong with our requests; empty for nothing. */
  faults(): string[];
  close(): Promise<void>;
}

/** Registers the tests of a provider. */
export function providerContract(name: string, open: () => Promise<TriedProvider>): void {
  const test = (what: string, work: (tried: TriedProvider) => Promise<void>) =>
    Deno.test(`${name}: ${what}`, async () => {
      const tried = await open();
      try {
        await work(tried);
        assert.deepEqual(tried.faults(), []);
      } finally {
        await tried.close();
      }
    });
  chargeContract(test);
  refundContract(test);
  lookUpContract(test);
  troubleContract(test);
  webhookContract(test);
  chargebackContract(test);
  capabilityContract(test);
}

type Test = (what: string, work: (tried: TriedProvider) => Promise<void>) => void;

/** A request of its own number. */
export function requestOf(n: number, more: Partial<GatewayRequest> = {}): GatewayRequest {
  return {
    orderId: n,
    reference: `web-${n}`,
    amountCents: 1_000 * n,
    currency: "EUR",
    idempotencyKey: `charge_${n}`,
    ...more,
  };
}

/** Asks until it is decided, as the workflow does. */
async function decided(
  gateway: Gateway,
  request: GatewayRequest,
): Promise<CallbackMessage> {
  for (let asked = 0; asked < 200; asked++) {
    const again: GatewayRequest = asked === 0 ? request : { ...request, askedBefore: true };
    const message = messageOf((await gateway.charge([again]))[0]!);
    if (message !== undefined) return message;
    await new Promise((resolve) => setTimeout(resolve, 5));
  }
  throw new Error(`it is never decided about ${request.idempotencyKey}`);
}

function messageOf(answer: ChargeAnswer | ChargeStatus): CallbackMessage | undefined {
  assert.equal(answer.kind, "accepted", JSON.stringify(answer));
  const message = answer.kind === "accepted" ? answer.callback?.message : undefined;
  return message?.type === "payment.callback" ? message : undefined;
}

const holds = ({ held }: TriedProvider, expected: Record<string, number>) => {
  if (held !== undefined) assert.deepEqual(Object.fromEntries(held()), expected);
};

function chargeContract(test: Test): void {
  test("a charge takes the money once, however often it is asked for, and says so each time", async (tried) => {
    const { gateway } = tried;
    const request = tried.paying(requestOf(2));
    const first = await decided(gateway, request);
    const { outcome, amountCents, currency, provider, orderId } = first;
    assert.deepEqual({ outcome, amountCents, currency, provider, orderId }, {
      outcome: "succeeded",
      amountCents: 2_000,
      currency: "EUR",
      provider: gateway.name,
      orderId: 2,
    });
    assert.ok(first.providerRef.length > 0 && first.providerRef.length <= 128);
    assert.deepEqual(await decided(gateway, request), first);
    assert.deepEqual(await decided(gateway, { ...request, askedBefore: true }), first);
    holds(tried, { charge_2: 2_000 });
  });

  test("what is declined takes nothing", async (tried) => {
    const { outcome } = await decided(tried.gateway, tried.declining(requestOf(3)));
    assert.equal(outcome, "declined");
    holds(tried, {});
  });

  test("many are answered each, in their order", async (tried) => {
    const requests = [2, 4, 6, 8].map((n) => tried.paying(requestOf(n)));
    for (const request of requests) await decided(tried.gateway, request);
    const answers = await tried.gateway.charge(
      requests.map((request) => ({ ...request, askedBefore: true })),
    );
    assert.deepEqual(answers.map((answer) => messageOf(answer)?.orderId), [2, 4, 6, 8]);
  });

  test("nothing is asked for whose message is another consumer's by now", async (tried) => {
    if (tried.gateway.provider === undefined) return;
    const request = tried.paying(requestOf(2));
    for (const stillOurs of [() => Promise.resolve(false), () => Promise.reject(new Error("?"))]) {
      const [answer] = await tried.gateway.charge([request], { stillOurs });
      assert.equal(answer!.kind, "away");
    }
    holds(tried, {});
  });
}

/** A charge that was taken, and a refund of a part of it. */
async function charged(tried: TriedProvider, n = 4) {
  const { providerRef, amountCents } = await decided(tried.gateway, tried.paying(requestOf(n)));
  const refund = (cents: number, key: string, more: Partial<GatewayRequest> = {}) =>
    requestOf(n, {
      amountCents: cents,
      idempotencyKey: key,
      chargeRef: providerRef,
      chargeCents: amountCents,
      ...more,
    });
  return { refund, ref: providerRef };
}

function refundContract(test: Test): void {
  test("a refund goes back once, however often it is asked for; parts add up to the whole", async (tried) => {
    const { gateway } = tried;
    const { refund } = await charged(tried);
    if (!gateway.can!.refundsInPart) {
      const [answer] = await gateway.refund([refund(1_500, "refund_a")]);
      assert.equal(answer!.kind, "refused");
      holds(tried, { charge_4: 4_000 });
      return;
    }
    for (let times = 0; times < 2; times++) {
      assert.deepEqual(await gateway.refund([refund(1_500, "refund_a")]), [{ kind: "refunded" }]);
    }
    holds(tried, { charge_4: 2_500 });
    assert.deepEqual(await gateway.refund([refund(2_500, "refund_b")]), [{ kind: "refunded" }]);
    holds(tried, { charge_4: 0 });
  });

  test("all of a charge goes back by one refund", async (tried) => {
    const { refund } = await charged(tried);
    assert.deepEqual(await tried.gateway.refund([refund(4_000, "refund_a")]), [
      { kind: "refunded" },
    ]);
    holds(tried, { charge_4: 0 });
  });

  test("more than is left of a charge is refused for ever, and so is what is of no charge", async (tried) => {
    if (tried.held === undefined) return;
    const { refund } = await charged(tried);
    const wrong = [
      refund(4_001, "refund_a", { chargeCents: 4_001 }),
      refund(4_000, "refund_b", { chargeRef: "pi_nobody" }),
    ];
    for (const answer of await tried.gateway.refund(wrong)) assert.equal(answer.kind, "refused");
    holds(tried, { charge_4: 4_000 });
  });
}

function lookUpContract(test: Test): void {
  test("an answer that got lost is looked for, and nothing moves twice", async (tried) => {
    const { gateway, loseAnswers } = tried;
    if (loseAnswers === undefined) return;
    const tries: PaymentTry[] = [];
    loseAnswers(1);
    const request = tried.paying(requestOf(4));
    await gateway.charge([request], { tried: (_, attempt) => tries.push(attempt) });
    const { providerRef } = await decided(gateway, { ...request, askedBefore: true });
    holds(tried, { charge_4: 4_000 });
    assert.equal(tries[0]!.outcome, "later", "the lost answer is told");
    loseAnswers(3);
    const refund = requestOf(4, {
      amountCents: 4_000,
      chargeCents: 4_000,
      idempotencyKey: "refund_a",
      chargeRef: providerRef,
    });
    for (let times = 0; times < 3; times++) {
      const [answer] = await gateway.refund([refund]);
      assert.ok(answer!.kind === "refunded" || answer!.kind === "failed", answer!.kind);
    }
    loseAnswers(0);
    assert.deepEqual(await gateway.refund([refund]), [{ kind: "refunded" }]);
    holds(tried, { charge_4: 0 });
  });

  test("a look-up tells of what was asked for, of nothing else, and moves nothing", async (tried) => {
    const { gateway } = tried;
    if (!gateway.can!.looksUpByKey) {
      assert.equal(gateway.status, undefined);
      return;
    }
    const request = tried.paying(requestOf(4));
    assert.deepEqual(await gateway.status!([request]), [{ kind: "unknown" }]);
    holds(tried, {});
    const { refund, ref } = await charged(tried);
    const [known] = await gateway.status!([request]);
    assert.equal(messageOf(known!)?.providerRef, ref);
    assert.deepEqual(await gateway.status!([tried.paying(requestOf(6))]), [{ kind: "unknown" }]);
    const part = refund(gateway.can!.refundsInPart ? 1_000 : 4_000, "refund_a");
    assert.deepEqual(await gateway.refundStatus!([part]), [{ kind: "unknown" }]);
    await gateway.refund([part]);
    assert.deepEqual(await gateway.refundStatus!([part]), [{ kind: "refunded" }]);
    const other = refund(part.amountCents, "refund_other");
    assert.deepEqual(await gateway.refundStatus!([other]), [{ kind: "unknown" }]);
  });
}

function troubleContract(test: Test): void {
  test("a provider that fails or serves nobody declines nothing and refuses nothing", async (tried) => {
    const { gateway, trouble } = tried;
    if (trouble === undefined) return;
    const { refund } = await charged(tried);
    for (const kind of ["down", "denied"] as const) {
      trouble(kind);
      const [charge] = await gateway.charge([tried.paying(requestOf(6))]);
      const [back] = await gateway.refund([refund(4_000, "refund_a")]);
      for (const answer of [charge!, back!]) {
        assert.ok(["failed", "away"].includes(answer.kind), `${kind}: ${answer.kind}`);
      }
      if (kind === "denied") assert.equal(charge!.kind, "away", "all have to wait");
    }
    holds(tried, { charge_4: 4_000 });
  });
}

const signed = ({ headers, text }: { headers: Record<string, string>; text: string }) =>
  ({ header: (name) => headers[name], text }) satisfies SignedRequest;

function webhookContract(test: Test): void {
  test("a webhook is read where its signature is good and young, and else is nobody's word", async (tried) => {
    const { gateway: { can, provider }, webhook, otherWebhook } = tried;
    if (!can!.webhooks) {
      assert.equal(provider?.readWebhook, undefined);
      return;
    }
    const read = provider!.readWebhook!.bind(provider);
    const { ref } = await charged(tried);
    const sent = await webhook!(ref);
    const event = await read(signed(sent));
    assert.ok(event?.kind === "charge" && event.id !== "");
    const { key, state, amountCents, currency } = event.charge;
    assert.deepEqual({ key, state, amountCents, currency, ref: event.charge.ref }, {
      key: "charge_4",
      state: "succeeded",
      amountCents: 4_000,
      currency: "EUR",
      ref,
    });
    const old = await webhook!(ref, new Date(Date.now() - 600_000));
    const forged = { ...sent, text: sent.text.replace("4000", "4001") };
    for (const wrong of [old, forged, { ...sent, headers: {} }]) {
      assert.notEqual(wrong.text, "");
      assert.equal(await read(signed(wrong)), undefined);
    }
    if (otherWebhook !== undefined) {
      assert.equal((await read(signed(await otherWebhook())))?.kind, "other");
    }
  });
}

function chargebackContract(test: Test): void {
  test("a chargeback is read as it is, by one name, and in its time", async (tried) => {
    const { can, provider, readWebhook } = tried.gateway;
    const { chargebackWebhook } = tried;
    const tells = provider?.readWebhook !== undefined && can!.chargebacks === true ||
      readWebhook !== undefined;
    assert.equal(chargebackWebhook !== undefined, tells, "it is tried where it tells of any");
    if (chargebackWebhook === undefined) return;
    const read = (provider?.readWebhook?.bind(provider) ?? readWebhook)!;
    const { ref } = await charged(tried);
    const told: ProviderChargeback[] = [];
    for (const state of ["needs_response", "lost"] as const) {
      const sent = await chargebackWebhook(ref, state);
      const event = await read(signed(sent));
      assert.ok(event?.kind === "chargeback" && event.id !== "");
      const { chargeback } = event;
      assert.ok(chargeback.chargeRefs.includes(ref), "a name that the charge has");
      assert.deepEqual([chargeback.state, chargeback.amountCents, chargeback.currency], [
        state,
        4_000,
        "EUR",
      ]);
      told.push(chargeback);
      const old: typeof sent = await chargebackWebhook(ref, state, new Date(Date.now() - 600_000));
      const forged = { ...sent, text: sent.text.replace("4000", "4001") };
      for (const wrong of [old, forged, { ...sent, headers: {} }]) {
        assert.equal(await read(signed(wrong)), undefined);
      }
    }
    const [opened, lost] = told;
    assert.equal(opened!.ref, lost!.ref, "it keeps its name");
    assert.deepEqual(opened!.openedAt, lost!.openedAt, "and the day on which it was opened");
    assert.ok(opened!.happenedAt < lost!.happenedAt, "what came later is told so");
  });
}

function capabilityContract(test: Test): void {
  test("it does what it says that it can, and has nothing of what it says that it can't", async (tried) => {
    const { gateway: { can, provider, status, refundStatus } } = tried;
    assert.equal(status !== undefined && refundStatus !== undefined, can!.looksUpByKey);
    assert.equal(provider?.findByReference !== undefined, can!.looksUpByReference);
    assert.equal(provider?.listSince !== undefined, can!.lists);
    assert.equal(provider?.readWebhook !== undefined, can!.webhooks);
    assert.equal(provider?.capture !== undefined, can!.captures !== "none");
    assert.equal(provider?.cancel !== undefined, can!.captures !== "none");
    const { ref, refund } = await charged(tried);
    if (can!.looksUpByReference) {
      const found = await provider!.findByReference!("web-4");
      assert.deepEqual(found.map((charge) => [charge.ref, charge.state]), [[ref, "succeeded"]]);
      assert.deepEqual(await provider!.findByReference!("web-'\\"), []);
    }
    if (can!.lists) {
      await tried.gateway.refund([refund(1_000, "refund_a")]);
      const moved = [];
      for await (const movement of provider!.listSince!(new Date(Date.now() - 60_000))) {
        const { kind } = movement;
        const { amountCents, key } = kind === "charge" ? movement.charge : movement.refund;
        moved.push([kind, key, amountCents]);
      }
      assert.deepEqual(moved.sort(), [
        ["charge", "charge_4", 4_000],
        ["refund", "refund_a", 1_000],
      ]);
    }
  });

  test("money that is held is taken whole or in part, or let go", async (tried) => {
    const { can, provider } = tried.gateway;
    if (can!.captures === "none") return;
    const holding = async (n: number) => {
      const request: GatewayRequest = { ...tried.paying(requestOf(n)), capture: "later" };
      const { state, ref, amountCents } = await provider!.charge(request);
      assert.deepEqual([state, amountCents], ["authorized", 1_000 * n]);
      return requestOf(n, { chargeRef: ref, idempotencyKey: `capture_${n}` });
    };
    const whole = await provider!.capture!(await holding(4));
    assert.deepEqual([whole.state, whole.amountCents], ["succeeded", 4_000]);
    if (can!.captures === "part") {
      const held = await holding(6);
      const part = await provider!.capture!({ ...held, amountCents: 2_500 });
      assert.deepEqual([part.state, part.amountCents], ["succeeded", 2_500]);
    }
    assert.equal((await provider!.cancel!(await holding(8))).state, "canceled");
  });

  test("the gateway takes what is held once, lets go of what nobody wants, and neither for whom it is not", async (tried) => {
    const { gateway } = tried;
    if (gateway.can!.captures === "none") return;
    const holding = async (n: number) => {
      const request = tried.paying(requestOf(n));
      const [answer] = await gateway.charge([{ ...request, capture: "later" }]);
      assert.ok(answer!.kind === "accepted" && answer!.hold?.amountCents === 1_000 * n);
      assert.equal(answer!.callback?.message.type, "payment.charge", "it is looked at again");
      return { ...request, askedBefore: true } as const;
    };
    const [taken, unwanted] = [await holding(4), await holding(6)];
    holds(tried, {});
    const stillOurs = () => Promise.resolve(false);
    assert.equal((await gateway.charge([taken], { stillOurs }))[0]!.kind, "away");
    assert.equal((await gateway.end!([unwanted], { stillOurs }))[0]!.kind, "away");
    tried.loseAnswers?.(1);
    assert.equal((await decided(gateway, taken)).outcome, "succeeded");
    tried.loseAnswers?.(0);
    assert.equal((await decided(gateway, taken)).amountCents, 4_000);
    const again = await gateway.charge([{ ...taken, capture: "later" }]);
    assert.equal(messageOf(again[0]!)?.outcome, "succeeded", "it is taken already");
    for (let times = 0; times < 2; times++) {
      assert.equal(messageOf((await gateway.end!([unwanted]))[0]!)?.outcome, "declined");
    }
    assert.equal((await decided(gateway, unwanted)).outcome, "declined", "it is gone");
    holds(tried, { charge_4: 4_000 });
  });
}
