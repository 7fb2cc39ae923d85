import assert from "node:assert/strict";
import { keepStrangersOut } from "../../commands/app.ts";

const answer = () => new Response("answered");
const token = { name: "shop", hash: "", scopes: ["read"] } as never;
const closed = { apiTokens: [], allowAnonymous: false, isPrivate: false };

async function asked(
  settings: Parameters<typeof keepStrangersOut>[0],
  remoteAddr?: { hostname?: string },
): Promise<Response> {
  return await keepStrangersOut(settings, answer)(new Request("http://localhost/orders"), {
    remoteAddr,
  });
}

const near = ["127.0.0.1", "::1", "::ffff:127.0.0.1"];
const strangers = [undefined, {}, { hostname: "10.0.0.7" }, { hostname: "::ffff:10.0.0.7" }];

Deno.test("keepStrangersOut() answers this machine alone, and nobody of whom a server does not say where they are", async () => {
  for (const hostname of near) {
    assert.equal((await asked(closed, { hostname })).status, 200, hostname);
  }
  for (const facts of strangers) {
    assert.equal((await asked(closed, facts)).status, 403, JSON.stringify(facts));
    assert.equal((await asked({ ...closed, allowAnonymous: true }, facts)).status, 200);
    assert.equal((await asked({ ...closed, apiTokens: [token] }, facts)).status, 200);
  }
});

Deno.test("keepStrangersOut() keeps private engines to this machine, whatever tokens there are", async () => {
  const open = { apiTokens: [token], allowAnonymous: true, isPrivate: true };
  for (const hostname of near) {
    assert.equal((await asked(open, { hostname })).status, 200, hostname);
  }
  for (const facts of strangers) {
    const refused = await asked(open, facts);
    assert.equal(refused.status, 403, JSON.stringify(facts));
    assert.match(
      (await refused.json()).detail,
      /^Private engines .* DATABASE_URL and REDIS_URL set$/,
    );
  }
});
