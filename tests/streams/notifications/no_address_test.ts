import assert from "node:assert/strict";
import {
  listNotifications,
  readNotificationsOf,
} from "../../../db/notifications/notification_queries.ts";
import { countDeliveries } from "../../../db/notifications/notification_queries.ts";
import { guestOf } from "../../../domain/order/guest.ts";
import type { Message } from "../../../domain/messages/messages.ts";
import { replayNotification } from "../../../services/notifications/replay_notification.ts";
import { deliverOnce } from "../../../streams/notifications/deliver_notifications.ts";
import { emailSender } from "../../../streams/notifications/email_sender.ts";
import { publish } from "../../../streams/workflow/publish.ts";
import { askRefund, verifyNow } from "../../settled_workflow.ts";
import { type MailReceiver, receiveMails } from "../../receivers.ts";
import { anOrder, openWorkflow, type Workflow } from "../../workflow.ts";
import { anOperator } from "../../operator.ts";

interface Scene {
  flow: Workflow;
  mails: MailReceiver;
  /** One turn of the e-mail channel. */
  send(): ReturnType<typeof deliverOnce>;
}

async function withMails(name: string, work: (scene: Scene) => Promise<void>): Promise<void> {
  const flow = await openWorkflow(name, { notifyChannels: ["log", "email", "webhook"] });
  const mails = await receiveMails();
  const sender = emailSender({ smtpUrl: mails.url, from: "a@shop.example", timeoutMs: 5_000 });
  try {
    await work({ flow, mails, send: () => deliverOnce(flow, sender) });
  } finally {
    sender.close();
    await mails.close();
    await flow.close();
  }
}

/** Takes two orders, the first of which has no address, and settles them. */
async function settleTwo(flow: Workflow): Promise<[number, number]> {
  const [nobody, somebody] = (await flow.add([
    anOrder("nobody", [{ sku: "a", qty: 2 }], { customer: guestOf(null, "", "nobody") }),
    anOrder("somebody", [{ sku: "a", qty: 1 }]),
  ])).map(({ orderId }) => orderId!);
  await flow.drain();
  return [nobody!, somebody!];
}

const forgetAddress = (flow: Workflow, id: number) =>
  flow.rows("update orders set recipient_email = null where id = ?", [id]);

const statesOf = async (flow: Workflow, id: number) =>
  (await readNotificationsOf(flow.db, id, 100)).map(({ channel, state, error }) => [
    channel,
    state,
    error,
  ]).sort();

async function assertVerified(flow: Workflow): Promise<void> {
  assert.deepEqual((await verifyNow(flow)).checks.filter(({ ok }) => !ok), []);
}

Deno.test("an order without an address has its rows on every channel, and nobody tries to send the e-mail", () =>
  withMails("no_address", async ({ flow, mails, send }) => {
    const [nobody, somebody] = await settleTwo(flow);
    const message: Message = {
      type: "notify.order",
      orderId: nobody,
      amountCents: 200,
      currency: "EUR",
    };
    await publish(flow, [{ message }, { message }]);
    await flow.drain();
    const refund = await askRefund(flow, nobody, 50);
    await publish(flow, [{ message: refund }]);
    await flow.drain();
    assert.deepEqual(await statesOf(flow, nobody), [
      ["email", "no_address", "no e-mail address"],
      ["email", "no_address", "no e-mail address"],
      ["log", "logged", null],
      ["log", "logged", null],
      ["webhook", "waiting", null],
      ["webhook", "waiting", null],
    ]);
    assert.deepEqual(await send(), { claimed: 1, sent: 1, failed: 0 });
    assert.deepEqual(mails.mails.length, 1);
    assert.deepEqual((await statesOf(flow, somebody))[0], ["email", "sent", null]);
    const [email] = await countDeliveries(flow.db);
    assert.deepEqual([email!.channel, email!.waiting, email!.givenUp], ["email", 0, 0]);
    const { notifications } = await listNotifications(flow.db, { success: false }, {
      beforeId: undefined,
      limit: 10,
    });
    assert.ok(notifications.every(({ channel }) => channel === "webhook"));
    await assertVerified(flow);
  }));

Deno.test("an address that is gone when its e-mail is to be sent ends it without an error", () =>
  withMails("no_address_late", async ({ flow, mails, send }) => {
    const [order] = await flow.add([anOrder("1", [{ sku: "a", qty: 1 }])]);
    await flow.drain();
    await forgetAddress(flow, order!.orderId!);
    assert.deepEqual(await send(), { claimed: 1, sent: 0, failed: 0 });
    assert.equal(mails.mails.length, 0);
    assert.deepEqual((await statesOf(flow, order!.orderId!))[0], [
      "email",
      "no_address",
      "no e-mail address",
    ]);
    assert.deepEqual(await send(), { claimed: 0, sent: 0, failed: 0 });
    await assertVerified(flow);
  }));

Deno.test("an e-mail is sent again only once there is an address", () =>
  withMails("no_address_replay", async ({ flow, mails, send }) => {
    const [nobody] = await settleTwo(flow);
    await send();
    const [row] = await flow.rows(
      "select id from notification_logs where order_id = ? and channel = 'email'",
      [nobody],
    );
    const id = Number(row!.id);
    await assert.rejects(
      replayNotification(flow, id, anOperator("test")),
      /^WorkflowError: Cannot send notification \d+ again: its order has no e-mail address$/,
    );
    await flow.rows("update orders set recipient_email = 'late@example.com' where id = ?", [
      nobody,
    ]);
    await replayNotification(flow, id, anOperator("test"));
    assert.deepEqual((await statesOf(flow, nobody))[0]!.slice(0, 2), ["email", "waiting"]);
    assert.deepEqual(await send(), { claimed: 1, sent: 1, failed: 0 });
    assert.equal(mails.mails.length, 2);
    assert.deepEqual((await statesOf(flow, nobody))[0], ["email", "sent", null]);
    await assertVerified(flow);
  }));

Deno.test("an order of a version before goes to the address of its customer", () =>
  withMails("no_address_older", async ({ flow, mails, send }) => {
    const [order] = await flow.add([anOrder("1", [{ sku: "a", qty: 1 }])]);
    await flow.rows("update orders set recipient_name = null, recipient_email = null");
    await flow.drain();
    assert.deepEqual(await send(), { claimed: 1, sent: 1, failed: 0 });
    assert.equal(mails.mails.length, 1);
    assert.deepEqual((await statesOf(flow, order!.orderId!))[0], ["email", "sent", null]);
  }));
