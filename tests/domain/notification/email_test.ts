import assert from "node:assert/strict";
import type { Notification } from "../../../domain/notification/content.ts";
import type { OrderLines } from "../../../domain/order/order_lines.ts";
import { notificationEmail } from "../../../domain/notification/email.ts";

/** One mug; without adjustments. */
const lines: OrderLines = {
  items: [{ id: 7, sku: "MUG", name: "Mug", unitPriceCents: 1_250, qty: 1, subtotalCents: 1_250 }],
  itemCount: 1,
  itemsCents: 1_250,
  adjustments: [],
  adjustmentCount: 0,
  adjustmentsCents: 0,
};

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
  paymentStatus: "due",
  lines,
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
    [{ type: "order.cancelled", failureReason: "insufficient_stock" }, promises],
  ];
  for (const [changes, expected] of cases) {
    const { text, html } = notificationEmail(notification(changes));
    for (const sentence of [denies, promises]) {
      assert.equal(text.includes(sentence), sentence === expected, JSON.stringify(changes));
      assert.equal(html.includes(sentence), sentence === expected, JSON.stringify(changes));
    }
  }
});

Deno.test("notificationEmail() writes out what a refund is for", () => {
  const { text, html } = notificationEmail(notification({
    type: "refund.processed",
    refundId: 7,
    amountCents: 2_090,
    refund: {
      lines: [{
        itemId: 7,
        sku: "MUG",
        name: "Mug\n& saucer",
        qty: 2,
        amountCents: 1_600,
        restocked: true,
      }],
      lineCount: 4,
      adjustments: [{ kind: "shipping", amountCents: 490 }],
    },
  }));
  assert.match(
    text,
    /\n\n2 × Mug & saucer: €16\.00\nand 3 more\nShipping: €4\.90\nRefunded: €20\.90\n\n/,
  );
  assert.match(html, />2 × Mug &amp; saucer<\/td><td align="right">€16\.00</);
  const plain = notificationEmail(notification({
    type: "refund.processed",
    refundId: 7,
    amountCents: 250,
    refund: { lines: [], lineCount: 0, adjustments: [] },
  }));
  assert.doesNotMatch(plain.text, /Refunded/);
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

Deno.test("notificationEmail() gives back what was paid at the source, and thanks for no money that nobody paid", () => {
  const givenBack = "What you have paid for it is given back.";
  for (
    const changes of [
      { failureReason: "insufficient_stock" },
      { failureReason: null },
      { type: "order.cancelled" },
    ] satisfies Partial<Notification>[]
  ) {
    const { text } = notificationEmail(notification({ paymentStatus: "paid", ...changes }));
    assert.ok(text.includes(givenBack), text);
    assert.doesNotMatch(text, /not been charged|If money was taken/);
  }
  const free = {
    type: "order.paid",
    paymentStatus: "none",
    amountCents: 0,
    totalCents: 0,
  } as const;
  const { subject, text } = notificationEmail(notification(free));
  assert.equal(subject, "Your order web-1 is confirmed");
  assert.match(text, /nothing is to be paid/);
  assert.doesNotMatch(text, /received/);
});

/** Two mugs and a plate with what a shop adds, over 23.50. */
const sum: Partial<Notification> = {
  type: "order.paid",
  status: "PAID",
  amountCents: 2_350,
  totalCents: 2_350,
  lines: {
    items: [
      { id: 7, sku: "MUG", name: "Mug", unitPriceCents: 700, qty: 2, subtotalCents: 1_400 },
      {
        id: 8,
        sku: "PLATE",
        name: "<Plate>\n",
        unitPriceCents: 1_000,
        qty: 1,
        subtotalCents: 1_000,
      },
    ],
    itemCount: 2,
    itemsCents: 2_400,
    adjustments: [
      { id: 1, kind: "shipping", label: "Express", amountCents: 490, included: false },
      { id: 2, kind: "tax", label: "VAT 19 %", amountCents: 375, included: true },
      { id: 3, kind: "discount", label: null, amountCents: -540, included: false },
    ],
    adjustmentCount: 3,
    adjustmentsCents: -50,
  },
};

Deno.test("notificationEmail() writes out what the total is made of, as text and as HTML", () => {
  const { text, html } = notificationEmail(notification(sum));
  assert.ok(
    text.endsWith(`
2 × Mug at €7.00: €14.00
1 × <Plate>: €10.00
Items: €24.00
Express: €4.90
Discount: -€5.40
Total: €23.50
VAT 19 %, included: €3.75

Order: web-1
Reference: 42
`),
    text,
  );
  const rows = [
    ...html.matchAll(/<tr><t[dh] align="left">(.*?)<\/t[dh]><t[dh] align="right">(.*?)</g),
  ]
    .map(([, name, amount]) => `${name}: ${amount}`);
  assert.deepEqual(rows, [
    "2 × Mug at €7.00: €14.00",
    "1 × &lt;Plate&gt;: €10.00",
    "Items: €24.00",
    "Express: €4.90",
    "Discount: -€5.40",
    "Total: €23.50",
    "VAT 19 %, included: €3.75",
  ]);
  const refund = notificationEmail(
    notification({ ...sum, type: "refund.processed", refundId: 17, amountCents: 490 }),
  );
  assert.match(refund.text, /Total: €23\.50\n.*Reference: 42\nRefund: €4\.90\n$/s);
});

Deno.test("notificationEmail() writes the lines in the digits of the currency", () => {
  const cases: [currency: string, total: string, each: string][] = [
    ["JPY", "Total: ¥2,350", "at ¥700: ¥1,400"],
    ["KWD", "Total: KWD\u00a02.350", "at KWD\u00a00.700: KWD\u00a01.400"],
  ];
  for (const [currency, total, each] of cases) {
    const { text } = notificationEmail(notification({ ...sum, currency }));
    assert.ok(text.includes(total) && text.includes(each), text);
  }
});

Deno.test("notificationEmail() says how many items of a large order it leaves out", () => {
  const large = { ...sum.lines!, itemCount: 10_000 };
  const { text, html } = notificationEmail(notification({ ...sum, lines: large }));
  assert.match(text, /<Plate>: €10\.00\nand 9,998 more\nItems: €24\.00/);
  assert.match(html, />and 9,998 more</);
});

Deno.test("notificationEmail() leaves lines out that are of another total than it tells", () => {
  const { text, html } = notificationEmail(notification({ ...sum, totalCents: 2_340 }));
  assert.doesNotMatch(text + html, /Mug|Express/);
  assert.match(text, /Reference: 42\nTotal: €23\.50\n$/);
});

Deno.test("notificationEmail() keeps names from turning what stands beside them", () => {
  const mug = lines.items[0]!;
  const { subject, text, html } = notificationEmail(notification({
    type: "order.paid",
    externalOrderId: "web\u202e1",
    customer: { externalId: "c1", email: "a@example.com", name: "Ann\u202e\u2066" },
    lines: { ...lines, items: [{ ...mug, name: "\u05db\u05d5\u05e1" }] },
  }));
  for (const part of [subject, text, html]) assert.doesNotMatch(part, /[\u202a-\u202e\u2066]/);
  assert.match(text, /^Hello Ann,/);
  assert.ok(text.includes("1 × \u2068\u05db\u05d5\u05e1\u2069: €12.50"), text);
});
