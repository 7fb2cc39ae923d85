/**
 * Columns that look as though they said something about an order's money.
 *
 * @module
 */

import { plainName } from "./column_plan.ts";

/**
 * What a column may be about. `credit` is what was paid otherwise: by gift cards, store credit or points.
 */
export type Suspicion =
  | "status"
  | "total"
  | "tax"
  | "shipping"
  | "discount"
  | "refund"
  | "credit"
  | "fee"
  | "tip"
  | "deposit"
  | "duty"
  | "rounding";

/** How the words of such a column's name begin, without accents; the first that fits counts. */
const beginnings: readonly (readonly [Suspicion, readonly string[]])[] = [
  // In Dutch it is cash on delivery, in French what was paid back.
  ["fee", ["rembourskosten", "rembourstoeslag"]],
  ["refund", [
    ...["refund", "chargeback", "erstatt", "gutschrift", "rembours", "reembols", "rimbors"],
    ...["ruckzahl", "rueckzahl", "teilruckzahl", "ruckbuch", "rueckbuch", "devoluc", "terugbet"],
    ...["terugboek", "zwrot", "aterbetal", "tilbagebetal", "tilbakebetal"],
  ]],
  ["status", ["cancel", "void", "storn", "annul", "anula"]],
  ["status", ["status", "state", "statut", "estado", "stato", "etat", "zustand", "estatus"]],
  ["discount", [
    "discount",
    "rebate",
    "promotion",
    "voucher",
    "rabat",
    "descuento",
    "desconto",
    "sconto",
    "korting",
    "rabais",
    "nachlass",
    "skonto",
    "znizk",
  ]],
  ["tax", ["tax", "vat", "gst", "mwst", "ust"]],
  ["shipping", [
    "shipping",
    "postage",
    "freight",
    "versand",
    "livraison",
    "spedizione",
    "verzend",
    "wysyłk",
    "lieferkost",
    "bezorgkost",
    "dostaw",
  ]],
  ["credit", [
    ...["giftcard", "storecredit", "gutschein", "geschenkkarte", "geschenkgutschein", "guthaben"],
    ...["cadeaubon", "cadeaukaart", "tegoed", "treuepunkt", "bonuspunkt", "loyaltypoint"],
    ...["rewardpoint", "spaarpunt"],
  ]],
  ["rounding", [
    ...["rounding", "rundung", "arrondi", "redondeo", "arrotondament", "afronding", "zaokragl"],
  ]],
  ["duty", [
    ...["duty", "duties", "zollgebuhr", "zollabgab", "zollkost", "douane", "aduana", "arancel"],
    ...["dazi", "dogana", "invoerrecht", "einfuhrabgab"],
  ]],
  ["deposit", [
    ...["deposit", "pfand", "kaution", "anzahlung", "acompte", "consigne", "anticip", "acconto"],
    ...["cauzione", "statiegeld", "aanbetaling", "waarborg", "kaucj", "zaliczk"],
  ]],
  ["fee", [
    ...["surcharge", "handling", "gebuhr", "gebuehr", "aufschlag", "zuschlag", "nachnahm"],
    ...["aufpreis", "mindermenge", "frais", "supplement", "recargo", "suplement", "contrassegno"],
    ...["sovrapprezz", "commission", "toeslag", "dopłat", "opłat", "prowizj", "pobrani"],
    ...["insurance", "versicherung", "assurance", "seguro", "assicurazion", "verzekering"],
    ...["ubezpiecz", "donation", "spende", "giftwrap", "geschenkverpackung"],
  ]],
  ["tip", ["gratuity", "trinkgeld", "pourboire", "propina", "mancia", "napiwek"]],
  ["total", ["total", "sum", "summe", "gesamt", "totaal", "razem"]],
];

/** Words that say so as they are: longer ones that begin so are about something other. */
const exact: readonly (readonly [Suspicion, ReadonlySet<string>])[] = [
  ["refund", new Set(["avoir", "avoirs"])],
  ["tax", new Set(["iva", "tva", "btw"])],
  ["discount", new Set(["remise"])],
  ["shipping", new Set(["envio", "frete", "porto"])],
  ["credit", new Set(["points", "punkte", "puntos", "punti", "punten", "punkty"])],
  ["fee", new Set(["fee", "fees", "charges"])],
  ["tip", new Set(["tip", "tips", "fooi"])],
  ["duty", new Set(["customs", "zoll", "cło"])],
  ["deposit", new Set(["caution", "borg"])],
  ["total", new Set(["amount", "betrag", "montant", "importe", "importo", "bedrag", "kwota"])],
  ["total", new Set(["wartosc", "suma", "somme", "somma"])],
  ["status", new Set(["paid", "unpaid", "settled", "bezahlt", "beglichen", "paye", "payee"])],
  ["status", new Set(["regle", "reglee", "pagado", "pagada", "pagato", "pagata", "saldato"])],
  ["status", new Set(["betaald", "voldaan", "opłacone", "opłacono", "zapłacone", "zapłacono"])],
];

