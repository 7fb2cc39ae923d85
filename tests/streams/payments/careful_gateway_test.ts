import assert from "node:assert/strict";
import { carefulGateway } from "../../../streams/payments/careful_gateway.ts";
import type { Provider, ProviderCharge } from "../../../streams/payments/provider.ts";
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
