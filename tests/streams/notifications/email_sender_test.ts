import assert from "node:assert/strict";
import { requestRefund } from "../../../services/refunds/request_refunds.ts";
import { deliverOnce } from "../../../streams/notifications/deliver_notifications.ts";
import { emailSender } from "../../../streams/notifications/email_sender.ts";
import type { NotificationSender } from "../../../streams/notifications/notification_sender.ts";
import { publish } from "../../../streams/workflow/publish.ts";
import { giveMoney } from "../../order_money.ts";
import { type MailReceiver, receiveMails } from "../../receivers.ts";
import { anOrder, openWorkflow, type Workflow } from "../../workflow.ts";

const from = "Tea & Co <orders@shop.example>";

interface Scene {
  flow: Workflow;
  server: MailReceiver;
  sender: NotificationSender;
}

async function withMails(name: string, work: (scene: Scene) => Promise<void>): Promise<void> {
  const flow = await openWorkflow(name, { notifyChannels: ["log", "email"] });
  const server = await receiveMails();
  const sender = emailSender({ smtpUrl: server.url, from, timeoutMs: 5_000 });
  try {
    await work({ flow, server, sender });
  } finally {
    sender.close();
    await server.close();
    await flow.close();
  }
}

/** An order of one item and one customer, brought to its end. */
async function settle(
  flow: Workflow,
  externalOrderId: string,
  { cents = 1_000, currency = "EUR", email = "ann@example.com", name = "Ann" } = {},
): Promise<number> {
  const [taken] = await flow.add([
    anOrder(externalOrderId, [{ sku: "a", qty: 1, unitPriceCents: cents }], {
      currency,
      customer: { externalId: `c-${externalOrderId}`, email, name },
    }),
  ]);
  await flow.drain();
  return taken!.orderId!;
}

const logs = (flow: Workflow) =>
  flow.rows("select * from notification_logs where channel = 'email' order by id");
const backdate = (flow: Workflow) =>
  flow.rows(
    "update notification_deliveries set due_at = current_timestamp(6) where due_at is not null",
  );

Deno.test("emailSender() tells customers of payment, failure and refund, as text and as HTML", () =>
  withMails("email_texts", async ({ flow, server, sender }) => {
    const paid = await settle(flow, "T-1", { cents: 123_450, currency: "GBP", name: "Zoë Ó" });
    await settle(flow, "T-2", { cents: 101, email: "bob@example.com", name: "Bob" });
    const { refund } = await requestRefund(
      flow.db,
      { orderId: paid, amountCents: 250, reason: null, idempotencyKey: null },
      "test",
    );
    await publish(flow, [{
      message: {
        type: "refund.process",
        orderId: paid,
        refundId: refund.id,
        amountCents: 250,
        currency: "GBP",
      },
    }]);
    await flow.drain();
    assert.deepEqual(await deliverOnce(flow, sender), { claimed: 3, sent: 3, failed: 0 });
    const of = (subject: string) => server.mails.find(({ parsed }) => parsed.subject === subject)!;

    const mail = of("Your order T-1 is paid");
    assert.equal(mail.from, "orders@shop.example");
    assert.deepEqual(mail.to, ["ann@example.com"]);
    assert.deepEqual(mail.parsed.from!.value, [
      { address: "orders@shop.example", name: "Tea & Co" },
    ]);
    assert.match(mail.parsed.text!, /^Hello Zoë Ó,\n\nThank you: we have received £1,234\.50 for/);
    assert.match(mail.parsed.text!, new RegExp(`Reference: ${paid}\n`));
    assert.match(String(mail.parsed.html), /<p>Hello Zoë Ó,<\/p>/);
    assert.match(String(mail.parsed.html), /£1,234\.50/);
    assert.equal(mail.parsed.headers.get("auto-submitted"), "auto-generated");
    assert.match(mail.parsed.messageId!, /^<ntf_\d+\.\d{20}@shop\.example>$/);

    const failed = of("Your order T-2 could not be completed").parsed.text!;
    assert.match(
      failed,
      /€1\.01\.\n\nYour payment was declined\.\n\nIf money was taken for it, it is given back\./,
    );
    const refunded = of("Your refund for order T-1").parsed.text!;
    assert.match(refunded, /We have refunded £2\.50 of your order T-1\./);

    for (const row of await logs(flow)) {
      assert.equal(row.success, 1);
      assert.ok(row.sent_at !== null && row.error === null);
    }
    const tries = await flow.rows("select status_code, reply from notification_attempts");
    assert.ok(
      tries.every(({ status_code, reply }) => status_code === 250 && /^250 /.test(String(reply))),
    );
  }));

