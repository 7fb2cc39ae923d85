import assert from "node:assert/strict";
import {
  findToken,
  formatApiToken,
  isAllowed,
  maxTokens,
  parseApiTokens,
  type Scope,
  scopes,
  stillAllows,
  tokenHash,
} from "../../../domain/operation/api_token.ts";

const hashOf = (n: number) => tokenHash(`token ${n}`);

function faultsOf(text: string): string[] {
  const faults: string[] = [];
  parseApiTokens(text, (fault) => faults.push(fault));
  return faults;
}

Deno.test("parseApiTokens() reads what formatApiToken() writes, in any layout", () => {
  const tokens = [
    { name: "shop", hash: hashOf(1), scopes: ["read" as const, "orders" as const] },
    { name: "shop", hash: hashOf(2), scopes: ["read" as const] },
    { name: "Ops-2.eu_west", hash: hashOf(3), scopes: [...scopes] },
  ];
  const entries = tokens.map(formatApiToken);
  const fault = (detail: string) => assert.fail(detail);
  for (const text of [entries.join(","), ` ${entries.join(" ,\n ")} , `]) {
    assert.deepEqual(parseApiTokens(text, fault), tokens);
  }
  assert.deepEqual(parseApiTokens("", fault), []);
  const [upper] = parseApiTokens(`a:${hashOf(1).toUpperCase()}:read+read`, fault);
  assert.deepEqual(upper, { name: "a", hash: hashOf(1), scopes: ["read"] });
});

Deno.test("parseApiTokens() tells every fault by the entry's number and repeats nothing of it", () => {
  const faults = faultsOf([
    `ok:${hashOf(1)}:read`,
    "my-secret-token",
    `a b:${hashOf(2)}:read`,
    `secret:${hashOf(3).slice(1)}:secret`,
    `again:${hashOf(1)}:read`,
    `e:${hashOf(4)}:read:secret`,
    `f:${hashOf(5)}:`,
  ].join(","));
  assert.deepEqual(
    faults.map((fault) => fault.replace(/[: ](its )?(must|name|hash|scopes).*/, "")),
    [
      "entry 2",
      "entry 3:",
      "entry 4:",
      "entry 4:",
      "entry 5:",
      "entry 6",
      "entry 7",
    ],
  );
  assert.doesNotMatch(faults.join(), /secret|[0-9a-f]{60}/);
});

Deno.test("parseApiTokens() limits how many there are", () => {
  const many = (count: number) =>
    Array.from({ length: count }, (_, n) => `t${n}:${hashOf(n)}:read`).join();
  assert.deepEqual(faultsOf(many(maxTokens)), []);
  assert.equal(faultsOf(many(maxTokens + 1)).length, 1);
});

Deno.test("findToken() finds the entry of a token and no other", () => {
  const tokens = [1, 2, 3].map((n) => ({ name: `t${n}`, hash: hashOf(n), scopes: [] }));
  for (const token of tokens) assert.equal(findToken(tokens, token.hash), token);
  assert.equal(findToken(tokens, hashOf(4)), undefined);
  assert.equal(findToken([], hashOf(1)), undefined);
});

Deno.test("isAllowed() wants one of the scopes, or admin", () => {
  for (const held of scopes) {
    for (const needed of scopes) {
      assert.equal(isAllowed([held], [needed]), held === needed || held === "admin");
    }
  }
  assert.ok(isAllowed(["orders"], ["read", "orders"]));
  assert.ok(!isAllowed([], ["read"]));
});

Deno.test("stillAllows() is true while the token is there and has lost no scope", () => {
  const token = (...scopes: Scope[]) => ({ name: "shop", hash: tokenHash("one"), scopes });
  assert.ok(stillAllows(token("read", "orders"), ["read"]));
  assert.ok(stillAllows(token("admin"), ["read", "orders"]));
  assert.ok(!stillAllows(token("read"), ["read", "orders"]));
  assert.ok(!stillAllows(token("read"), ["admin"]));
  assert.ok(!stillAllows(undefined, []));
});