/** What stands anywhere in a name, in languages that put words together or write none apart. */
const contained: readonly (readonly [Suspicion, RegExp])[] = [
  ["refund", /erstatt|返金|退款/],
  ["status", /キャンセル|取消|storniert/],
  ["shipping", /送料|运费/],
  ["discount", /割引|値引|折扣/],
  ["tax", /消費税|税額|税额/],
  ["fee", /gebu(?:e)?hr(?:en)?$|zuschlag$|aufschlag$|手数料|代引|手续费/],
  ["duty", /関税|关税/],
  ["credit", /ポイント|积分|ギフト券|礼品卡/],
  ["total", /合計|合计|小計|小计|金額|金额|总额|(?:summe|betrag|totaal|bedrag)$/],
  ["status", /status$|状態|ステータス|状况|状态|入金/],
];

/** Words that say so together. */
const phrases: readonly (readonly [Suspicion, RegExp])[] = [
  ["refund", /\bmoney back\b|\bnota di credito\b/],
  ["shipping", /\bdelivery (?:cost|charge|price|amount|fee)s?\b|\bfrais de port\b|\bgastos de env/],
  ["credit", /\bgift (?:card|certificate|voucher)|\b(?:store|shop|customer) credit/],
  [
    "credit",
    /\bcredit (?:applied|used|amount|balance)|\b(?:carte|cheque|bon) cadeau|\bbon d achat/,
  ],
  ["credit", /\btarjetas? (?:de )?regalo|\bvales? (?:de )?regalo|\bcarta regalo|\bbuon[oi] regalo/],
  ["credit", /\bkart[ay] podarunkow|\b(?:loyalty|reward|bonus) point|\bbon podarunkow/],
  ["fee", /^cod$|\bcod (?:amount|charge|cost)|\bcash on delivery\b|\bgift wrap/],
  ["rounding", /\bround off\b/],
];

/** What a line comes to: a line is part of an address elsewhere. */
const lineTotal =
  /\b(?:line ?|row|ext(?:ended)?) (?:total|sum|amount|price|value)\b|\btotal (?:line|row)\b/;

/** Any of it, in words with blanks between them: most names have none, and a header may have 16,000 of them. */
const anyOfIt = new RegExp(
  [
    `(?:^| )(?:${
      [...beginnings.flatMap(([, some]) => some), ...exact.flatMap(([, some]) => [...some])]
        .join("|")
    })`,
    ...contained.map(([, { source }]) => source.replaceAll("$", "(?= |$)")),
    ...[...phrases.map(([, { source }]) => source), lineTotal.source],
  ].join("|"),
);

/** A status of a parcel, in one word. */
const parcelStatus = /^(liefer|versand|sende|delivery|shipping|shipment|fulfil)\p{L}*status$/u;

/** Words of columns that only look like it: addresses, parcels, methods and codes. */
const harmless: ReadonlySet<string> = new Set([
  ...["address", "name", "street", "city", "zip", "postcode", "postal", "country", "province"],
  ...["region", "phone", "company", "method", "service", "code", "id", "ids", "number", "no"],
  ...["email", "fulfillment", "fulfilment", "tracking", "carrier", "date", "taxable", "class"],
  ...["label", "title", "note", "notes", "first", "last", "line", "reason", "delivery", "rate"],
]);

/** Kinds whose words say that they are amounts: of these fewer other words make it something else. */
const amounts: ReadonlySet<Suspicion> = new Set<Suspicion>([
  ...["credit", "fee", "tip", "deposit", "duty", "rounding"] as const,
]);
const describing: ReadonlySet<string> = new Set([
  ...["code", "id", "ids", "number", "no", "name", "type", "reason", "note", "notes", "label"],
  ...["title", "date", "description", "class", "taxable", "tracking", "email", "address"],
  ...["message", "country", "expires", "earned"],
]);

/** What makes a state a part of an address, or a status that of a parcel. */
const places: ReadonlySet<string> = new Set([
  ...["ship", "shipping", "shipment", "bill", "billing", "recipient", "buyer"],
]);

