/**
 * Names of columns that say what a line or an order comes to.
 *
 * @module
 */

import { wordsOf } from "./suspicious_column.ts";

/** What a column seems to be the total of: `line` and `order` where its name says so, `either` where it does not. */
export type TotalOf = "line" | "order" | "either";

/** Words that say that something is a sum or an amount, whole or as a beginning. */
const sums =
  /^(?:totale?s?|totaux|totaal|sum|summe|gesamt\p{L}*|betrag|amount|montant|importe|importo|bedrag|kwota|wartosc|razem|suma|somme|somma|extended|\p{L}*(?:summe|betrag|gesamtpreis|totaal|bedrag))$/u;
const joinedSums = /合計|合计|金額|金额|总额|小計|小计/u;

/** Words that say that it is one of the order. */
const ofOrders =
  /^(?:order|orders|grand|overall|payable|invoice|bestell\p{L}*|auftrag\p{L}*|rechnung\p{L}*|commande|pedido|ordine|zamowieni\p{L}*|bestelling|factuur\p{L}*)$/u;

/** Words that say that it is one of a row. */
const ofLines =
  /^(?:line|lines|row|item|lineitem|position|pos|extended|zeile\p{L}*|position\p{L}*|posten\p{L}*|ligne|linea|riga|regel\p{L}*|pozycj\p{L}*|gesamtpreis)$/u;

/** Words that make it something other: a price of one, a part of a sum, a number of pieces, or what is left to pay. */
const others =
  /^(?:unit|units|each|per|pro|einzel\p{L}*|stuck\p{L}*|unitaire|unitario|stuk\p{L}*|jednostk\p{L}*|qty|quantity|quantities|items|count|pieces|weight|menge|anzahl|gewicht\p{L}*|cantidad|quantita|quantite|aantal|ilosc|sub\p{L}*|zwischen\p{L}*|net|netto|excl|ht|untaxed|base|tax|taxes|vat|gst|mwst\p{L}*|ust|iva|tva|btw|shipping|versand\p{L}*|delivery|discount\p{L}*|rabatt\p{L}*|fee|fees|tip|refund\p{L}*|paid|due|unpaid|outstanding|balance|points|id|number|no|code|date|currency|type)$/u;

/** What a column is the total of by its name; undefined for one whose name does not say that it is one. */
export function totalOf(name: string): TotalOf | undefined {
  const words = wordsOf(name);
  const isSum = words.some((word) => sums.test(word) || joinedSums.test(word)) ||
    /^(?:line|row|extended) price$/.test(words.join(" "));
  if (!isSum || words.some((word) => others.test(word)) || /単価|单价/u.test(name)) {
    return undefined;
  }
  if (words.some((word) => ofOrders.test(word)) || /注文|订单/u.test(name)) return "order";
  return words.some((word) => ofLines.test(word)) ? "line" : "either";
}