Deno.test("emailSender() lists what an order's total is made of", () =>
  withMails("email_lines", async ({ flow, server, sender }) => {
    const [taken] = await flow.add([
      anOrder("L-1", [{ sku: "mug", qty: 3, unitPriceCents: 800 }], { currency: "JPY" }),
    ]);
    await giveMoney(flow.db, taken!.orderId!, {
      adjustments: [
        { kind: "shipping", amountCents: 490 },
        { kind: "tax", label: "消費税 10 %", amountCents: 218, included: true },
        { kind: "discount", label: "Spring & sale", amountCents: -540 },
      ],
    });
    await flow.drain();
    assert.equal((await deliverOnce(flow, sender)).sent, 1);
    const { text, html } = server.mails[0]!.parsed;
    assert.match(
      text!,
      /3 × Product mug at ¥800: ¥2,400\nItems: ¥2,400\nShipping: ¥490\nSpring & sale: -¥540\nTotal: ¥2,350\n消費税 10 %, included: ¥218\n/,
    );
    assert.match(String(html), />Spring &amp; sale<\/td><td align="right">-¥540</);
  }));

Deno.test("emailSender() writes to whom each order was placed for, of payments and of refunds", () =>
  withMails("email_recipients", async ({ flow, server, sender }) => {
    const guests = ["ida", "ben", "zoe"];
    const taken = await flow.add(
      guests.map((name, index) =>
        anOrder(`700${index}`, [{ sku: "a", qty: 1, unitPriceCents: 1_000 }], {
          placedAt: `2026-01-05 10:0${index}:00.000`,
          customer: { externalId: "0", email: `${name}@guest.example`, name },
        })
      ),
    );
    await flow.drain();
    await deliverOnce(flow, sender);
    // Somebody else has the last word on the customer; whom orders were placed for does not change by it.
    await flow.add([
      anOrder("7009", [{ sku: "a", qty: 1, unitPriceCents: 1_000 }], {
        placedAt: "2026-01-06 10:00:00.000",
        customer: { externalId: "0", email: "thief@guest.example", name: "thief" },
      }),
    ]);
    const orderId = taken[0]!.orderId!;
    const { refund } = await requestRefund(
      flow.db,
      { orderId, amountCents: 250, reason: null, idempotencyKey: null },
      "test",
    );
    const message = { orderId, refundId: refund.id, amountCents: 250, currency: "EUR" };
    await publish(flow, [{ message: { type: "refund.process", ...message } }]);
    await flow.drain();
    await deliverOnce(flow, sender);
    const told = server.mails.map(({ to, parsed }) => `${to} ${parsed.subject}`).sort();
    assert.deepEqual(told, [
      "ben@guest.example Your order 7001 is paid",
      "ida@guest.example Your order 7000 is paid",
      "ida@guest.example Your refund for order 7000",
      "thief@guest.example Your order 7009 is paid",
      "zoe@guest.example Your order 7002 is paid",
    ]);
    for (const { to, parsed } of server.mails) {
      assert.ok(parsed.text!.startsWith(`Hello ${to[0]!.split("@")[0]},`));
    }
  }));

Deno.test("emailSender() lets no name, order or address write headers, recipients or HTML", () =>
  withMails("email_injection", async ({ flow, server, sender }) => {
    const names = [
      "Eve\r\nBcc: victim@example.com",
      'Eve" <victim@example.com>, "x',
      "<script>alert(1)</script> & \"co\" 'x'",
      "=?utf-8?q?=0d=0aBcc:_victim@example.com?=",
      "Eve\u2028Bcc: victim@example.com\u0000",
    ];
    // Straight into the database: an import would refuse most of it.
    for (const [index, name] of names.entries()) {
      await settle(flow, `I-${index}`, { email: `eve${index}@example.com` });
      await flow.rows("update orders set recipient_name = ? where external_order_id = ?", [
        name,
        `I-${index}`,
      ]);
    }
    await flow.rows(
      "update notification_logs set payload = json_set(payload, '$.external_order_id', ?)",
      [
        "X\r\nBcc: victim@example.com\r\n\r\n<b>hi",
      ],
    );
    assert.equal((await deliverOnce(flow, sender)).sent, names.length);
    for (const { to, raw, parsed } of server.mails) {
      assert.equal(to.length, 1);
      assert.match(to[0]!, /^eve\d@example\.com$/);
      assert.doesNotMatch(raw, /^bcc:/im);
      assert.deepEqual(parsed.bcc, undefined);
      assert.deepEqual(
        [parsed.to!].flat().flatMap(({ value }) => value.map(({ address }) => address)),
        to,
      );
      assert.doesNotMatch(String(parsed.html), /<script>|<b>/);
      assert.equal(parsed.subject, "Your order X Bcc: victim@example.com <b>hi is paid");
    }
    const scripts = server.mails.find(({ to }) => to[0] === "eve2@example.com")!;
    assert.match(
      String(scripts.parsed.html),
      /Hello &lt;script&gt;alert\(1\)&lt;\/script&gt; &amp; &quot;co&quot; &#39;x&#39;,/,
    );
  }));

