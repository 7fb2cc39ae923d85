import assert from "node:assert/strict";
import { keepStrangersOut } from "../../commands/app.ts";

const answer = () => new Response("answered");

async function statusOf(
  settings: { apiTokens: []; allowAnonymous: boolean },
  remoteAddr?: { hostname?: string },
): Promise<number> {
  const guarded = keepStrangersOut(settings, answer);
  return (await guarded(new Request("http://localhost/orders"), { remoteAddr })).status;
}

Deno.test("keepStrangersOut() answers this machine alone, and nobody of whom a server does not say where they are", async () => {
  const closed = { apiTokens: [], allowAnonymous: false } as {
    apiTokens: [];
    allowAnonymous: boolean;
  };
  for (const hostname of ["127.0.0.1", "::1", "::ffff:127.0.0.1"]) {
    assert.equal(await statusOf(closed, { hostname }), 200, hostname);
  }
  for (const facts of [undefined, {}, { hostname: "10.0.0.7" }, { hostname: "::ffff:10.0.0.7" }]) {
    assert.equal(await statusOf(closed, facts), 403, JSON.stringify(facts));
    assert.equal(await statusOf({ ...closed, allowAnonymous: true }, facts), 200);
  }
});
