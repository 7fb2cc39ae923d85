/**
 * The workflow with a payment provider that keeps books of its own and is only asked: no callback comes.
 *
 * @module
 */

import assert from "node:assert/strict";
import { groupsInSearchOrder } from "../../../domain/messages/work.ts";
import {
  type PaymentProvider,
  paymentProvider,
  type ProviderOptions,
} from "../../../commands/payment_provider.ts";
import { expireReservations } from "../../../streams/recovery/expire_reservations.ts";
import { httpGateway } from "../../../streams/payments/providers/http.ts";
import { calmProvider } from "../../provider.ts";
import { anOrder, openWorkflow, type Workflow } from "../../workflow.ts";
import { makeDue } from "../consistent.ts";

/** What a test works with. */
export interface ProviderStage {
  flow: Workflow;
  provider: PaymentProvider;
  /** Takes orders of a price each, and returns their ids. */
  add(prices: readonly number[]): Promise<number[]>;
  /** Lets time pass: reservations age, what is scheduled or delayed is due, the sweep looks, all groups take a turn. */
  passTime(seconds: number): Promise<void>;
}

/** Seconds for which reservations are kept. */
export const ttlSeconds = 60;

/** Opens the stage, and closes it whatever happens. */
export async function withProviderStage(
  name: string,
  behaviour: Partial<ProviderOptions>,
  work: (stage: ProviderStage) => Promise<void>,
): Promise<void> {
  const provider = paymentProvider({
    ...calmProvider,
    callbackUrl: undefined,
    resendMs: 5,
    ...behaviour,
  });
  const server = Deno.serve(
    { hostname: "127.0.0.1", port: 0, onListen() {} },
    (request) => provider.app.fetch(request),
  );
  const gateway = httpGateway({
    url: `http://127.0.0.1:${server.addr.port}`,
    token: "",
    timeoutMs: 5_000,
    firstWaitMs: 1,
    restMs: 1,
  });
  const flow = await openWorkflow(name, { gateway, reservationTtlSeconds: ttlSeconds });
  try {
    await work({
      flow,
      provider,
      add: async (prices) => {
        const taken = await flow.add(
          prices.map((unitPriceCents, n) =>
            anOrder(`o${n}`, [{ sku: "a", qty: 1, unitPriceCents }])
          ),
          10_000,
        );
        return taken.map(({ orderId }) => orderId!);
      },
      passTime: async (seconds) => {
        await flow.db.run(
          "update orders set reserved_time = reserved_time - interval ? second where status = 'RESERVED'",
          [seconds],
        );
        const marks = await flow.redis.keys(`${flow.keys.expiryMark}*`);
        if (marks.length > 0) await flow.redis.del(...marks);
        await expireReservations(flow, { olderThanSeconds: ttlSeconds });
        await makeDue(flow);
        for (const group of groupsInSearchOrder) {
          await flow.turn(group);
        }
      },
    });
  } finally {
    provider.stop();
    await server.shutdown();
    await flow.close();
  }
}

/** Asserts that every cent that the provider holds is an order's that is paid, and that nothing went back twice. */
export async function assertSameMoney({ flow, provider }: ProviderStage): Promise<void> {
  const paid = await flow.rows(`
    select payments.provider_ref, payments.amount_cents
    from payments
    join orders on orders.id = payments.order_id
    where payments.status = 'SUCCEEDED' and payments.provider = 'http'
    order by payments.provider_ref`);
  const held = [...provider.charges.values()]
    .filter(({ status, amountCents, refundedCents }) =>
      status === "succeeded" && refundedCents < amountCents
    )
    .map(({ id, amountCents, refundedCents }) => ({
      provider_ref: id,
      amount_cents: amountCents - refundedCents,
    }))
    .sort((a, b) => a.provider_ref < b.provider_ref ? -1 : 1);
  assert.deepEqual(held, paid);
}
