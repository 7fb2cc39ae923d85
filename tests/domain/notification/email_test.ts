import assert from "node:assert/strict";
import type { Notification } from "../../../domain/notification/content.ts";
import { notificationEmail } from "../../../domain/notification/email.ts";

const notification = (changes: Partial<Notification>): Notification => ({
  id: 1,
  type: "order.failed",
  orderId: 42,
  externalOrderId: "web-1",
  refundId: null,
  customer: { externalId: "c1", email: "ann@example.com", name: "Ann" },
  status: "FAILED",
  failureReason: null,
  currency: "EUR",
  amountCents: 1_250,
  totalCents: 1_250,
  createdAt: "2026-01-05T10:00:00Z",
  ...changes,
});

Deno.test("notificationEmail() denies a charge only where no money can have been asked for", () => {
  const denies = "You have not been charged for it.";
  const promises = "If money was taken for it, it is given back.";
  const cases: [Partial<Notification>, string][] = [
    [{ failureReason: "insufficient_stock" }, denies],
    [{ failureReason: "payment_declined" }, promises],
    [{ failureReason: "payment_timeout" }, promises],
    [{ failureReason: null }, promises],
    [{ type: "order.cancelled", status: "CANCELLED" }, promises],
  ];
  for (const [changes, expected] of cases) {
    const { text, html } = notificationEmail(notification(changes));
    for (const sentence of [denies, promises]) {
      assert.equal(text.includes(sentence), sentence === expected, JSON.stringify(changes));
      assert.equal(html.includes(sentence), sentence === expected, JSON.stringify(changes));
    }
  }
});

Deno.test("notificationEmail() writes every amount with the digits of its currency", () => {
  const cases: [currency: string, written: string][] = [
    ["EUR", "€12.50"],
    ["JPY", "¥1,250"],
    ["KWD", "KWD\u00a01.250"],
  ];
  for (const [currency, written] of cases) {
    const { text, html } = notificationEmail(notification({ type: "order.paid", currency }));
    for (const body of [text, html]) assert.ok(body.includes(`received ${written} for`), body);
  }
});
