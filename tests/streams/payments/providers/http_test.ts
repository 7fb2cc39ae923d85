import assert from "node:assert/strict";
import type { GatewayRequest } from "../../../../streams/payments/gateway.ts";
import { httpGateway } from "../../../../streams/payments/providers/http.ts";
import { listen } from "../../../provider.ts";
import { request } from "./http_scene.ts";

Deno.test("httpGateway() calls it failed when the answer says nothing or something else", async () => {
  const answers: [Response, RegExp][] = [
    [new Response("<html>"), /refused to charge/],
    [Response.json([]), /refused to charge/],
    [Response.json({ id: "", status: "succeeded", amount_cents: 100, currency: "EUR" }), /refused/],
    [Response.json({ id: "x", status: "maybe", amount_cents: 100, currency: "EUR" }), /"maybe"/],
    [Response.json({ id: "x", status: "succeeded", amount_cents: "1", currency: "EUR" }), /amount/],
    [Response.json({ id: "x", status: "succeeded", amount_cents: 1, currency: "€" }), /currency/],
    [
      Response.json({ id: "x", status: "succeeded", amount_cents: -1, currency: "EUR" }),
      /amount/,
    ],
    ...[101, -1, "1"].map((refunded_cents): [Response, RegExp] => [
      Response.json({
        id: "x",
        status: "succeeded",
        amount_cents: 100,
        currency: "EUR",
        refunded_cents,
      }),
      /went back of the charge/,
    ]),
    [
      Response.json({ id: "x".repeat(129), status: "declined", amount_cents: 1, currency: "EUR" }),
      /name/,
    ],
    // Half of a character, which no database takes.
    [
      Response.json({ id: "x\ud800", status: "succeeded", amount_cents: 100, currency: "EUR" }),
      /is no text/,
    ],
    [
      Response.json(
        { id: "x", status: "succeeded", amount_cents: 100, currency: "EUR" },
        { status: 422 },
      ),
      /422/,
    ],
    [Response.redirect("http://127.0.0.1:9/elsewhere"), /no answer/],
  ];
  for (const [answer, expected] of answers) {
    const { url, server } = listen(() => answer.clone());
    const gateway = httpGateway({ url, token: "", timeoutMs: 1_000, firstWaitMs: 1 });
    const [result] = await gateway.charge([request(1)]);
    assert.equal(result!.kind, "failed");
    assert.match((result as { error: string }).error, expected);
    if (answer.status >= 400) {
      const [back] = await gateway.refund([request(1)]);
      assert.equal(back!.kind, "failed");
    }
    if (answer.status !== 302) {
      const [status] = await gateway.status!([request(1)]);
      assert.equal(status!.kind, answer.status === 404 ? "unknown" : "failed");
    }
    await server.shutdown();
  }
});

Deno.test("httpGateway() sends its token and the key, and asks before it repeats", async () => {
  const seen: string[] = [];
  const { url, server } = listen(async (incoming) => {
    const { pathname } = new URL(incoming.url);
    seen.push([incoming.method, pathname, incoming.headers.get("idempotency-key")].join(" "));
    assert.equal(incoming.headers.get("authorization"), "Bearer t");
    if (incoming.method === "POST") {
      const body = await incoming.json();
      const order = { order_id: 7, reference: "o7" };
      assert.deepEqual(body, { ...order, amount_cents: 100, currency: "EUR" });
      return new Response(null, { status: 502 });
    }
    return Response.json({ id: "x", status: "succeeded", amount_cents: 100, currency: "EUR" });
  });
  const gateway = httpGateway({ url, token: "t", timeoutMs: 1_000, firstWaitMs: 1 });
  const [answer] = await gateway.charge([request(7)]);
  assert.deepEqual(answer, {
    kind: "accepted",
    callback: {
      message: {
        type: "payment.callback",
        orderId: 7,
        amountCents: 100,
        currency: "EUR",
        outcome: "succeeded",
        provider: "http",
        key: "order-7",
        providerRef: "x",
      },
      evenIfLost: true,
    },
  });
  assert.deepEqual(seen, ["POST /charges order-7", "GET /charges/order-7 order-7"]);
  seen.length = 0;
  assert.deepEqual(await gateway.charge([request(7, { askedBefore: true })]), [answer]);
  assert.deepEqual(
    seen,
    ["GET /charges/order-7 order-7"],
    "what was asked for before is no new charge",
  );
  await server.shutdown();
});

Deno.test("httpGateway() waits no longer than its time for one answer", async () => {
  const release = Promise.withResolvers<Response>();
  const { url, server } = listen(async () => (await release.promise).clone());
  const gateway = httpGateway({ url, token: "", timeoutMs: 100, firstWaitMs: 1 });
  const begun = performance.now();
  const [answer] = await gateway.charge([request(1)]);
  assert.equal(answer!.kind, "failed");
  assert.ok(performance.now() - begun < 3_000);
  release.resolve(new Response());
  await server.shutdown();
});

