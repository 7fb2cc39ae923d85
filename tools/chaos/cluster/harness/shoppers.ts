/**
 * Customers at every host: they send orders and ask for refunds until they are acknowledged, and remember what was.
 *
 * @module
 */

import { pauseMs, until } from "../../harness/until.ts";
import type { AppHost } from "./app_host.ts";

/** Something that was acknowledged. Times are `performance.now()`. */
export interface Acknowledged {
  /** `external_order_id` of the order. */
  order: string;
  /** By which the host's database knows the order. */
  id: number;
  host: string;
  /** When the request that was acknowledged was sent. */
  sentAt: number;
  at: number;
}

/** What customers were told. */
export interface Shoppers {
  readonly orders: readonly Acknowledged[];
  readonly refunds: readonly Acknowledged[];
  /** Orders of which a refund was asked for, whatever the answer was. */
  readonly refundsAsked: ReadonlySet<string>;
  /** Answers other than an acknowledgement, by their status or as `no answer`. */
  readonly refusals: ReadonlyMap<string, number>;
  /** No further order is sent and no further refund asked for; waits for what was sent. */
  stop(): Promise<void>;
}

/** Each order is one unit of this price, in cents: an even total is paid. */
export const orderCents = 2_000;

/** What a refund gives back. */
export const refundCents = 500;

/** Between two orders of a host, in milliseconds. */
const betweenMs = 100;

/** Wait before something is sent again that was not acknowledged, in milliseconds. */
const againMs = 100;

/** The longest that a customer waits for an answer, in milliseconds. */
const patienceMs = 10_000;

/** Of so many orders one is refunded. */
const refundEvery = 8;

/** Products, so that orders meet. */
const products = 5;

/** Sends orders to each host, one after the other, until they are stopped. */
export function openShoppers(hosts: readonly AppHost[]): Shoppers {
  const orders: Acknowledged[] = [];
  const refunds: Acknowledged[] = [];
  const refundsAsked = new Set<string>();
  const refusals = new Map<string, number>();
  let stopped = false;
  const send = async (host: AppHost, path: string, body: unknown, key?: string) => {
    for (;;) {
      const sentAt = performance.now();
      const { status, id } = await post(host.url + path, body, key);
      const at = performance.now();
      if (status === 200 || status === 202) return { host: host.name, sentAt, at, id: id! };
      const name = status === null ? "no answer" : String(status);
      refusals.set(name, (refusals.get(name) ?? 0) + 1);
      // Not paid yet, or not there: a later order is asked for instead.
      if (status === 404 || status === 409) return undefined;
      if (stopped) return undefined;
      await pauseMs(againMs);
    }
  };
  const shop = async (host: AppHost): Promise<void> => {
    for (let number = 0; !stopped; number++) {
      const order = `${host.name}-${number}`;
      const taken = await send(host, "/orders", orderOf(order, number));
      if (taken !== undefined) orders.push({ order, ...taken });
      await pauseMs(betweenMs);
    }
  };
  const returnGoods = async (host: AppHost): Promise<void> => {
    while (!stopped) {
      const next = orders.find(({ order, at, host: name }) =>
        name === host.name && !refundsAsked.has(order) &&
        Number(order.split("-")[1]) % refundEvery === 0 &&
        performance.now() - at > 2_000
      );
      if (next !== undefined) {
        refundsAsked.add(next.order);
        const path = `/orders/${next.id}/refunds`;
        const body = { amount_cents: refundCents };
        const taken = await send(host, path, body, `refund-${next.order}`);
        if (taken !== undefined) refunds.push({ ...taken, order: next.order });
      }
      await pauseMs(betweenMs);
    }
  };
  const all = Promise.all(hosts.flatMap((host) => [shop(host), returnGoods(host)]));
  all.catch(() => {});
  return {
    orders,
    refunds,
    refundsAsked,
    refusals,
    stop: async () => {
      stopped = true;
      await all;
    },
  };
}

/** Waits until so many orders were acknowledged at each of some hosts from a moment on. */
export async function untilOrdered(
  shoppers: Shoppers,
  hosts: readonly AppHost[],
  options: { count: number; since?: number; withinMs: number },
): Promise<void> {
  const { count, since = 0, withinMs } = options;
  for (const { name } of hosts) {
    await until(`host ${name} has acknowledged ${count} orders`, withinMs, () => {
      const of = shoppers.orders.filter(({ host, sentAt }) => host === name && sentAt >= since);
      return of.length >= count || `it has ${of.length}; answers ${refused(shoppers)}`;
    });
  }
}

/** Answers other than an acknowledgement, in words. */
export function refused({ refusals }: Shoppers): string {
  return [...refusals].map(([status, count]) => `${status} ×${count}`).join(", ");
}

function orderOf(externalId: string, number: number) {
  return {
    external_order_id: externalId,
    placed_at: "2026-01-05T10:00:00Z",
    currency: "GBP",
    customer: { external_id: `c${number % 50}`, email: "load@example.com", name: "Load" },
    items: [{
      sku: `SKU-${number % products}`,
      name: "Tea towel",
      unit_price_cents: orderCents,
      qty: 1,
    }],
  };
}

/** @returns no status where nobody answers in time */
async function post(
  url: string,
  body: unknown,
  key?: string,
): Promise<{ status: number | null; id?: number }> {
  try {
    const response = await fetch(url, {
      method: "POST",
      headers: {
        "content-type": "application/json",
        ...key !== undefined && { "idempotency-key": key },
      },
      body: JSON.stringify(body),
      signal: AbortSignal.timeout(patienceMs),
    });
    const { id } = await response.json();
    return { status: response.status, id };
  } catch {
    return { status: null };
  }
}
