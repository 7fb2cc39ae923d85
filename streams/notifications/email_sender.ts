/**
 * Notifications as e-mails over SMTP.
 *
 * @module
 */

import nodemailer from "nodemailer";
import { isLoopback } from "../../config/config.ts";
import { madeOf } from "../../config/made_of.ts";
import { messageOf } from "../../domain/errors.ts";
import { isMailAddress, parseSender } from "../../domain/notification/mail_address.ts";
import { noAddressError } from "../../domain/notification/notification.ts";
import { type Notification, notificationName } from "../../domain/notification/content.ts";
import { notificationEmail } from "../../domain/notification/email.ts";
import { plainLine } from "../../domain/text/visible_text.ts";
import { withDeadline } from "../timing/deadline.ts";
import type { NotificationSender, SendResult } from "./notification_sender.ts";

/** How e-mails are sent. */
export interface EmailOptions {
  /** `smtp://user:pass@host:587` or `smtps://…`; read at each e-mail */
  readonly smtpUrl: string;
  /** `Shop <orders@shop.example>` */
  from: string;
  /** Longest wait for each answer of the server, in milliseconds. */
  timeoutMs: number;
}

const concurrency = 4;

/** E-mails to one connection. */
const maxMessages = 100;

/** Answers that a whole conversation may wait for. */
const answersToWaitFor = 3;

const ports: Readonly<Record<string, number>> = { "smtp:": 587, "smtps:": 465 };

/**
 * Makes a sender of e-mails. `smtps:` encrypts from the start; `smtp:` as soon as the server offers it, and a
 * password is sent over an encrypted connection only, unless the server is on this machine.
 *
 * Every try of a notification has the same `Message-ID`. A mailbox that does not exist and an e-mail that is
 * refused for good are not tried again; everything else is.
 */
export function emailSender(options: EmailOptions): NotificationSender {
  const { from, timeoutMs } = options;
  const sender = parseSender(from)!;
  let opened: ReturnType<typeof openTransport> | undefined;
  const transport = madeOf(() => options.smtpUrl, (smtpUrl) => {
    // What it has in hand is still sent.
    opened?.close();
    return opened = openTransport({ smtpUrl, timeoutMs });
  });
  const maxMs = answersToWaitFor * timeoutMs;
  return {
    channel: "email",
    endpoint: null,
    concurrency,
    maxMs,
    send: async (notification) => {
      const { email, name } = notification.customer;
      if (email === null) {
        const nobody = { permanent: true, lacksAddress: true } as const;
        return { statusCode: null, reply: null, error: noAddressError, ...nobody };
      }
      if (!isMailAddress(email)) {
        const error = "the customer's e-mail address is not one";
        return { statusCode: null, reply: null, error, permanent: true };
      }
      const sending = transport().sendMail({
        ...notificationEmail(notification),
        from: sender,
        to: { name: plainLine(name), address: email },
        envelope: { from: sender.address, to: [email] },
        messageId: messageIdOf(notification, sender.address),
        headers: { "Auto-Submitted": "auto-generated" },
      });
      try {
        const { response } = await withDeadline(maxMs, "The mail server", sending);
        return { statusCode: codeOf(response), reply: response, error: null };
      } catch (error) {
        return failureOf(error);
      }
    },
    close: () => opened?.close(),
  };
}

/** Connections to the mail server, opened when there is something to send. */
function openTransport({ smtpUrl, timeoutMs }: Omit<EmailOptions, "from">) {
  const url = new URL(smtpUrl);
  const host = url.hostname.replace(/^\[(.*)\]$/, "$1");
  return nodemailer.createTransport({
    pool: true,
    maxConnections: concurrency,
    maxMessages,
    maxRequeues: 0,
    host,
    port: Number(url.port || ports[url.protocol]),
    secure: url.protocol === "smtps:",
    requireTLS: url.username !== "" && !isLoopback(host),
    ...(url.username === "" ? {} : {
      auth: {
        user: decodeURIComponent(url.username),
        pass: decodeURIComponent(url.password),
      },
    }),
    dnsTimeout: timeoutMs,
    connectionTimeout: timeoutMs,
    greetingTimeout: timeoutMs,
    socketTimeout: timeoutMs,
    // Nothing in an e-mail is ever read from a file or an address.
    disableFileAccess: true,
    disableUrlAccess: true,
  });
}

/**
 * Connects to the mail server and signs in as the sender of e-mails does, and sends nothing.
 *
 * @throws what the server says, or that it does not answer in time
 */
export async function verifyMailServer(options: Omit<EmailOptions, "from">): Promise<void> {
  const transport = openTransport(options);
  try {
    const maxMs = answersToWaitFor * options.timeoutMs;
    await withDeadline(maxMs, "The mail server", transport.verify());
  } finally {
    transport.close();
  }
}

/** Unlike any other's, and the same for every try. */
function messageIdOf({ id, createdAt }: Notification, address: string): string {
  const written = createdAt.replace(/\D/g, "");
  return `<${notificationName(id)}.${written}@${address.split("@")[1]}>`;
}

/** What the library says of a failure. */
interface SmtpError {
  /** `EENVELOPE`, `EMESSAGE`, `EAUTH`, … */
  code?: string;
  /** After which the server refused. */
  command?: string;
  responseCode?: number;
  response?: string;
}

function failureOf(error: unknown): SendResult {
  const { code, command, responseCode, response } = error as SmtpError;
  const refused = (responseCode ?? 0) >= 500;
  return {
    statusCode: responseCode ?? null,
    reply: response ?? null,
    error: messageOf(error),
    permanent: refused &&
      ((code === "EENVELOPE" && command === "RCPT TO") || code === "EMESSAGE"),
  };
}

function codeOf(response: string): number | null {
  const code = /^\d{3}/.exec(response)?.[0];
  return code === undefined ? null : Number(code);
}