Deno.test("httpGateway() leaves a provider alone that fails again and again, and tries one request then", async () => {
  let asked = 0;
  let broken = true;
  const { url, server } = listen(() => {
    asked++;
    if (broken) return new Response(null, { status: 500 });
    return Response.json({ id: `x${asked}`, status: "pending", currency: "EUR" }, { status: 202 });
  });
  const gateway = httpGateway({ url, token: "", timeoutMs: 1_000, firstWaitMs: 100, restMs: 400 });
  const many = Array.from({ length: 40 }, (_, n) => request(n));
  const kindsOf = (answers: { kind: string }[]) => [...new Set(answers.map(({ kind }) => kind))];
  assert.deepEqual(kindsOf(await gateway.charge(many)), ["away"]);
  const once = asked;
  assert.ok(once <= 16, `asked ${once} times`);
  assert.deepEqual(kindsOf(await gateway.charge(many)), ["away"]);
  assert.deepEqual(kindsOf(await gateway.refund(many)), ["away"]);
  assert.equal(asked, once, "nothing is asked meanwhile");
  while (asked === once) assert.deepEqual(kindsOf(await gateway.charge(many)), ["away"]);
  assert.equal(asked, once + 1, "one request finds out that it is still away");
  broken = false;
  let kinds: string[];
  do {
    kinds = kindsOf(await gateway.charge(many));
  } while (kinds.every((kind) => kind === "away"));
  assert.equal(asked, once + 2, "one request finds out that it is back");
  assert.deepEqual(kinds.toSorted(), ["accepted", "away"]);
  assert.deepEqual(kindsOf(await gateway.charge(many)), ["accepted"]);
  assert.equal(asked, once + 2 + many.length);
  await server.shutdown();
});

Deno.test("httpGateway() counts no answer about another order, key or refund than it asked for", async () => {
  const charge = { id: "x", status: "succeeded", amount_cents: 100, currency: "EUR" };
  const given = { id: "r", status: "succeeded" };
  const others: Record<string, unknown>[] = [
    { reference: "o2" },
    { idempotency_key: "order-2" },
    { reference: 1 },
  ];
  const otherRefunds = [
    ...others,
    { charge_id: "ch_2" },
    { amount_cents: 99 },
    { currency: "USD" },
    {
      amount_cents: "100",
    },
  ];
  let answer: Record<string, unknown> = {};
  const { url, server } = listen(() => Response.json(answer));
  const gateway = httpGateway({ url, token: "", timeoutMs: 1_000, firstWaitMs: 1 });
  const kindOf = async (ask: "charge" | "refund" | "status", said: Record<string, unknown>) => {
    answer = said;
    return (await gateway[ask]!([request(1)]))[0]!.kind;
  };
  for (const other of others) {
    assert.equal(await kindOf("charge", { ...charge, ...other }), "failed", JSON.stringify(other));
    assert.equal(await kindOf("status", { ...charge, ...other }), "failed", JSON.stringify(other));
  }
  for (const status of ["succeeded", "refused"]) {
    for (const other of otherRefunds) {
      const said = { ...given, status, ...other };
      assert.equal(await kindOf("refund", said), "failed", JSON.stringify(said));
    }
  }
  const own = { reference: "o1", idempotency_key: "order-1" };
  assert.equal(await kindOf("charge", { ...charge, ...own }), "accepted");
  assert.equal(await kindOf("charge", { ...charge, reference: null }), "accepted");
  const money = { amount_cents: 100, currency: "EUR" };
  assert.equal(await kindOf("refund", { ...given, ...own, ...money }), "refunded");
  assert.equal(await kindOf("refund", given), "refunded", "an answer may repeat nothing");
  await server.shutdown();
});

Deno.test("httpGateway() moves no money where nobody tells whether the message is still this consumer's", async () => {
  const methods: string[] = [];
  const { url, server } = listen(({ method }) => {
    methods.push(method);
    return new Response(null, { status: 404 });
  });
  const gateway = httpGateway({ url, token: "", timeoutMs: 1_000, firstWaitMs: 1 });
  const lost = () => Promise.resolve(false);
  const unknown = () => Promise.reject(new Error("Connection is closed."));
  for (const stillOurs of [lost, unknown]) {
    for (const ask of ["charge", "refund"] as const) {
      const answers = await gateway[ask]([request(1), request(2)], { stillOurs });
      assert.deepEqual(answers.map(({ kind }) => kind), ["away", "away"]);
    }
  }
  assert.ok(!methods.includes("POST"));
  await server.shutdown();
});

Deno.test("an endless answer of the provider is given up and not gathered", async () => {
  let sent = 0;
  const ended: string[] = [];
  const piece = new Uint8Array(65_536).fill(32);
  const provider = listen(() =>
    new Response(
      new ReadableStream({
        pull(controller) {
          sent += piece.length;
          controller.enqueue(piece);
        },
        cancel: () => void ended.push("cancelled"),
      }, { highWaterMark: 0 }),
    )
  );
  const gateway = httpGateway({ url: provider.url, token: "", timeoutMs: 5_000, firstWaitMs: 1 });
  const request = { orderId: 1, amountCents: 100, currency: "EUR", idempotencyKey: "k" };
  const [answer] = await gateway.charge([request as GatewayRequest]);
  assert.equal(answer!.kind, "failed");
  assert.match((answer as { error: string }).error, /more than 65536 bytes/);
  await provider.server.shutdown();
  assert.ok(sent < 64 * 1_048_576, `${sent} bytes were sent`);
  assert.ok(ended.length > 0);
});
