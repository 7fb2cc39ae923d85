import assert from "node:assert/strict";
import type { Notification } from "../domain/notification/content.ts";
import { stripTypeScriptTypes } from "node:module";
import { Webhook } from "standardwebhooks";
import { alertNews } from "../domain/operation/alerts.ts";
import { notificationWebhook } from "../domain/notification/webhook.ts";
import type { AlertWebhook, NotificationWebhook } from "../domain/notification/webhook_body.ts";
import { verifyWebhook, type WebhookVerificationError } from "../routes/verify_webhook.ts";
import { clientPackage } from "../tools/client/build.ts";
import { capture } from "../tools/engines/capture.ts";
import { type Api, openApi } from "./routes/api.ts";

const paid: Notification = {
  id: 17,
  type: "order.paid",
  orderId: 42,
  externalOrderId: "A-1",
  refundId: null,
  customer: { externalId: null, email: null, name: "Ann" },
  status: "PAID",
  failureReason: null,
  currency: "EUR",
  amountCents: 2_500,
  totalCents: 2_500,
  paymentStatus: "due",
  lines: {
    itemsCents: 2_500,
    itemCount: 1,
    items: [{
      id: 1,
      sku: "MUG",
      name: "Mug",
      unitPriceCents: 1_250,
      qty: 2,
      subtotalCents: 2_500,
    }],
    adjustmentCount: 0,
    adjustmentsCents: 0,
    adjustments: [],
  },
  createdAt: "2026-01-05T10:00:00.000Z",
};

let api: Api;
let folder: string;
Deno.test.beforeAll(async () => {
  api = await openApi("client_package");
  folder = await Deno.makeTempDir();
});
Deno.test.afterAll(async () => {
  await Deno.remove(folder, { recursive: true });
  await api.close();
});

/** A program as somebody writes it who has the package and nothing else of this project. */
const program =
  `import { type EndpointWebhook, type NotificationWebhook, ordersClient, verifyWebhook } from "@orders/client";

const [, , url, key, body, eventId, timestamp, signature] = (globalThis as unknown as { process: { argv: string[] } }).process.argv;
const client = ordersClient(url!);
const taken = await client.orders.$post({
  json: {
    external_order_id: "packed",
    placed_at: "2026-01-05T10:00:00Z",
    currency: "EUR",
    customer: { name: "Ann" },
    items: [{ sku: "MUG", name: "Mug", unit_price_cents: 1_250, qty: 2 }],
  },
  header: { "idempotency-key": "packed" },
});
if (!taken.ok) throw new Error(JSON.stringify(await taken.json()));
const { id } = await taken.json();
const shown = await client.orders[":id"].$get({ param: { id: String(id) } });
if (!shown.ok) throw new Error("not shown");
const order = await shown.json();
const cents: number = order.total_cents;
const status: "PENDING" | "RESERVED" | "PAID" | "FAILED" | "CANCELLED" = order.status;
export const said = ({ type, data }: NotificationWebhook): string => type + data.currency;
export const about = ({ type, data }: EndpointWebhook): string | number | undefined =>
  type === "webhook.test" ? data.endpoint_id : type === "order.paid" ? data.total_cents : undefined;
const headers = { "webhook-id": eventId, "webhook-timestamp": timestamp, "webhook-signature": signature };
const { event } = await verifyWebhook(body!, headers, key!);
const amount = event.type === "order.paid" ? event.data.amount_cents : event.data;
const forged = await verifyWebhook(body! + " ", new Headers(headers as Record<string, string>), key!)
  .then(() => "taken", (error: Error) => error.name);
console.log(cents, status, order.items[0]?.sku, event.type, amount, forged);
`;

/** Whether npm and its registry can be had; the test says where they can't. */
async function hasRegistry(): Promise<boolean> {
  const asked = await capture("npm", ["view", "hono", "name", "--prefer-offline"])
    .catch((error) => ({ success: false, stderr: String(error) }));
  if (!asked.success) console.error(`Not tried: no npm, or no registry: ${asked.stderr}`);
  return asked.success;
}

async function run(command: string, args: string[]): Promise<string> {
  const { success, stdout, stderr } = await capture(command, args, {
    cwd: folder,
    env: { NO_COLOR: "1" },
  });
  assert.ok(success, `${command} ${args.join(" ")}: ${stderr}${stdout}`);
  return stdout;
}

const secret = `whsec_${btoa("a secret of the receiver, 24+")}`;

