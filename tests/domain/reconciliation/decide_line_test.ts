import assert from "node:assert/strict";
import { decideLine, type LineFacts } from "../../../domain/reconciliation/decide_line.ts";
import type { ProviderLine } from "../../../domain/reconciliation/provider_line.ts";

const line: ProviderLine = {
  kind: "charge",
  line: 2,
  entry: "txn_1",
  chargeRefs: ["ch_1"],
  refundRef: null,
  key: null,
  reference: null,
  amountCents: 1_000,
  currency: "EUR",
  grossCents: 1_000,
  feeCents: 40,
  netCents: 960,
  settledCurrency: "EUR",
  at: "2026-01-05 10:00:00.000",
};

const told = {
  kind: "charge" as const,
  entry: "aa",
  grossCents: 1_000,
  feeCents: 40,
  netCents: 960,
  currency: "EUR",
  customer: null,
};

const money = {
  id: 1,
  orderId: 1,
  amountCents: 1_000,
  currency: "EUR",
  at: "2026-01-05 09:00:00",
  moved: true,
  movement: null,
};

const nothing: LineFacts = {
  ours: null,
  orderId: null,
  isOurs: true,
  isPaidOtherwise: false,
  unattributed: null,
};

const rules = { lateSeconds: 86_400 };

/** What becomes of a line: `differs late`, `known`. */
function decide(
  change: Partial<ProviderLine>,
  facts: Partial<LineFacts>,
  entry: string | null = "aa",
): string {
  const decision = decideLine({ ...line, ...change }, entry, { ...nothing, ...facts }, rules);
  return "because" in decision ? `${decision.kind} ${decision.because}` : decision.kind;
}

Deno.test("decideLine() says what differs from money of ours, the currency before the amount", () => {
  const facts = { ours: money };
  assert.equal(decide({}, facts), "agrees");
  assert.equal(decide({ currency: "USD", amountCents: 1 }, facts), "differs currency_differs");
  assert.equal(decide({ amountCents: 999, netCents: 0 }, facts), "differs amount_differs");
  assert.equal(decide({ netCents: 961 }, facts), "differs fee_differs");
  assert.equal(decide({ netCents: null }, facts), "agrees");
  assert.equal(decide({ at: "2026-01-06 09:00:00.000" }, facts), "agrees");
  assert.equal(decide({ at: "2026-01-06 09:00:00.001" }, facts), "differs late");
  assert.equal(decide({ at: "2026-01-04 08:59:59.999" }, facts), "differs late");
  assert.equal(
    decide({ at: "2030-01-01 00:00:00.000" }, { ours: { ...money, at: null } }),
    "agrees",
  );
});

Deno.test("decideLine() takes a charge that was declined here for money that is missing with us", () => {
  const ours = { ...money, moved: false };
  assert.equal(decide({}, { ours }), "unattributed missing_with_us");
  assert.equal(decide({}, { ours, isPaidOtherwise: true }), "unattributed twice");
});

Deno.test("decideLine() knows a line that was told before, and says what it tells otherwise", () => {
  for (const facts of [{ ours: { ...money, movement: told } }, { unattributed: told }]) {
    assert.equal(decide({}, facts), "known");
    assert.equal(decide({ grossCents: 999 }, facts), "changed amount_differs");
    assert.equal(decide({ feeCents: 41 }, facts), "changed fee_differs");
    assert.equal(decide({ settledCurrency: "USD" }, facts), "changed currency_differs");
    assert.equal(decide({ netCents: 961 }, facts), "changed fee_differs");
    assert.equal(decide({ netCents: null }, facts), "known");
    assert.equal(decide({}, facts, "bb"), "unattributed twice");
    // The provider's list names no lines, and tells no net.
    assert.equal(decide({ grossCents: 999, netCents: null }, facts, null), "known");
  }
  const unsound = { ...money, movement: { ...told, netCents: 961 } };
  assert.equal(decide({}, { ours: unsound }), "corrects");
  assert.equal(decide({ netCents: 961 }, { ours: unsound }), "known");
  assert.equal(decide({ netCents: 962 }, { ours: unsound }), "changed fee_differs");
  const listed = { ...told, entry: null };
  const ours = { ...money, movement: listed };
  assert.equal(decide({}, { ours }), "adopt");
  assert.equal(decide({ amountCents: 999 }, { ours }), "adopt amount_differs");
  assert.equal(decide({ amountCents: 999 }, { ours }, null), "changed amount_differs");
  assert.equal(decide({}, { unattributed: listed }), "adopt");
});

