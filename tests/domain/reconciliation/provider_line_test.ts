import assert from "node:assert/strict";
import { native } from "../../../domain/reconciliation/shipped/native.ts";
import { customerSideOf, lineKinds } from "../../../domain/reconciliation/provider_line.ts";

const line = {
  kind: "charge",
  amountCents: 1_000,
  currency: "EUR",
  grossCents: 1_100,
  settledCurrency: "USD",
} as const;

Deno.test("customerSideOf() signs what the customer paid as the balance changed, and knows nothing of what is not converted", () => {
  const centsOf = (change: Partial<Record<keyof typeof line, unknown>>) =>
    customerSideOf({ ...line, ...change } as typeof line)?.cents ?? null;
  assert.deepEqual(customerSideOf(line), { cents: 1_000, currency: "EUR" });
  assert.equal(centsOf({ kind: "refund", grossCents: -1_100 }), -1_000);
  assert.equal(centsOf({ kind: "chargeback", grossCents: 1_100 }), 1_000);
  // One yen is no cent.
  assert.equal(centsOf({ grossCents: 0 }), 1_000);
  assert.equal(centsOf({ kind: "refund", grossCents: 0 }), -1_000);
  assert.ok(Object.is(centsOf({ kind: "refund", grossCents: -1, amountCents: 0 }), 0));
  assert.equal(centsOf({ settledCurrency: "EUR" }), null);
  assert.deepEqual(
    lineKinds.filter((kind) => centsOf({ kind }) !== null),
    ["charge", "refund", "chargeback", "correction"],
  );
});

Deno.test("the native form has every category by its own name", () => {
  const { other: _, ...words } = Object.fromEntries(lineKinds.map((kind) => [kind, kind]));
  const own = Object.entries(native.categories).flatMap(([kind, said]) =>
    said.includes(kind) || kind === "correction" ? [kind] : []
  );
  assert.deepEqual(own.sort(), Object.keys(words).sort());
});
