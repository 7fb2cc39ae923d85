/**
 * Columns that look as though they said something about an order's money.
 *
 * @module
 */

import { plainName } from "./column_plan.ts";

/** What a column may be about. */
export type Suspicion = "status" | "total" | "tax" | "shipping" | "discount" | "refund";

/** How the words of such a column's name begin; the first that fits counts. */
const beginnings: readonly (readonly [Suspicion, readonly string[]])[] = [
  ["refund", ["refund", "chargeback", "erstatt", "gutschrift", "rembours", "reembols", "rimbors"]],
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
  ]],
  ["total", ["total", "sum", "summe", "gesamt", "totaal", "razem"]],
];

/** Words that say so as they are: longer ones that begin so are about something other. */
const exact: readonly (readonly [Suspicion, ReadonlySet<string>])[] = [
  ["tax", new Set(["iva", "tva", "btw"])],
  ["discount", new Set(["remise"])],
  ["shipping", new Set(["envio", "frete"])],
  ["status", new Set(["paid", "unpaid", "bezahlt", "paye", "pagado", "pagato"])],
];

/** What stands anywhere in a name, in languages that put words together or write none apart. */
const contained: readonly (readonly [Suspicion, RegExp])[] = [
  ["refund", /erstatt|返金|退款/],
  ["status", /キャンセル|取消|storniert/],
  ["shipping", /送料|运费/],
  ["discount", /割引|値引|折扣/],
  ["tax", /消費税|税額|税额/],
  ["total", /合計|合计|总额|总金额/],
  ["status", /status$|状態|ステータス|状况|状态|入金/],
];

/** A status of a parcel, in one word. */
const parcelStatus = /^(liefer|versand|sende|delivery|shipping|shipment|fulfil)\p{L}*status$/u;

/** Words of columns that only look like it: addresses, parcels, methods and codes. */
const harmless: ReadonlySet<string> = new Set([
  ...["address", "name", "street", "city", "zip", "postcode", "postal", "country", "province"],
  ...["region", "phone", "company", "method", "service", "code", "id", "ids", "number", "no"],
  ...["email", "fulfillment", "fulfilment", "tracking", "carrier", "date", "taxable", "class"],
  ...["label", "title", "note", "notes", "first", "last", "line", "reason", "delivery", "rate"],
]);

/** What makes a state a part of an address, or a status that of a parcel. */
const places: ReadonlySet<string> = new Set([
  ...["ship", "shipping", "shipment", "bill", "billing", "recipient", "buyer"],
]);

/** What a column looks like by its name; undefined for one that does not seem to matter. */
export function suspicionOf(name: string): Suspicion | undefined {
  const words = wordsOf(name);
  if (words.some((word) => parcelStatus.test(word))) return undefined;
  const isOf = (some: readonly string[]) =>
    words.some((word) => some.some((beginning) => word.startsWith(beginning)));
  const found = beginnings.find(([, some]) => isOf(some));
  // The day of a cancellation matters, whatever else its name says.
  if (found?.[1].includes("cancel")) return found[0];
  const suspicion = found?.[0] ?? wholeName(words);
  if (suspicion === undefined) return undefined;
  if (words.some((word) => harmless.has(word))) return undefined;
  return suspicion === "status" && words.some((word) => places.has(word)) ? undefined : suspicion;
}

/** The words of a name, `orderStatus` taken for two, in lower case and without accents. */
function wordsOf(name: string): string[] {
  return plainName(name.replaceAll(/(\p{Ll})(?=\p{Lu})/gu, "$1 "))
    .normalize("NFD").replaceAll(/[\u0300-\u036f]/g, "").normalize("NFC")
    .split(/[^\p{L}\p{N}\p{M}ー]/u).filter((word) => word !== "");
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

/** Whole values that say that an order was paid or called off, or that money went back, whatever their column is called. */
const outcomes: ReadonlySet<string> = new Set([
  ...["paid", "unpaid", "refunded", "partially refunded", "partially_refunded", "voided"],
  ...["cancelled", "canceled", "chargeback", "charged back", "charged_back"],
  ...["bezahlt", "unbezahlt", "storniert", "erstattet", "teilweise erstattet"],
  ...["payé", "payée", "impayé", "annulé", "annulée", "remboursé", "remboursée"],
  ...["pagado", "pagada", "anulado", "anulada", "cancelado", "cancelada", "reembolsado"],
  ...["reembolsada", "pagato", "pagata", "annullato", "annullata", "rimborsato", "rimborsata"],
  ...["betaald", "geannuleerd", "terugbetaald", "betald", "annulleret", "refunderet"],
  ...["opłacone", "zapłacone", "anulowane", "zwrócone", "оплачен", "отменен", "отменён"],
  ...["入金済み", "支払済み", "キャンセル", "返金済み", "已付款", "已取消", "已退款"],
]);

const longestOutcome = Math.max(...[...outcomes].map(({ length }) => length));

/** True for a value that says what became of an order. */
export function saysWhatBecame(value: string): boolean {
  // All of them begin with a letter: amounts, dates and numbers do not.
  if (value.charCodeAt(0) < 65) return false;
  return value.length > 1 && value.length <= longestOutcome && outcomes.has(value.toLowerCase());
}

/** Values that say that nothing had happened. */
const nothing: ReadonlySet<string> = new Set(["", "-", "--", "no", "none", "false", "null", "n/a"]);

/** True for a value that says nothing had happened: nothing, none, an amount of nothing, or a time of zeros alone. */
export function saysNothing(value: string): boolean {
  if (value === "") return true;
  const text = value.trim().toLowerCase();
  if (nothing.has(text)) return true;
  // Databases write 0000-00-00 00:00:00 for a time that there is not.
  return text.includes("0") && /^(?:[^1-9]{1,12}|(?:[^1-9\p{L}]|t){1,32})$/u.test(text);
}