Deno.test("emailSender() gives up at once on addresses that are none or that the server does not know", () =>
  withMails("email_addresses", async ({ flow, server, sender }) => {
    const addresses = [
      "nobody",
      "a@b, victim@example.com",
      "<a@b>",
      "a b@c.example",
      "gone@example.com",
    ];
    for (const [index, email] of addresses.entries()) {
      await settle(flow, `A-${index}`, { email: `x${index}@example.com` });
      await flow.rows("update orders set recipient_email = ? where external_order_id = ?", [
        email,
        `A-${index}`,
      ]);
    }
    server.refuse = () => ({ code: 550, text: "no such mailbox" });
    assert.deepEqual(await deliverOnce(flow, sender), { claimed: 5, sent: 0, failed: 5 });
    assert.equal(server.mails.length, 0);
    const rows = await logs(flow);
    for (const { error } of rows.slice(0, 4)) {
      assert.equal(error, "the customer's e-mail address is not one");
    }
    assert.match(String(rows[4]!.error), /no such mailbox/);
    const left = await flow.rows("select due_at from notification_deliveries");
    assert.deepEqual(left.map(({ due_at }) => due_at), [null, null, null, null, null], "given up");
    const [last] = await flow.rows(
      "select status_code, reply from notification_attempts order by id desc",
    );
    assert.equal(last!.status_code, 550);
    assert.match(String(last!.reply), /^550 /);
  }));

Deno.test("emailSender() tries again, under the same Message-ID, what a server can't take now", () =>
  withMails("email_later", async ({ flow, server, sender }) => {
    await settle(flow, "L-1");
    server.refuse = () => ({ code: 451, text: "greylisted" });
    await deliverOnce(flow, sender);
    const [row] = await logs(flow);
    assert.match(String(row!.error), /greylisted/);
    server.refuse = () => undefined;
    await backdate(flow);
    assert.equal((await deliverOnce(flow, sender)).sent, 1);
    const id = row!.id as number;
    await flow.rows(
      "insert into notification_deliveries (notification_log_id, channel, due_at) values (?, 'email', now(6))",
      [id],
    );
    assert.equal((await deliverOnce(flow, sender)).sent, 1);
    const [first, second] = server.mails;
    assert.equal(first!.parsed.messageId, second!.parsed.messageId);
  }));

Deno.test("emailSender() logs in, and a wrong password is no customer's fault", () =>
  withMails("email_login", async ({ flow, server }) => {
    await settle(flow, "P-1");
    const withPassword = (password: string) =>
      emailSender({
        smtpUrl: server.url.replace("//", `//shop:${encodeURIComponent(password)}@`),
        from,
        timeoutMs: 5_000,
      });
    server.password = "p@ss/word";
    const wrong = withPassword("other");
    await deliverOnce(flow, wrong);
    wrong.close();
    const [row] = await flow.rows("select due_at from notification_deliveries");
    assert.ok(row!.due_at !== null, "it will be tried again");
    await backdate(flow);
    const right = withPassword("p@ss/word");
    assert.equal((await deliverOnce(flow, right)).sent, 1);
    right.close();
    assert.doesNotMatch(JSON.stringify(await logs(flow)), /p@ss/);
  }));

Deno.test("emailSender() ends in time with a server that accepts and says nothing", async () => {
  const silent = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  const connections: Deno.Conn[] = [];
  const accepting = (async () => {
    for await (const connection of silent) connections.push(connection);
  })();
  const flow = await openWorkflow("email_silent", { notifyChannels: ["email"] });
  const sender = emailSender({
    smtpUrl: `smtp://127.0.0.1:${silent.addr.port}`,
    from,
    timeoutMs: 150,
  });
  try {
    await settle(flow, "S-1");
    assert.deepEqual(await deliverOnce(flow, sender), { claimed: 1, sent: 0, failed: 1 });
    const [row] = await logs(flow);
    assert.match(String(row!.error), /greeting never received|time/i);
  } finally {
    sender.close();
    for (const connection of connections) connection.close();
    silent.close();
    await accepting.catch(() => {});
    await flow.close();
  }
});