/** What a column looks like by its name; undefined for one that does not seem to matter. */
export function suspicionOf(name: string): Suspicion | undefined {
  const words = wordsOf(name);
  if (!anyOfIt.test(words.join(" "))) return undefined;
  if (words.some((word) => parcelStatus.test(word))) return undefined;
  const isOf = (some: readonly string[]) =>
    words.some((word) => some.some((beginning) => word.startsWith(beginning)));
  const found = beginnings.find(([, some]) => isOf(some));
  // The day of a cancellation matters, whatever else its name says.
  if (found?.[1].includes("cancel")) return found[0];
  const suspicion = phraseIn(words) ?? found?.[0] ?? wholeName(words);
  if (suspicion === undefined || suspicion === "total") {
    if (lineTotal.test(words.join(" "))) return "total";
  }
  if (suspicion === undefined) return undefined;
  const others = amounts.has(suspicion) || phraseIn(words) !== undefined ? describing : harmless;
  if (words.some((word) => others.has(word))) return undefined;
  return suspicion === "status" && words.some((word) => places.has(word)) ? undefined : suspicion;
}

/** The words of a name, `orderStatus` taken for two, in lower case and without accents. */
export function wordsOf(name: string): string[] {
  return plainName(name.replaceAll(/(\p{Ll})(?=\p{Lu})/gu, "$1 "))
    .normalize("NFD").replaceAll(/[\u0300-\u036f]/g, "").normalize("NFC")
    .split(/[^\p{L}\p{N}\p{M}ー]/u).filter((word) => word !== "");
}

function phraseIn(words: readonly string[]): Suspicion | undefined {
  const text = words.join(" ");
  return phrases.find(([, phrase]) => phrase.test(text))?.[0];
}

function wholeName(words: readonly string[]): Suspicion | undefined {
  const told = exact.find(([, some]) => words.some((word) => some.has(word)));
  if (told !== undefined) return told[0];
  return contained.find(([, pattern]) => words.some((word) => pattern.test(word)))?.[0];
}

/** True for a column about a parcel: what was cancelled or refused there is no order. */
export function isOfParcel(name: string): boolean {
  return wordsOf(name).some((word) => parcel.test(word));
}

const parcel = /^(?:fulfil|deliver|shipping|shipment|shipped|tracking|liefer|versand|sende)/u;

/** What a whole value says of its order's money. */
export type SaidOutcome =
  /** It was paid. */
  | "paid"
  /** It was not. */
  | "unpaid"
  /** It was called off, or money went back. */
  | "over";

/** Whole values that say so, whatever their column is called. */
const saidOutcomes: Readonly<Record<SaidOutcome, readonly string[]>> = {
  paid: [
    ...["settled", "already settled", "paid in full", "already paid", "beglichen", "réglé"],
    ...["réglée", "soldé", "soldée", "déjà payé", "ya pagado", "già pagato", "saldato", "saldata"],
    ...["liquidado", "liquidada", "voldaan", "reeds betaald", "rozliczone", "rozliczono"],
    ...["uregulowane", "bereits bezahlt", "schon bezahlt"],
    ...["paid", "fully paid", "bezahlt", "payé", "payée", "pagado", "pagada", "pagato", "pagata"],
    ...["pago", "paga", "betaald", "betald", "betalt", "maksettu", "opłacone", "opłacony"],
    ...["zapłacone", "zapłacony", "zaplaceno", "fizetve", "plătit", "ödendi", "оплачен"],
    ...["оплачено", "оплачена", "сплачено", "πληρωμένη", "πληρώθηκε", "שולם", "مدفوع", "入金済み"],
    ...["支払済み", "支払い済み", "已付款", "已支付", "결제완료"],
  ],
  unpaid: [
    ...["unpaid", "not paid", "unbezahlt", "nicht bezahlt", "impayé", "impayée", "non payé"],
    ...["no pagado", "non pagato", "onbetaald", "niet betaald", "obetald", "nieopłacone"],
    ...[
      "nezaplaceno",
      "ödenmedi",
      "не оплачен",
      "не оплачено",
      "未入金",
      "未払い",
      "未付款",
      "미결제",
    ],
  ],
  over: [
    ...["refunded", "partially refunded", "partially_refunded", "voided", "cancelled", "canceled"],
    ...["chargeback", "charged back", "charged_back", "storniert", "erstattet", "rückerstattet"],
    ...["teilweise erstattet", "teilerstattet", "annulliert", "annulé", "annulée", "remboursé"],
    ...["remboursée", "anulado", "anulada", "cancelado", "cancelada", "reembolsado"],
    ...["reembolsada", "annullato", "annullata", "rimborsato", "rimborsata", "geannuleerd"],
    ...["terugbetaald", "annulleret", "refunderet", "annullerad", "återbetald", "kansellert"],
    ...["peruttu", "hyvitetty", "anulowane", "anulowany", "anulowano", "zwrócone", "zwrócono"],
    ...["zrušeno", "stornováno", "vráceno", "törölve", "visszatérítve", "anulat", "iptal edildi"],
    ...["iade edildi", "отменен", "отменён", "отменено", "возвращен", "возвращён", "скасовано"],
    ...["ακυρώθηκε", "ακυρωμένη", "επιστράφηκε", "בוטל", "זוכה", "ملغى", "キャンセル", "返金済み"],
    ...["已取消", "已退款", "취소", "환불"],
  ],
};

