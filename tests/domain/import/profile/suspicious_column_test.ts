import assert from "node:assert/strict";
import {
  isOfParcel,
  saysNothing,
  saysWhatBecame,
  suspicionOf,
} from "../../../../domain/import/profile/suspicious_column.ts";

Deno.test("suspicionOf() finds what a column's name says about money, and leaves addresses alone", () => {
  const cases: [string, ReturnType<typeof suspicionOf>][] = [
    ["financial_status", "status"],
    ["Order State", "status"],
    ["cancelled_at", "status"],
    ["Cancelled Date", "status"],
    ["refunded_amount", "refund"],
    ["Grand Total", "total"],
    ["VAT Paid by Buyer", "tax"],
    ["shipping-cost", "shipping"],
    ["Discount Amount", "discount"],
    ["Fulfillment Status", undefined],
    ["ship-state", undefined],
    ["Billing State", undefined],
    ["Shipping Address", undefined],
    ["Shipping Method", undefined],
    ["Discount Code", undefined],
    ["reason", undefined],
    ["orderStatus", "status"],
    ["PaymentState", "status"],
    ["Zahlungsstatus", "status"],
    ["Bestellstatus", "status"],
    ["Statut de la commande", "status"],
    ["État", "status"],
    ["Estado", "status"],
    ["Stato", "status"],
    ["Zustand", "status"],
    ["Annulé le", "status"],
    ["状態", "status"],
    ["ステータス", "status"],
    ["キャンセル日", "status"],
    ["is_paid", "status"],
    ["Bezahlt", "status"],
    ["Montant remboursé", "refund"],
    ["Rückerstattung", "refund"],
    ["返金額", "refund"],
    ["Lieferstatus", undefined],
    ["Versandstatus", undefined],
    ["shippingStatus", undefined],
    ["Payment Method", undefined],
    ["paid_date", undefined],
    ["prepaid card", undefined],
    ["Statistics", undefined],
    ["Bundesland", undefined],
    ["financialStatus", "status"],
    ["isCancelled", "status"],
    ["Statut", "status"],
    ["Paid", "status"],
    ["total_paid", "total"],
    ["refundedAmount", "refund"],
    ["Ru\u0308ckerstattung", "refund"],
    ["Wysyłka", "shipping"],
    ["Razem", "total"],
    ["送料", "shipping"],
    ["合計金額", "total"],
    ["IVA", "tax"],
    ["private", undefined],
  ];
  for (const [name, suspicion] of cases) assert.equal(suspicionOf(name), suspicion, name);
});

Deno.test("saysNothing() tells amounts of nothing from words and amounts", () => {
  for (const value of ["", " ", "0", "0.00", "$0.00", "0,00 €", "no", "False"]) {
    assert.ok(saysNothing(value), value);
  }
  for (const value of ["paid", "3000", "0.01", "2026-01-05", "yes"]) {
    assert.ok(!saysNothing(value), value);
  }
});

Deno.test("saysWhatBecame() knows words that say that money moved, whatever their column is called", () => {
  for (const value of ["paid", "Paid", "REFUNDED", "storniert", "Annulée", "キャンセル"]) {
    assert.ok(saysWhatBecame(value), value);
  }
  for (const value of ["", "open", "paid by card", "Paidstone", "12.50"]) {
    assert.ok(!saysWhatBecame(value), value);
  }
  assert.ok(isOfParcel("Fulfillment Status"));
  assert.ok(isOfParcel("Lieferung"));
  assert.ok(!isOfParcel("transactions"));
});
