/**
 * Receivers of notifications for tests: a real HTTP server and a real mail server.
 *
 * @module
 */

import { Buffer } from "node:buffer";
import type { AddressInfo } from "node:net";
import { type ParsedMail, simpleParser } from "mailparser";
import { SMTPServer } from "smtp-server";
import { Webhook } from "standardwebhooks";

/** A webhook as it came, its signature checked. */
export interface Received {
  id: string;
  timestamp: string;
  signature: string;
  text: string;
  // deno-lint-ignore no-explicit-any
  body: any;
  headers: Headers;
}

/** An endpoint of webhooks. */
export interface WebhookReceiver {
  url: string;
  secret: string;
  /** Those whose signature was right. */
  received: Received[];
  /** How it answers; 204 by default. */
  answer: (received: Received) => Response | Promise<Response>;
  /** Answers with a wrong signature. */
  refused: number;
  close(): Promise<void>;
}

/** A secret as Standard Webhooks has it. */
function newSecret(): string {
  return `whsec_${crypto.getRandomValues(new Uint8Array(24)).toBase64()}`;
}

/** Serves an endpoint that checks signatures with the library that shops use. */
export function receiveWebhooks(secret = newSecret()): WebhookReceiver {
  const webhook = new Webhook(secret);
  const stop = new AbortController();
  const server = Deno.serve({
    hostname: "127.0.0.1",
    port: 0,
    onListen: () => {},
    signal: stop.signal,
  }, async (request) => {
    const text = await request.text();
    const header = (name: string) => request.headers.get(`webhook-${name}`) ?? "";
    const received: Received = {
      id: header("id"),
      timestamp: header("timestamp"),
      signature: header("signature"),
      text,
      body: JSON.parse(text),
      headers: request.headers,
    };
    try {
      webhook.verify(text, Object.fromEntries(request.headers));
    } catch {
      receiver.refused++;
      return new Response(null, { status: 401 });
    }
    receiver.received.push(received);
    return await receiver.answer(received);
  });
  const receiver: WebhookReceiver = {
    url: `http://127.0.0.1:${server.addr.port}/hooks/token-in-the-path`,
    secret,
    received: [],
    refused: 0,
    answer: () => new Response(null, { status: 204 }),
    close: async () => {
      stop.abort();
      await server.finished;
    },
  };
  return receiver;
}

/** An e-mail as the server got it. */
export interface Mail {
  from: string;
  to: string[];
  raw: string;
  parsed: ParsedMail;
}

/** A mail server. */
export interface MailReceiver {
  url: string;
  mails: Mail[];
  /** Refuses a recipient, by an SMTP code and a text; takes all by default. */
  refuse: (recipient: string) => { code: number; text: string } | undefined;
  /** Whether a user may log in. */
  password: string | undefined;
  close(): Promise<void>;
}

/** Serves a mailbox for everybody. */
export async function receiveMails(): Promise<MailReceiver> {
  const failure = ({ code, text }: { code: number; text: string }) =>
    Object.assign(new Error(text), { responseCode: code });
  const server = new SMTPServer({
    disabledCommands: ["STARTTLS"],
    authOptional: true,
    allowInsecureAuth: true,
    disableReverseLookup: true,
    onAuth: ({ username, password }, _, done) => {
      if (username === "shop" && password === receiver.password) done(null, { user: username });
      else done(failure({ code: 535, text: "who are you" }));
    },
    onRcptTo: ({ address }, _, done) => {
      const refused = receiver.refuse(address);
      done(refused === undefined ? null : failure(refused));
    },
    onData: async (stream, session, done) => {
      const chunks: Uint8Array[] = [];
      for await (const chunk of stream) chunks.push(chunk);
      const raw = Buffer.concat(chunks);
      receiver.mails.push({
        from: session.envelope.mailFrom === false ? "" : session.envelope.mailFrom.address,
        to: session.envelope.rcptTo.map(({ address }) => address),
        raw: raw.toString(),
        parsed: await simpleParser(raw),
      });
      done();
    },
  });
  // Clients that are cut off are no fault of the server.
  server.on("error", () => {});
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const { port } = server.server.address() as AddressInfo;
  const receiver: MailReceiver = {
    url: `smtp://127.0.0.1:${port}`,
    mails: [],
    refuse: () => undefined,
    password: undefined,
    close: () => new Promise((resolve) => server.close(() => resolve())),
  };
  return receiver;
}
