import assert from "node:assert/strict";
import { httpGateway } from "../../../streams/payments/providers/http.ts";
import { listen } from "../../provider.ts";

Deno.test("httpGateway() goes on charging with a token that may not refund", async () => {
  const { url, server } = listen(async (request) => {
    const path = new URL(request.url).pathname;
    if (request.method === "GET") return Response.json({}, { status: 404 });
    if (path === "/refunds") return Response.json({ error: "may not refund" }, { status: 403 });
    return Response.json({ id: "ch_1", status: "succeeded", ...await request.json() });
  });
  try {
    const gateway = httpGateway({ url, token: "", timeoutMs: 1_000, firstWaitMs: 1 });
    const request = (n: number) => ({
      orderId: n,
      reference: `web-${n}`,
      amountCents: 1_000,
      currency: "EUR",
      idempotencyKey: `key-${n}`,
    });
    const requests = Array.from({ length: 20 }, (_, n) => ({ ...request(n), chargeRef: "ch_0" }));
    for (const { kind } of await gateway.refund(requests)) assert.equal(kind, "away");
    const [answer] = await gateway.charge([request(99)]);
    assert.equal(answer!.kind, "accepted");
    // What it refuses goes on resting meanwhile.
    const [again] = await gateway.refund([requests[0]!]);
    assert.match(again!.kind === "away" ? again!.error : "", /left alone for a while/);
  } finally {
    await server.shutdown();
  }
});

/** A charge, or a refund of one. */
const requestOf = (n: number, currency = "EUR") => ({
  orderId: n,
  reference: `web-${n}`,
  amountCents: 1_000,
  currency,
  idempotencyKey: `key-${n}`,
  chargeRef: `ch_${n}`,
});

type Requested = ReturnType<typeof requestOf>;

/** Serves a provider that knows of nothing and answers each request to move money as told. */
async function withAnswers(
  answer: (body: Record<string, unknown>) => Response,
  work: (gateway: ReturnType<typeof httpGateway>) => Promise<void>,
): Promise<void> {
  const { url, server } = listen(async (request) =>
    request.method === "GET" ? Response.json({}, { status: 404 }) : answer(await request.json())
  );
  try {
    await work(httpGateway({ url, token: "", timeoutMs: 1_000, firstWaitMs: 1, restMs: 40 }));
  } finally {
    await server.shutdown();
  }
}

/**
 * Asks again and again, as waiting messages do, until each has an answer of its own or the time is over. Other orders go on
 * coming meanwhile, one each time: what is refused in words that are meant for everybody is known to be refused for itself
 * only by others that succeed behind it.
 */
async function askAll<A extends { kind: string }>(
  ask: (requests: Requested[]) => Promise<A[]>,
  requests: readonly Requested[],
  forMs = 10_000,
): Promise<Map<Requested, A>> {
  const answers = new Map<Requested, A>();
  let others = 1_000;
  const another = () => requestOf(others++);
  for (const end = performance.now() + forMs; performance.now() < end;) {
    const waiting = requests.filter((request) => !answers.has(request));
    if (waiting.length === 0) break;
    const said = await ask([...waiting, another()]);
    for (const [n, request] of waiting.entries()) {
      if (said[n]!.kind !== "away") answers.set(request, said[n]!);
    }
    await new Promise((resolve) => setTimeout(resolve, 5));
  }
  return answers;
}

for (const status of [403, 404]) {
  const denied = (currency: unknown) =>
    currency === "USD" ? Response.json({ error: "currency not enabled" }, { status }) : undefined;

  Deno.test(`charges that are answered ${status} keep no others from being made, and are declined`, () =>
    withAnswers(
      (body) =>
        denied(body.currency) ??
          Response.json({ id: `ch_${body.reference}`, status: "succeeded", ...body }),
      async (gateway) => {
        const bad = Array.from({ length: 20 }, (_, n) => requestOf(n, "USD"));
        await gateway.charge(bad);
        const good = Array.from({ length: 5 }, (_, n) => requestOf(100 + n));
        const answers = await askAll(gateway.charge, [...bad, ...good]);
        const outcomes = [...bad, ...good].map((request) => {
          const answer = answers.get(request);
          const message = answer?.kind === "accepted" ? answer.callback?.message : undefined;
          return message?.type === "payment.callback" ? message.outcome : answer?.kind;
        });
        assert.deepEqual(outcomes, [
          ...bad.map(() => "declined"),
          ...good.map(() => "succeeded"),
        ]);
      },
    ));

  Deno.test(`refunds that are answered ${status} keep no others from being made, and are refused`, () =>
    withAnswers(
      (body) => denied(body.currency) ?? Response.json({ id: "re_1", status: "succeeded" }),
      async (gateway) => {
        const bad = Array.from({ length: 20 }, (_, n) => requestOf(n, "USD"));
        await gateway.refund(bad);
        const good = Array.from({ length: 5 }, (_, n) => requestOf(100 + n));
        const answers = await askAll(gateway.refund, [...bad, ...good]);
        const reason = `${status} currency not enabled`;
        for (const request of bad) {
          assert.deepEqual(answers.get(request), { kind: "refused", reason });
        }
        for (const request of good) assert.deepEqual(answers.get(request), { kind: "refunded" });
      },
    ));
}

