import assert from "node:assert/strict";
import { isPublicAddress } from "../../../domain/operation/network.ts";
import { endpointUrlProblem } from "../../../domain/webhook/endpoint.ts";

const problem = (url: string, allowPrivate = false) => endpointUrlProblem(url, { allowPrivate });

Deno.test("endpointUrlProblem() takes HTTPS to the world, and with leave anything of HTTP", () => {
  for (
    const url of [
      "https://shop.example/hooks?a=1",
      "https://93.184.216.34/",
      "https://[2606:4700::1]/",
    ]
  ) {
    assert.equal(problem(url), undefined, url);
  }
  for (
    const url of ["http://127.0.0.1:8080/x", "http://hooks/", "https://localhost/", "http://[::1]/"]
  ) {
    assert.match(problem(url)!, /private|https/, url);
    assert.equal(problem(url, true), undefined, url);
  }
});

Deno.test("endpointUrlProblem() refuses what leads inside, however it is written", () => {
  const inside = [
    "https://127.0.0.1/",
    "https://127.1/",
    "https://2130706433/",
    "https://0x7f.0.0.1/",
    "https://0177.0.0.1/",
    "https://0/",
    "https://10.1.2.3/",
    "https://172.31.0.1/",
    "https://192.168.0.1/",
    "https://100.64.0.1/",
    "https://169.254.169.254/latest/meta-data",
    "https://[::1]/",
    "https://[::]/",
    "https://[::ffff:127.0.0.1]/",
    "https://[::ffff:a00:1]/",
    "https://[64:ff9b::7f00:1]/",
    "https://[2002:7f00:1::]/",
    "https://[fd00::1]/",
    "https://[fe80::1]/",
    "https://localhost/",
    "https://LOCALHOST./",
    "https://a.localhost/",
    "https://db.internal/",
    "https://printer.local/",
    "https://redis/",
  ];
  for (const url of inside) assert.match(problem(url) ?? "", /private network/, url);
});

Deno.test("endpointUrlProblem() refuses what is no address of webhooks at all", () => {
  for (
    const url of [
      "",
      "shop.example",
      "ftp://shop.example/",
      "javascript:alert(1)",
      "https://user:pass@shop.example/",
      "https://user@shop.example/",
      "https://shop.example/#part",
      `https://shop.example/${"x".repeat(1_024)}`,
    ]
  ) {
    assert.ok(problem(url) !== undefined, url);
    assert.ok(problem(url, true) !== undefined, url);
  }
});

Deno.test("isPublicAddress() knows addresses from names", () => {
  assert.equal(isPublicAddress("shop.example"), undefined);
  assert.equal(isPublicAddress("8.8.8.8"), true);
  assert.equal(isPublicAddress("224.0.0.1"), false);
  assert.equal(isPublicAddress("255.255.255.255"), false);
  assert.equal(isPublicAddress("2606:4700::1111"), true);
  assert.equal(isPublicAddress("ff02::1"), false);
});
