import assert from "node:assert/strict";
import fc from "fast-check";
import {
  contradicts,
  isOfParcel,
  outcomeBetween,
  outcomeIn,
  saysNothing,
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
    ["Rückzahlung", "refund"],
    ["Rueckzahlungsbetrag", "refund"],
    ["Teilrückzahlung", "refund"],
    ["Terugbetaling", "refund"],
    ["Devolución", "refund"],
    ["Zwrot", "refund"],
    ["Återbetalning", "refund"],
    ["Avoir", "refund"],
    ["Nota di credito", "refund"],
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

Deno.test("outcomeIn() knows words that say that money moved, whatever their column is called", () => {
  const cases: [string, ReturnType<typeof outcomeIn>][] = [
    ...["paid", "Paid", "BEZAHLT", "payé", "入金済み", "ÖDENDİ"].map((word) =>
      [word, "paid"] as [string, "paid"]
    ),
    ...["unpaid", "Nicht bezahlt", "未払い"].map((word) => [word, "unpaid"] as [string, "unpaid"]),
    ...["REFUNDED", "storniert", "Annulée", "キャンセル", "İptal edildi", "Anulowane"].map((word) =>
      [word, "over"] as [string, "over"]
    ),
    ...["", "p", "open", "paid by card", "Paidstone", "12.50"].map((word) =>
      [word, undefined] as [string, undefined]
    ),
  ];
  for (const [value, outcome] of cases) assert.equal(outcomeIn(value), outcome, value);
  assert.ok(isOfParcel("Fulfillment Status"));
  assert.ok(isOfParcel("Lieferung"));
  assert.ok(!isOfParcel("transactions"));
});

Deno.test("outcomeBetween() says of a part of a text what outcomeIn() says of it, blanks at its edges left out", () => {
  const words = [
    "paid",
    "PAID",
    "bezahlt",
    "Payé",
    "refunded",
    "storniert",
    "оплачен",
    "İPTAL EDİLDİ",
  ];
  const blanks = fc.constantFrom("", " ", "  ", "\t", "\u00a0");
  const value = fc.oneof(
    fc.constantFrom(...words),
    fc.string({ unit: fc.constantFrom(..."paidrefunvoé sPAID\u00a0".split("")), maxLength: 40 }),
  );
  let some = 0;
  fc.assert(
    fc.property(
      fc.string(),
      blanks,
      value,
      blanks,
      fc.string(),
      (before, left, one, right, after) => {
        const text = `${before}${left}${one}${right}${after}`;
        const end = text.length - after.length;
        const said = outcomeIn(`${left}${one}${right}`.trim());
        if (said !== undefined) some++;
        assert.equal(outcomeBetween(text, before.length, end), said, JSON.stringify(text));
      },
    ),
    { numRuns: 3_000 },
  );
  assert.ok(some > 500, `${some} said something`);
});

Deno.test("contradicts() passes over what an order's status says anyway", () => {
  assert.equal(contradicts("paid", "paid"), false);
  assert.equal(contradicts("unpaid", "charge"), false);
  assert.equal(contradicts(undefined, undefined), false);
  for (
    const [said, settled] of [
      ...[["paid", "charge"], ["paid", undefined], ["unpaid", "paid"], ["over", "paid"]],
      ...[["over", "charge"], ["over", undefined], ["unpaid", undefined]],
    ] as Parameters<typeof contradicts>[]
  ) assert.equal(contradicts(said, settled), true, `${said} ${settled}`);
});

Deno.test("suspicionOf() finds what orders may cost or be paid by besides, in six languages", () => {
  const names: Record<string, string[]> = {
    fee: [
      ...[
        "cod_fee",
        "Surcharge",
        "Payment Method Fee",
        "service_fee",
        "Service charges",
        "handling",
      ],
      ...["Nachnahmegebühr", "Zahlungsgebühr", "Aufschlag", "Expresszuschlag", "COD", "gift_wrap"],
      ...["Frais de paiement", "Supplément", "Recargo", "Contrassegno", "Sovrapprezzo"],
      ...["Toeslag", "Rembourskosten", "Opłata za pobraniem", "Dopłata", "代引手数料", "insurance"],
    ],
    credit: [
      ...[
        "Gift Card Amount",
        "gift_cards",
        "giftcard",
        "Store credit",
        "points_redeemed",
        "Points",
      ],
      ...["Gutschein", "Geschenkkarte", "Guthaben", "Punkte", "Treuepunkte", "Carte cadeau"],
      ...["Chèque cadeau", "Tarjeta regalo", "Puntos", "Carta regalo", "Buono regalo", "Punti"],
      ...["Cadeaubon", "Cadeaukaart", "Tegoed", "Spaarpunten", "Karta podarunkowa", "Punkty"],
    ],
    rounding: [
      ...["Rounding", "cash_rounding", "Rundung", "Rundungsdifferenz", "Arrondi", "Redondeo"],
      ...["Arrotondamento", "Afronding", "Zaokrąglenie", "Round off"],
    ],
    deposit: [
      ...["Deposit", "bottle_deposit", "Pfand", "Anzahlung", "Acompte", "Consigne", "Depósito"],
      ...["Anticipo", "Acconto", "Cauzione", "Statiegeld", "Aanbetaling", "Kaucja", "Zaliczka"],
    ],
    duty: [
      ...["duty", "Import duties", "customs", "Zollgebühren", "Zoll", "Droits de douane", "Aduana"],
      ...["Dazi doganali", "Invoerrechten", "Cło", "関税"],
    ],
    tip: ["Tip", "Trinkgeld", "Pourboire", "Propina", "Mancia", "Fooi", "Napiwek"],
    shipping: [
      "Delivery cost",
      "delivery_charge",
      "Shipping And Handling",
      "Lieferkosten",
      "Porto",
    ],
    refund: ["Montant remboursé"],
  };
  for (const [kind, some] of Object.entries(names)) {
    for (const name of some) assert.equal(suspicionOf(name), kind, name);
  }
  for (
    const name of [
      ...[
        "Gift card code",
        "gift_message",
        "Credit card type",
        "Zolltarifnummer",
        "points of sale id",
      ],
      ...["Service", "Delivery date", "Handling notes", "Cod. postal", "Tip number", "fee_type"],
      ...["Deposit date", "pickup point", "Background", "coffee", "custom field", "Zollstock"],
    ]
  ) assert.equal(suspicionOf(name), undefined, name);
});
