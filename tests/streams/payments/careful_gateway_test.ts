import assert from "node:assert/strict";
import { carefulGateway } from "../../../streams/payments/careful_gateway.ts";
import { maxDelayMs } from "../../../streams/payments/gateway.ts";
import type {
  Provider,
  ProviderCharge,
  ProviderRefund,
} from "../../../streams/payments/provider.ts";
import { requestOf } from "./provider_contract.ts";

/** A provider that makes nothing of the answer to order 2. */
const speechless: Provider = {
  name: "speechless",
  can: {
    looksUpByKey: false,
    looksUpByReference: false,
    lists: false,
    refundsInPart: true,
    captures: "none",
    webhooks: false,
  },
  charge: ({ orderId, amountCents, currency }) =>
    Promise.resolve(
      (orderId === 2
        ? null
        : { ref: `c${orderId}`, state: "succeeded", amountCents, currency }) as ProviderCharge,
    ),
  refund: ({ orderId }) =>
    Promise.resolve(
      (orderId === 2 ? undefined : { ref: null, state: "succeeded" }) as {
        ref: null;
        state: "succeeded";
      },
    ),
};

Deno.test("carefulGateway() takes nobody's answer away for one of which the provider makes nothing", async () => {
  const gateway = carefulGateway(speechless);
  const requests = [1, 2, 3].map((n) => requestOf(n));
  const failed = { kind: "failed", error: "the provider's answer says nothing" };
  const [first, nothing, third] = await gateway.charge(requests);
  assert.deepEqual([first!.kind, nothing, third!.kind], ["accepted", failed, "accepted"]);
  assert.deepEqual(await gateway.refund(requests), [
    { kind: "refunded" },
    failed,
    { kind: "refunded" },
  ]);
});

Deno.test("carefulGateway() gives up no charge for a consumer that has lost its message meanwhile", async () => {
  const given: string[] = [];
  const waiting = (request: { amountCents: number; currency: string }): ProviderCharge => ({
    ref: "c1",
    state: "requires_action",
    amountCents: request.amountCents,
    currency: request.currency,
  });
  const gateway = carefulGateway({
    ...speechless,
    can: { ...speechless.can, looksUpByKey: true },
    findCharge: (request) => Promise.resolve(waiting(request)),
    findRefund: () => Promise.resolve(null),
    cancel: (request) => {
      given.push(request.chargeRef!);
      return Promise.resolve({ ...waiting(request), state: "canceled" });
    },
  });
  const ask = (ours: boolean) =>
    gateway.end!([requestOf(1)], { stillOurs: () => Promise.resolve(ours) });
  const [notAsked] = await ask(false);
  assert.deepEqual([notAsked!.kind, given], ["away", []]);
  const [ended] = await ask(true);
  assert.deepEqual([ended!.kind, given], ["accepted", ["c1"]]);
});

Deno.test("carefulGateway() takes no provider that has not what it says that it can", () => {
  for (const claim of ["looksUpByKey", "looksUpByReference", "lists", "webhooks"] as const) {
    const can = { ...speechless.can, [claim]: true };
    assert.throws(() => carefulGateway({ ...speechless, can }), new RegExp(claim));
  }
  const can = { ...speechless.can, captures: "whole" } as const;
  assert.throws(() => carefulGateway({ ...speechless, can }), /captures/);
});

Deno.test("carefulGateway() holds no less than was asked for, and more only where a part can be taken", async () => {
  const holding = (amountCents: number): ProviderCharge => ({
    ref: "c1",
    state: "authorized",
    amountCents,
    currency: "EUR",
  });
  for (const captures of ["whole", "part"] as const) {
    for (const [more, fits] of [[0, true], [-1, false], [1, captures === "part"]] as const) {
      const provider = {
        ...speechless,
        can: { ...speechless.can, captures },
        charge: ({ amountCents }: { amountCents: number }) =>
          Promise.resolve(holding(amountCents + more)),
        capture: () => Promise.reject(new Error("nobody asked for it")),
        cancel: () => Promise.reject(new Error("nobody asked for it")),
      };
      const [answer] = await carefulGateway(provider).charge([
        { ...requestOf(1), capture: "later" },
      ]);
      assert.equal(answer!.kind, fits ? "accepted" : "failed", `${captures} ${more}`);
    }
  }
});

Deno.test("carefulGateway() asks about a refund that is being made twenty times less often than about a charge", async () => {
  const refund: ProviderRefund = { ref: "r1", state: "pending" };
  const gateway = carefulGateway({ ...speechless, refund: () => Promise.resolve(refund) }, {
    callbackMs: 30_000,
  });
  const [pending] = await gateway.refund([requestOf(1)]);
  assert.deepEqual(pending, { kind: "pending", delayMs: 600_000 });
  assert.equal(maxDelayMs({ gateway }), 600_000);
});
