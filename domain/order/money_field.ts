/**
 * Fields of an order as it is sent that nobody knows and that may be about its money: passed over, an order would be
 * charged that was paid, or for another amount.
 *
 * @module
 */

import { nearestName } from "../text/nearest_name.ts";

/** The objects of an order in which money is told of. */
export type MoneyPlace = "order" | "item" | "adjustment" | "payment";

/** What a word of a field's name is about. */
type Meaning = "payment" | "total" | "price" | "adjustment";

/** Whole words: longer ones that begin so, such as `summary` and `taxonomy`, are about something other. */
const words: Readonly<Record<Meaning, readonly string[]>> = {
  payment: [
    ...["payment", "payments", "paid", "unpaid", "prepaid", "pay", "payed", "transaction"],
    "financial",
    ...["transactions", "charge", "charged", "refund", "refunds", "refunded", "balance"],
    ...[
      "zahlung",
      "zahlungen",
      "bezahlt",
      "paiement",
      "paye",
      "pago",
      "pagos",
      "pagado",
      "betaald",
    ],
  ],
  total: [
    ...["total", "totals", "subtotal", "amount", "amounts", "sum", "cents", "currency", "money"],
    ...["betrag", "summe", "gesamt", "gesamtbetrag", "montant", "importe", "bedrag", "totaal"],
  ],
  price: ["price", "prices", "cost", "costs", "preis", "preise", "prix", "precio", "prijs"],
  adjustment: [
    ...["adjustment", "adjustments", "discount", "discounts", "discounted", "rebate", "promotion"],
    ...["promotions", "voucher", "vouchers", "coupon", "coupons", "shipping", "postage", "freight"],
    ...["delivery", "tax", "taxes", "vat", "gst", "duty", "duties", "fee", "fees", "surcharge"],
    ...["handling", "tip", "tips", "gratuity", "deposit", "credit", "credits", "rounding"],
    ...["giftcard", "giftcards"],
    ...["rabatt", "versand", "versandkosten", "steuer", "mwst", "gebuehr", "remise", "tva"],
    ...[
      "frais",
      "livraison",
      "descuento",
      "impuesto",
      "iva",
      "envio",
      "korting",
      "btw",
      "verzendkosten",
    ],
  ],
};

const meanings: ReadonlyMap<string, Meaning> = new Map(
  (Object.keys(words) as Meaning[]).flatMap((meaning) =>
    words[meaning].map((word) => [word, meaning] as const)
  ),
);

/** Words that make something other of it: where it goes, how it is called, when it comes, how many there are. */
const describing: ReadonlySet<string> = new Set([
  ...[
    "address",
    "name",
    "street",
    "city",
    "zip",
    "postcode",
    "country",
    "phone",
    "email",
    "company",
  ],
  ...[
    "method",
    "service",
    "carrier",
    "tracking",
    "code",
    "codes",
    "id",
    "ids",
    "number",
    "no",
    "ref",
  ],
  ...["reference", "type", "class", "category", "reason", "note", "notes", "label", "title", "url"],
  ...["date", "at", "on", "time", "day", "window", "slot", "description", "instructions", "center"],
  ...["list", "items", "count", "quantity", "qty", "units", "weight", "group", "region", "status"],
]);

/** Where each is told of instead, by the object in which it was found. */
const instead: Readonly<Record<MoneyPlace, Readonly<Record<Meaning, string>>>> = {
  order: {
    payment: "payment",
    total: "total_cents",
    price: "total_cents",
    adjustment: "adjustments",
  },
  item: {
    payment: "payment of the order",
    total: "unit_price_cents",
    price: "unit_price_cents",
    adjustment: "adjustments of the order",
  },
  adjustment: {
    payment: "amount_cents",
    total: "amount_cents",
    price: "amount_cents",
    adjustment: "kind",
  },
  payment: {
    payment: "status",
    total: "total_cents of the order",
    price: "total_cents of the order",
    adjustment: "adjustments of the order",
  },
};

/** Letters in which a mistyped name may differ: of short ones, `note` would otherwise be taken for `name`. */
const mostChanges = { short: 1, long: 2 }, shortName = 4;

/**
 * The field that was meant by one that is not known, where it may be about money: its name says so, or is that of a known
 * one mistyped. Undefined for any other, which is passed over.
 *
 * @param name of a field that is not among the known ones
 * @param known the names of the object in which it stands
 */
export function meantByMoneyField(
  name: string,
  place: MoneyPlace,
  known: readonly string[],
): string | undefined {
  const near =
    nearestName(name, known.filter(({ length }) => length > shortName), mostChanges.long) ??
      nearestName(name, known.filter(({ length }) => length <= shortName), mostChanges.short);
  if (near !== undefined) return near;
  const parts = partsOf(name);
  // Who says anything of a payment does not expect the order to be charged as though nothing had been said.
  const isOfPayment = parts.some((part) => meanings.get(part) === "payment");
  if (!isOfPayment && parts.some((part) => describing.has(part))) return undefined;
  const own = parts.slice(1).join("_");
  if (parts[0] === place && known.includes(own)) return own;
  const meaning = isOfPayment
    ? "payment"
    : parts.map((part) => meanings.get(part)).findLast((one) =>
      one !== undefined && one !== "total"
    ) ??
      parts.map((part) => meanings.get(part)).find((one) => one !== undefined);
  return meaning === undefined ? undefined : instead[place][meaning];
}

/** The longest beginning of a name that is looked at. */
const maxName = 128;

/** The words of a name: of `discountCents` and `discount-cents` as of `discount_cents`. */
function partsOf(name: string): string[] {
  return name.slice(0, maxName).replaceAll(/(\p{Ll})(?=\p{Lu})/gu, "$1 ").toLowerCase()
    .replaceAll(/(?<!\p{L})gift[^\p{L}]+(cards?)(?!\p{L})/gu, "gift$1")
    .split(/[^\p{L}]+/u).filter((part) => part !== "");
}
