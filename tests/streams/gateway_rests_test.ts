import assert from "node:assert/strict";
import { httpGateway } from "../../streams/http_gateway.ts";
import { listen } from "../provider.ts";

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
    for (const { kind } of await gateway.giveBack(requests)) assert.equal(kind, "away");
    const [answer] = await gateway.charge([request(99)]);
    assert.equal(answer!.kind, "accepted");
    // What it refuses goes on resting meanwhile.
    const [again] = await gateway.giveBack([requests[0]!]);
    assert.match(again!.kind === "away" ? again!.error : "", /left alone for a while/);
  } finally {
    await server.shutdown();
  }
});