const outcomes: ReadonlyMap<string, SaidOutcome> = new Map(
  (["paid", "unpaid", "over"] as const).flatMap((outcome) =>
    saidOutcomes[outcome].map((word) => [word, outcome] as const)
  ),
);

const longestOutcome = Math.max(...[...outcomes.keys()].map(({ length }) => length));

/** How such values begin and how long they are, in ASCII letters: nearly every other value differs by it. */
const outcomeStarts = new Uint8Array(1 << 15);
for (const word of outcomes.keys()) {
  if (word.charCodeAt(0) < 128) outcomeStarts[startOf(word, 0, word.length)] = 1;
}

function startOf(text: string, from: number, to: number): number {
  const first = text.charCodeAt(from) | 32, second = text.charCodeAt(from + 1) | 32;
  return (first & 31) << 10 | (second & 31) << 5 | (to - from & 31);
}

/** What a value says of its order's money, in any case; undefined for any other value. */
export function outcomeIn(value: string): SaidOutcome | undefined {
  if (value.length < 2 || value.length > longestOutcome) return undefined;
  // All of them begin with a letter: amounts, dates and numbers do not.
  if (value.charCodeAt(0) < 65) return undefined;
  // The capital İ becomes two characters.
  return outcomes.get(value.toLowerCase().replaceAll("i\u0307", "i"));
}

/** The same of a part of a text, without the blanks at its edges: most parts are told by a look at three characters. */
export function outcomeBetween(text: string, start: number, end: number): SaidOutcome | undefined {
  let from = start, to = end;
  while (from < to && text.charCodeAt(from) <= 32) from++;
  while (to > from && text.charCodeAt(to - 1) <= 32) to--;
  if (to - from < 2) return undefined;
  const isAscii = (text.charCodeAt(from) | text.charCodeAt(from + 1) | text.charCodeAt(to - 1)) <
    128;
  if (isAscii && outcomeStarts[startOf(text, from, to)] === 0) return undefined;
  // Blanks that are not ASCII may still stand there.
  return to - from > 2 * longestOutcome ? undefined : outcomeIn(text.slice(from, to).trim());
}

/**
 * Whether what a value says of an order has to be asked about: not what its status says anyway.
 *
 * @param settled what becomes of the order by its status; undefined where nothing says it
 */
export function contradicts(
  said: SaidOutcome | undefined,
  settled: "paid" | "charge" | undefined,
): boolean {
  if (said === undefined) return false;
  return !(said === "paid" && settled === "paid" || said === "unpaid" && settled === "charge");
}

/** Values that say that nothing had happened. */
const nothing: ReadonlySet<string> = new Set([
  ...[
    "",
    "-",
    "--",
    "no",
    "n",
    "none",
    "not yet",
    "false",
    "null",
    "n/a",
    "nein",
    "keine",
    "noch nicht",
  ],
  ...[
    "falsch",
    "non",
    "faux",
    "pas encore",
    "ninguno",
    "todavía no",
    "falso",
    "nessuno",
    "non ancora",
  ],
  ...["nee", "niet", "geen", "nog niet", "nie", "brak", "jeszcze nie", "fałsz"],
]);

/** True for a value that says nothing had happened: nothing, none, an amount of nothing, or a time of zeros alone. */
export function saysNothing(value: string): boolean {
  if (value === "") return true;
  // Most amounts and times that say anything begin so.
  const first = value.charCodeAt(0);
  if (first >= 49 && first <= 57) return false;
  const text = value.trim().toLowerCase();
  if (nothing.has(text)) return true;
  // Databases write 0000-00-00 00:00:00 for a time that there is not.
  return text.includes("0") && /^(?:[^1-9]{1,12}|(?:[^1-9\p{L}]|t){1,32})$/u.test(text);
}
