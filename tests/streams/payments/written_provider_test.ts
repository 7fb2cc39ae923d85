/**
 * The provider of docs/writing-a-provider.md, taken from the page as it stands.
 *
 * @module
 */

import assert from "node:assert/strict";
import { createHmac } from "node:crypto";
import { mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { pathToFileURL } from "node:url";
import { carefulGateway } from "../../../streams/payments/careful_gateway.ts";
import type { Provider } from "../../../streams/payments/provider.ts";
import { listen } from "../../provider.ts";
import { providerContract, type TriedProvider } from "./provider_contract.ts";

const page = await readFile(
  new URL("../../../docs/writing-a-provider.md", import.meta.url),
  "utf8",
);
const [, code] = /```ts\n(\/\*\* The payment provider Acme[\s\S]*?)```/.exec(page)!;

/** The module of the page, as if it stood beside the other providers. */
async function loadAcme(): Promise<(access: Record<string, unknown>) => Provider> {
  const folder = await mkdtemp(join(tmpdir(), "provider_"));
  const beside = new URL("../../../streams/payments/", import.meta.url).href;
  const file = join(folder, "acme.ts");
  await writeFile(file, code!.replaceAll('from "../', `from "${beside}`));
  try {
    return (await import(pathToFileURL(file).href)).acmeProvider;
  } finally {
    await rm(folder, { recursive: true });
  }
}

const acmeProvider = await loadAcme();
const webhookSecret = "acme secret";

interface Payment {
  id: string;
  key: string;
  state: "paid" | "declined";
  amount: number;
  currency: string;
  refunded: number;
}

/** Acme, which does not exist. */
function acme() {
  const payments = new Map<string, Payment>();
  const refunds = new Map<string, { id: string; key: string }>();
  const state = { trouble: "none", losing: 0 };
  const pay = (said: { key: string; amount: number; currency: string; card?: string }): Payment => {
    const { key, amount, currency, card } = said;
    const payment: Payment = payments.get(key) ?? {
      id: `acme_${payments.size}`,
      key,
      state: card === "good" ? "paid" : "declined",
      amount,
      currency,
      refunded: 0,
    };
    payments.set(key, payment);
    return payment;
  };
  const refund = (
    { key, amount, payment: of }: { key: string; amount: number; payment: string },
  ) => {
    const before = refunds.get(key);
    if (before !== undefined) return Response.json(before);
    const payment = [...payments.values()].find(({ id }) => id === of);
    if (payment === undefined || payment.amount - payment.refunded < amount) {
      return Response.json({ error: "nothing of it is left" }, { status: 422 });
    }
    payment.refunded += amount;
    const made = { id: `back_${refunds.size}`, key };
    refunds.set(key, made);
    return Response.json(made);
  };
  const answer = async (request: Request): Promise<Response> => {
    const [, what, key] = new URL(request.url).pathname.split("/");
    const known = what === "payments" ? payments : refunds;
    if (request.method === "GET") {
      const found = known.get(key!);
      return found ? Response.json(found) : new Response("no such thing", { status: 404 });
    }
    const said = await request.json();
    return what === "payments" ? Response.json(pay(said)) : refund(said);
  };
  const handle = async (request: Request): Promise<Response> => {
    // A proxy before it answers so, which has no JSON.
    if (state.trouble === "down") return new Response("<h1>down</h1>", { status: 503 });
    if (state.trouble === "denied") return new Response(null, { status: 401 });
    const response = await answer(request);
    if (request.method === "GET" || state.losing-- <= 0) return response;
    await response.body?.cancel();
    return Response.json({}, { status: 504 });
  };
  return { handle, payments, state };
}

function signed(body: unknown, at = new Date()) {
  const text = JSON.stringify(body);
  const time = Math.floor(at.getTime() / 1_000);
  const signature = createHmac("sha256", webhookSecret).update(`${time}.${text}`).digest("hex");
  return { headers: { "acme-signature": `${time}.${signature}` }, text };
}

Deno.test("the provider of the page is short", () => {
  const lines = code!.trimEnd().split("\n").filter((line) => line.trim() !== "");
  assert.ok(lines.length <= 80, `${lines.length} lines`);
});

providerContract("the page's", () => {
  const { handle, payments, state } = acme();
  const { url, server } = listen(handle);
  const by = (method: string): TriedProvider["paying"] => (request) => ({
    ...request,
    instructions: {
      methodType: null,
      method,
      customer: null,
      description: null,
      metadata: null,
      capture: null,
    },
  });
  const access = { url, key: "k", webhookSecret, timeoutMs: 5_000 };
  return Promise.resolve<TriedProvider>({
    gateway: carefulGateway(acmeProvider(access), { firstWaitMs: 1, callbackMs: 1, restMs: 1 }),
    paying: by("good"),
    declining: by("bad"),
    held: () =>
      new Map(
        [...payments.values()].filter((payment) => payment.state === "paid")
          .map(({ key, amount, refunded }) => [key, amount - refunded]),
      ),
    loseAnswers: (count) => void (state.losing = count),
    trouble: (kind) => void (state.trouble = kind),
    webhook: (ref, at) => {
      const payment = [...payments.values()].find(({ id }) => id === ref)!;
      return Promise.resolve(signed({ id: "hook_1", payment }, at));
    },
    otherWebhook: () => Promise.resolve(signed({ id: "hook_2" })),
    faults: () => [],
    close: () => server.shutdown(),
  });
});