/** What a receiver has of a webhook: secret, body, and the three headers. */
function signedWebhook(now = new Date()): [string, string, string, string, string] {
  const body = notificationWebhook(paid);
  const seconds = Math.floor(now.getTime() / 1_000);
  return [secret, body, "n_17", String(seconds), new Webhook(secret).sign("n_17", now, body)];
}

/** A runtime that this machine has, and what is said to it first. */
async function programOf(runtime: string): Promise<[string, string[]] | undefined> {
  const ways: [string, string[]][] = runtime === "bun"
    ? [["bun", []], ["npx", ["-y", "bun"]]]
    : [[runtime, []]];
  for (const [command, before] of ways) {
    const tried = await capture(command, [...before, "--version"]).catch(() => null);
    if (tried?.success) return [command, before];
  }
}

Deno.test("the client's package names nothing of the server and no schema", async () => {
  const files = await clientPackage();
  for (const [path, text] of Object.entries(files)) {
    assert.doesNotMatch(text, /\bzod\b|"\.\.?\/api|\bz\.\w/, path);
    if (path.endsWith(".d.ts")) {
      assert.doesNotMatch(
        text,
        /^export (async )?function|^ {2}(const|if|return) |^ +throw /m,
        path,
      );
    }
  }
  assert.deepEqual(Object.keys(JSON.parse(files["package.json"]!).dependencies), ["hono"]);
  const [, routes] = /export type ApiSchema = \{\n(.*?)\n\};/s.exec(files["client.d.ts"]!)!;
  const source = await Deno.readTextFile(new URL("../routes/client.ts", import.meta.url));
  const pathsOf = (text: string) =>
    [...text.matchAll(/^ {2}"([^"]+)": /gm)].map(([, path]) => path);
  assert.ok(pathsOf(routes!).length > 20);
  assert.deepEqual(pathsOf(routes!), pathsOf(source));
});

Deno.test({
  name: "the client's package is packed, installed into an empty folder, typed and used",
  ignore: !await hasRegistry(),
  async fn() {
    await Deno.mkdir(`${folder}/package`);
    for (const [path, text] of Object.entries(await clientPackage())) {
      await Deno.writeTextFile(`${folder}/package/${path}`, text);
    }
    const packed = JSON.parse(await run("npm", ["pack", "./package", "--json"]));
    const { filename, files } = (Array.isArray(packed) ? packed : Object.values(packed))[0];
    assert.deepEqual(files.map(({ path }: { path: string }) => path).sort(), [
      "LICENSE",
      "README.md",
      "client.d.ts",
      "client.js",
      "events.d.ts",
      "package.json",
      "types.d.ts",
      "verify_webhook.d.ts",
      "verify_webhook.js",
      "webhooks.d.ts",
    ]);
    const dry = await capture("npm", ["publish", "./package", "--dry-run"], { cwd: folder });
    assert.ok(dry.success, dry.stderr);
    await Deno.remove(`${folder}/package`, { recursive: true });
    await Deno.writeTextFile(`${folder}/package.json`, "{}");
    await run("npm", ["install", `./${filename}`, "--prefer-offline", "--no-audit", "--no-fund"]);
    await Deno.writeTextFile(`${folder}/shop.ts`, program);
    await run(Deno.execPath(), ["check", "shop.ts"]);
    await Deno.writeTextFile(
      `${folder}/wrong.ts`,
      program.replace("total_cents;", "total;"),
    );
    const wrong = await capture(Deno.execPath(), ["check", "wrong.ts"], { cwd: folder });
    assert.match(wrong.stderr, /total/, "a field that there is not");
    const server = Deno.serve({ hostname: "127.0.0.1", port: 0, onListen() {} }, api.app.fetch);
    try {
      const url = `http://127.0.0.1:${server.addr.port}`;
      const args = [url, ...signedWebhook()];
      const said = "2500 PENDING MUG order.paid 2500 WebhookVerificationError\n";
      assert.equal(await run(Deno.execPath(), ["run", "-A", "shop.ts", ...args]), said);
      // Types are stripped off by Node itself from version 22.18 on.
      await Deno.writeTextFile(`${folder}/shop.mjs`, stripTypeScriptTypes(program));
      for (const runtime of ["node", "bun"]) {
        const [command, before] = await programOf(runtime) ?? [];
        if (command === undefined) console.error(`Not tried: there is no ${runtime}`);
        else assert.equal(await run(command, [...before!, "shop.mjs", ...args]), said, runtime);
      }
    } finally {
      await server.shutdown();
    }
  },
});

Deno.test({
  name: "the client's package is one that JSR would take",
  ignore: !await hasRegistry(),
  async fn() {
    const own = `${folder}/jsr`;
    await Deno.mkdir(own);
    for (const [path, text] of Object.entries(await clientPackage())) {
      if (!/package\.json|\.js$|\.d\.ts$/.test(path)) {
        await Deno.writeTextFile(`${own}/${path}`, text);
      }
    }
    const { success, stderr } = await capture(
      Deno.execPath(),
      ["publish", "--dry-run", "--allow-dirty"],
      { cwd: own, env: { NO_COLOR: "1" } },
    );
    assert.ok(success, stderr);
  },
});

Deno.test("NotificationWebhook is what is posted", () => {
  const body: NotificationWebhook = JSON.parse(notificationWebhook(paid));
  assert.equal(body.type, "order.paid");
  assert.equal(body.data.items[0]?.subtotal_cents, 2_500);
});

Deno.test("AlertWebhook is what is posted of an alert", () => {
  const alert = {
    name: "dead_letters",
    severity: "critical",
    title: "t",
    detail: "d",
    since: "2026-01-05T10:00:00.000Z",
    raisedAt: "2026-01-05T10:01:00.000Z",
  } as Parameters<typeof alertNews>[0];
  const body: AlertWebhook = JSON.parse(alertNews(alert, "raised", 0).body);
  assert.deepEqual([body.type, body.data.resolved_at], ["alert.raised", null]);
});

Deno.test("verifyWebhook() takes what was signed with one of the secrets within five minutes, and nothing else", async () => {
  const nowMs = 1_767_607_200_000;
  const [key, body, id, timestamp, signature] = signedWebhook(new Date(nowMs));
  const headers = {
    "webhook-id": id,
    "webhook-timestamp": timestamp,
    "webhook-signature": signature,
  };
  const other = `whsec_${btoa("another secret of somebody else")}`;
  const looked = await verifyWebhook(body, headers, [other, key], { nowMs });
  assert.deepEqual([looked.id, looked.sentAt.getTime()], [id, nowMs]);
  assert.deepEqual(looked.event, JSON.parse(body));
  const rotated = { ...headers, "webhook-signature": `v1,AAAA v1a,x ${signature}` };
  await verifyWebhook(new TextEncoder().encode(body), new Headers(rotated), key, { nowMs });
  const refused: [string, () => Promise<unknown>, RegExp][] = [
    ["body", () => verifyWebhook(`${body} `, headers, key, { nowMs }), /no signature/],
    ["secret", () => verifyWebhook(body, headers, other, { nowMs }), /no signature/],
    ["none", () => verifyWebhook(body, headers, [], { nowMs }), /no signature/],
    ["late", () => verifyWebhook(body, headers, key, { nowMs: nowMs + 301_000 }), /300 seconds/],
    ["early", () => verifyWebhook(body, headers, key, { nowMs: nowMs - 301_000 }), /300 seconds/],
    ["no tolerance", () => {
      return verifyWebhook(body, headers, key, { nowMs: nowMs + 1_000, toleranceSeconds: NaN });
    }, /NaN seconds/],
    ["no now", () => verifyWebhook(body, headers, key, { nowMs: NaN }), /300 seconds/],
    ["id", () => verifyWebhook(body, { ...headers, "webhook-id": "n_18" }, key, { nowMs }), /no s/],
    ["no id", () => verifyWebhook(body, { ...headers, "webhook-id": "" }, key, { nowMs }), /-id/],
    ["time", () => {
      const moved = { ...headers, "webhook-timestamp": String(Number(timestamp) + 1) };
      return verifyWebhook(body, moved, key, { nowMs });
    }, /no signature/],
    ["no time", () => {
      return verifyWebhook(body, { ...headers, "webhook-timestamp": "soon" }, key, { nowMs });
    }, /no number/],
  ];
  for (const [what, work, reason] of refused) {
    await assert.rejects(work(), (error: WebhookVerificationError) => {
      assert.equal(error.name, "WebhookVerificationError", what);
      assert.match(error.message, reason, what);
      return true;
    });
  }
  await assert.rejects(verifyWebhook(body, headers, "whsec_", { nowMs }), TypeError);
});
