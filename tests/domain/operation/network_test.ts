import assert from "node:assert/strict";
import { clientAddress, parseNetwork } from "../../../domain/operation/network.ts";

const networks = (...texts: string[]) => texts.map((text) => parseNetwork(text)!);

Deno.test("parseNetwork() takes addresses and networks, and nothing else", () => {
  for (
    const text of ["10.0.0.1", "10.0.0.0/8", "0.0.0.0/0", "::1", "fd00::/8", "::ffff:10.0.0.1"]
  ) {
    assert.notEqual(parseNetwork(text), undefined, text);
  }
  for (
    const text of [
      "",
      "10.0.0",
      "10.0.0.256",
      "10.0.0.1/33",
      "::1/129",
      "a.example",
      "1/2/3",
      "::g",
      "10.0.0.1/",
      "fe80::1%eth0",
    ]
  ) assert.equal(parseNetwork(text), undefined, text);
});

Deno.test("clientAddress() goes on from trusted proxies only, and no further than they know", () => {
  const trusted = networks("127.0.0.1", "10.0.0.0/8", "fd00::/8");
  const cases: [peer: string, header: string, client: string][] = [
    ["192.0.2.7", "", "192.0.2.7"],
    ["192.0.2.7", "203.0.113.9", "192.0.2.7"],
    ["127.0.0.1", "", "127.0.0.1"],
    ["127.0.0.1", "203.0.113.9", "203.0.113.9"],
    ["127.0.0.1", "6.6.6.6, 203.0.113.9", "203.0.113.9"],
    ["127.0.0.1", "6.6.6.6,203.0.113.9 , 10.1.2.3", "203.0.113.9"],
    ["127.0.0.1", "10.9.9.9, 10.1.2.3", "10.9.9.9"],
    ["127.0.0.1", "203.0.113.9, rubbish", "127.0.0.1"],
    ["127.0.0.1", "203.0.113.9,", "127.0.0.1"],
    ["127.0.0.1", "a:b@host#", "127.0.0.1"],
    ["127.0.0.1", "x:y@host?", "127.0.0.1"],
    ["127.0.0.1", "::1]@[::2", "127.0.0.1"],
    ["127.0.0.1", "2001:db8::1]:4711/", "127.0.0.1"],
    ["127.0.0.1", "203.0.113.9:4711", "203.0.113.9"],
    ["::ffff:127.0.0.1", "[2001:DB8::1]:4711", "2001:db8::1"],
    ["fd12::3", "2001:db8:0:0:0:0:0:9", "2001:db8::9"],
    ["unix", "203.0.113.9", "unix"],
  ];
  for (const [peer, header, client] of cases) {
    assert.equal(clientAddress(peer, header, trusted), client, `${peer} ${header}`);
  }
  assert.equal(clientAddress("127.0.0.1", "203.0.113.9", []), "127.0.0.1");
  const times = [1, 2, 3].map(() => {
    const startedAt = performance.now();
    clientAddress("127.0.0.1", "10.0.0.1,".repeat(7_000) + "10.0.0.1", trusted);
    return performance.now() - startedAt;
  });
  // The least of them: other programs share the machine.
  assert.ok(Math.min(...times) < 250, `${times} ms`);
});
