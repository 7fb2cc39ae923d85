/**
 * What the tests of a file share: a service with a month of orders, and a browser.
 *
 * @module
 */

import assert from "node:assert/strict";
import { deadLetterMessages } from "../../db/dead_letters/dead_letters.ts";
import { entryOf } from "../../domain/messages/messages.ts";
import { verifyNow } from "../../streams/verification/verify_regularly.ts";
import { browserPath, openTab, startBrowser, type Tab } from "./browser.ts";
import { bringMonth, type Service, startService } from "./service.ts";

/** See {@linkcode setStage}. */
export interface Stage {
  /** Running while tests run. */
  readonly service: Service;
  readonly browser: Awaited<ReturnType<typeof startBrowser>>;
  /** A test with a tab of its own, which must show no fault in the end; skipped without a browser. */
  test(
    name: string,
    work: (tab: Tab) => Promise<void>,
    options?: Parameters<typeof openTab>[2],
  ): void;
  /** Dead-letters messages about the newest paid orders. */
  storeDeadLetters(count: number): Promise<void>;
  /** The newest paid order of more than 50.00 in three lines at most from which nothing went back. */
  somePaidOrder(): Promise<number>;
}

/**
 * Has the service and the browser started before the tests of a file, and stopped after them.
 *
 * @param name as in `testContext`
 */
export function setStage(name: string): Stage {
  let service: Service;
  let browser: Stage["browser"];
  const ignore = browserPath === undefined;

  Deno.test.beforeAll(async () => {
    if (ignore) return;
    service = await startService(name, { GATEWAY_DELAY_MS: "1500" });
    browser = await startBrowser();
    await bringMonth(service);
    await storeDeadLetters(service, 4);
    await verifyNow(service.deps);
  });
  Deno.test.afterAll(async () => {
    if (ignore) return;
    await browser.close();
    await service.close();
  });

  return {
    get service() {
      return service;
    },
    get browser() {
      return browser;
    },
    storeDeadLetters: (count) => storeDeadLetters(service, count),
    somePaidOrder: async () => {
      const [row] = await service.deps.db.query(
        `
        select id
        from orders
        where status = 'PAID' and refunded_cents = 0 and total_cents > 5000
          and (select count(*) from order_items where order_items.order_id = orders.id) <= 3
        order by id desc
        limit 1`,
      );
      return Number(row!.id);
    },
    test: (name, work, options = {}) =>
      Deno.test({
        name,
        ignore,
        // The service and the browser go on working between tests.
        sanitizeOps: false,
        sanitizeResources: false,
        async fn() {
          const tab = await openTab(browser, service.url, options);
          try {
            await work(tab);
            assert.deepEqual(tab.faults, []);
          } finally {
            await tab.close();
          }
        },
      }),
  };
}

async function storeDeadLetters({ deps }: Service, count: number): Promise<void> {
  const orders = await deps.db.query(
    "select id, total_cents from orders where status = 'PAID' order by id desc limit ?",
    [count],
  );
  await deadLetterMessages(
    deps.db,
    orders.map((row, index) => {
      const orderId = Number(row.id);
      const amountCents = Number(row.total_cents);
      return {
        group: "payments",
        messageId: `${Date.now()}-${orderId}`,
        orderId,
        refundId: null,
        amountCents,
        currency: "GBP",
        payload: JSON.stringify(
          entryOf({ type: "payment.charge", orderId, amountCents, currency: "GBP" }),
        ),
        error: index % 2 === 0 ? "the provider answered 502" : "the provider gave no answer",
        attempts: 5,
        firstSeenMs: Date.now() - 90_000,
      };
    }),
  );
}