Deno.test("decideLine() compares what the customer paid of what was converted, and takes it where nobody has said it", () => {
  const converted = { settledCurrency: "USD", grossCents: 1_100, feeCents: 40, netCents: 1_060 };
  const before = {
    ...told,
    ...converted,
    currency: "USD",
    customer: { cents: 1_000, currency: "EUR" },
  };
  for (
    const factsOf of [
      (movement: typeof before) => ({ ours: { ...money, movement } }),
      (unattributed: typeof before) => ({ unattributed }),
    ]
  ) {
    const facts = factsOf(before);
    assert.equal(decide(converted, facts), "known");
    assert.equal(decide({ ...converted, amountCents: 999 }, facts), "changed amount_differs");
    assert.equal(decide({ ...converted, currency: "GBP" }, facts), "changed currency_differs");
    assert.equal(decide({ ...converted, netCents: 1_061 }, facts), "changed fee_differs");
    // A report without what the customer paid says nothing else of it.
    assert.equal(decide({ ...converted, currency: "USD", amountCents: 1_100 }, facts), "known");
    const unsaid = factsOf({ ...before, customer: null as never });
    assert.equal(decide(converted, unsaid), "corrects");
    assert.equal(decide({ ...converted, feeCents: 41 }, unsaid), "changed fee_differs");
    assert.equal(decide({ ...converted, grossCents: 1_101 }, unsaid), "changed amount_differs");
  }
  assert.equal(decide(converted, { ours: money }), "agrees");
});

Deno.test("decideLine() says what is of nothing of ours by what moved", () => {
  assert.equal(decide({}, {}), "unattributed missing_with_us");
  assert.equal(decide({}, { isPaidOtherwise: true }), "unattributed twice");
  assert.equal(decide({ kind: "refund" }, {}), "unattributed refund_without_refund");
  assert.equal(decide({ kind: "chargeback" }, {}), "unattributed chargeback_without_record");
  assert.equal(decide({ kind: "correction" }, {}), "unattributed corrected");
  assert.equal(
    decide({ kind: "correction" }, { isOurs: false }),
    "unattributed other_installation",
  );
});

Deno.test("decideLine() keeps what is of no order by what it is, and names what nobody knows the meaning of", () => {
  for (const kind of ["fee", "payout", "reserve", "adjustment"] as const) {
    const same = { unattributed: { ...told, kind } };
    assert.equal(decide({ kind }, { isOurs: false }), "no_order");
    assert.equal(decide({ kind }, same), "known");
    assert.equal(decide({ kind, grossCents: 2 }, same), "changed amount_differs");
    assert.equal(decide({ kind, feeCents: 2 }, same), "changed fee_differs");
    assert.equal(decide({ kind, settledCurrency: "USD" }, same), "changed currency_differs");
    assert.equal(decide({ kind, netCents: 961 }, {}), "no_order fee_differs");
    assert.equal(decide({ kind, netCents: 961 }, same), "changed fee_differs");
    const unsound = { unattributed: { ...told, kind, netCents: 961 } };
    assert.equal(decide({ kind }, unsound), "corrects");
    assert.equal(decide({ kind, netCents: 961 }, unsound), "known");
    assert.equal(decide({ kind, netCents: 962 }, unsound), "changed fee_differs");
    assert.equal(decide({ kind: "other" }, same), "changed category_differs");
  }
  assert.equal(decide({ kind: "other" }, { isOurs: false }), "unattributed category_unknown");
  assert.equal(
    decide({ kind: "other" }, { unattributed: { ...told, kind: "other" } }),
    "known",
  );
  // What moves nothing needs no meaning.
  const none = { grossCents: 0, feeCents: 0, netCents: 0 };
  assert.equal(decide({ kind: "other", ...none }, {}), "no_order");
  assert.equal(
    decide({ kind: "other", ...none, feeCents: 1 }, {}),
    "unattributed category_unknown",
  );
});