Deno.test("what was refused while everybody was is found to be good, although others stay refused", async () => {
  let all = true;
  await withAnswers(
    (body) =>
      all || body.currency === "USD"
        ? Response.json({}, { status: 403 })
        : Response.json({ id: `ch_${body.reference}`, status: "succeeded", ...body }),
    async (gateway) => {
      const requests = [
        ...Array.from({ length: 12 }, (_, n) => requestOf(n, "USD")),
        requestOf(100),
      ];
      assert.equal((await askAll(gateway.charge, requests, 500)).size, 0, "nobody is declined");
      all = false;
      assert.equal((await askAll(gateway.charge, requests)).size, requests.length);
    },
  );
});

Deno.test("a token that is not known any more declines nothing, whatever succeeded before", async () => {
  let status = 403;
  await withAnswers(
    (body) =>
      body.currency === "USD" || status === 401
        ? Response.json({}, { status })
        : Response.json({ id: `ch_${body.reference}`, status: "succeeded", ...body }),
    async (gateway) => {
      await gateway.charge([requestOf(1, "USD")]);
      await gateway.charge([requestOf(2)]);
      status = 401;
      const [refused] = await gateway.charge([requestOf(1, "USD")]);
      assert.equal(refused!.kind, "away");
      status = 403;
      const [declined] = await gateway.charge([requestOf(1, "USD")]);
      assert.equal(declined!.kind, "accepted");
    },
  );
});

Deno.test("a clock that is set back makes no rest longer", async () => {
  const now = Date.now;
  let isAway = true;
  const { url, server } = listen(async (request) =>
    isAway
      ? Response.json({}, { status: 500 })
      : Response.json({ id: "ch_1", status: "succeeded", ...await request.json() })
  );
  try {
    const gateway = httpGateway({ url, token: "", timeoutMs: 1_000, firstWaitMs: 1, restMs: 40 });
    const [, answer] = await gateway.charge([requestOf(1), requestOf(2)]);
    assert.equal(answer!.kind, "away");
    Date.now = () => now() - 3_600_000;
    isAway = false;
    assert.equal((await askAll(gateway.charge, [requestOf(3)], 2_000)).size, 1);
  } finally {
    Date.now = now;
    await server.shutdown();
  }
});

/** Serves a provider that answers each request when and as told, and asks it for charges with the numbers 0, 1 and on. */
async function withAnswersOf(
  answer: (n: number) => Response | Promise<Response>,
  work: (charge: (numbers: number[]) => Promise<string[]>) => Promise<void>,
): Promise<void> {
  const { url, server } = listen(async (request) => {
    const n = request.method === "GET"
      ? Number(new URL(request.url).pathname.split("-").at(-1))
      : (await request.json()).order_id;
    const said = await answer(n);
    return request.method === "GET" && said.ok ? Response.json({}, { status: 404 }) : said;
  });
  const gateway = httpGateway({ url, token: "", timeoutMs: 60_000, firstWaitMs: 1 });
  try {
    await work(async (numbers) => {
      const answers = await gateway.charge(numbers.map((n) => requestOf(n)));
      return answers.map(({ kind }) => kind);
    });
  } finally {
    await server.shutdown();
  }
}

const upTo = (count: number) => Array.from({ length: count }, (_, n) => n);
const succeeded = (n: number) =>
  Response.json({ id: `ch_${n}`, status: "succeeded", amount_cents: 1_000, currency: "EUR" });

/** Request 0 fails three times before any other is answered; those below `broken` are, and the rest fail. */
function firstFailing(broken: number): (n: number) => Promise<Response> {
  let failures = 0;
  const failed = Promise.withResolvers<void>();
  const failure = () => new Response(null, { status: 500 });
  return async (n) => {
    if (n === 0) {
      if (++failures === 3) failed.resolve();
      return failure();
    }
    await failed.promise;
    return n < broken ? succeeded(n) : failure();
  };
}

Deno.test("what fails first while a provider breaks down is not to blame, though late answers come in between", () =>
  withAnswersOf(firstFailing(3), async (charge) => {
    const kinds = await charge(upTo(16));
    assert.deepEqual(kinds, ["away", "accepted", "accepted", ...upTo(13).map(() => "away")]);
  }));

Deno.test("what fails while others are answered is to blame, though the provider breaks down later", () =>
  withAnswersOf(firstFailing(20), async (charge) => {
    const [first, ...kinds] = await charge(upTo(60));
    assert.equal(first, "failed");
    assert.deepEqual(kinds.slice(0, 19), upTo(19).map(() => "accepted"));
    assert.deepEqual(kinds.slice(-20), upTo(20).map(() => "away"));
  }));
