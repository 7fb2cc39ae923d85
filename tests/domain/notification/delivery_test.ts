import assert from "node:assert/strict";
import {
  decideNextTry,
  deliveryWaitsMs,
  maxWaitMs,
} from "../../../domain/notification/delivery.ts";
import { isMailAddress, parseSender } from "../../../domain/notification/mail_address.ts";

const failed = (failures: number, rest = {}) => ({
  failures,
  permanent: false,
  retryAfterMs: null,
  ...rest,
});

Deno.test("decideNextTry() waits longer after every failure, about a day in all, and then gives up", () => {
  const waits = deliveryWaitsMs.map((_, index) => decideNextTry(failed(index + 1), 0.5)!);
  assert.deepEqual(waits, deliveryWaitsMs);
  assert.deepEqual(waits, waits.toSorted((a, b) => a - b));
  const hours = waits.reduce((sum, ms) => sum + ms, 0) / 3_600_000;
  assert.ok(hours > 22 && hours < 26, `${hours} h`);
  assert.equal(decideNextTry(failed(deliveryWaitsMs.length + 1), 0.5), null);
});

Deno.test("decideNextTry() spreads waits by a fifth, obeys Retry-After within bounds, and no lost cause", () => {
  assert.equal(decideNextTry(failed(1), 0), 4_000);
  assert.equal(decideNextTry(failed(1), 1), 6_000);
  assert.equal(decideNextTry(failed(1, { retryAfterMs: 90_000 }), 0.5), 90_000);
  assert.equal(decideNextTry(failed(1, { retryAfterMs: 1 }), 0.5), 5_000);
  assert.equal(decideNextTry(failed(1, { retryAfterMs: 1e12 }), 0.5), maxWaitMs);
  assert.equal(decideNextTry(failed(1, { permanent: true }), 0.5), null);
});

Deno.test("isMailAddress() takes what a mail server may know and nothing with a meaning of its own", () => {
  for (const good of ["a@b", "ann@example.com", "ann.o'neil+tea@müller.example", "ü@ü.example"]) {
    assert.ok(isMailAddress(good), good);
  }
  const bad = [
    "",
    "a",
    "@b",
    "a@",
    "a@b@c",
    "a b@c",
    "a@b,c@d",
    "<a@b>",
    "a@b\r\nRCPT",
    "a@b\u0000",
  ];
  for (const text of [...bad, `${"a".repeat(65)}@b`, `a@${"b".repeat(260)}`, "\ud800@b"]) {
    assert.ok(!isMailAddress(text), text);
  }
});

Deno.test("parseSender() takes a name with an address, or the address alone", () => {
  assert.deepEqual(parseSender("a@b.c"), { name: "", address: "a@b.c" });
  assert.deepEqual(parseSender(" Tea & Co <a@b.c> "), { name: "Tea & Co", address: "a@b.c" });
  assert.deepEqual(parseSender('"Tea, Co" <a@b.c>'), { name: "Tea, Co", address: "a@b.c" });
  for (const bad of ["", "Tea", "Tea <>", "a@b.c, d@e.f", "x <a@b> <c@d>", "x\r\nBcc: <a@b.c>"]) {
    assert.equal(parseSender(bad), null, bad);
  }
});
