import assert from "node:assert/strict";
import fc from "fast-check";
import { openSecret, sealSecret } from "../../../domain/webhook/sealed_secret.ts";

const nonce = fc.uint8Array({ minLength: 12, maxLength: 12 });

Deno.test("openSecret() opens what sealSecret() has sealed by the same key, and nothing else", () => {
  fc.assert(
    fc.property(
      fc.string({ minLength: 1 }),
      fc.string({ minLength: 1 }),
      nonce,
      (secret, key, nonce) => {
        const sealed = sealSecret(`whsec_${secret}`, key, nonce);
        assert.match(sealed, /^sealed1:/);
        assert.equal(openSecret(sealed, key), `whsec_${secret.toWellFormed()}`);
        assert.equal(openSecret(sealed, `${key}x`), undefined);
        assert.equal(openSecret(sealed, ""), undefined);
        const bytes = Uint8Array.fromBase64(sealed.slice(8));
        bytes[bytes.length - 1]! ^= 1;
        assert.equal(openSecret(`sealed1:${bytes.toBase64()}`, key), undefined);
      },
    ),
  );
});

Deno.test("without a key a secret is kept as it is", () => {
  assert.equal(sealSecret("whsec_a", "", new Uint8Array(12)), "whsec_a");
  assert.equal(openSecret("whsec_a", ""), "whsec_a");
  assert.equal(openSecret("whsec_a", "key"), "whsec_a");
});

Deno.test("a sealed secret fits its column", () => {
  const secret = `whsec_${"a".repeat(44)}`;
  assert.ok(sealSecret(secret, "k", new Uint8Array(12)).length <= 255);
});
