/**
 * Rows that are no item: sums that a spreadsheet or a report put between the items of orders.
 *
 * @module
 */

import { isCurrency } from "../money.ts";

/** What such a row is called, in lower case. */
const sumWords: ReadonlySet<string> = new Set([
  ...["sum", "sums", "total", "totals", "subtotal", "sub-total", "sub total", "grand total"],
  ...["order total", "items total", "running total", "net total", "gross total"],
  ...["summe", "zwischensumme", "gesamt", "gesamtsumme", "gesamtbetrag", "endsumme", "endbetrag"],
  ...[
    "somme",
    "sous-total",
    "sous total",
    "total général",
    "total general",
    "total ht",
    "total ttc",
  ],
  ...["totale", "subtotale", "totale parziale", "somma", "suma", "suma total", "importe total"],
  ...["totaal", "subtotaal", "eindtotaal", "totalt", "delsumma", "delsum", "summa", "i alt"],
  ...["razem", "suma częściowa", "ogółem", "celkem", "mezisoučet", "součet", "spolu", "összesen"],
  ...["yhteensä", "välisumma", "toplam", "ara toplam", "genel toplam", "итого", "всего", "сумма"],
  ...["σύνολο", "σύνολα", "разом", "усього", "合計", "小計", "総計", "总计", "合计", "小计"],
  ...["總計", "합계", "소계", "총계", "المجموع", "الإجمالي", "סה״כ", 'סה"כ'],
]);

/** Characters of the longest word, and of what may stand behind it. */
const maxWord = 32;

/** By how the words in ASCII begin: nearly every product begins otherwise, and every row of a file is asked. */
const beginnings = new Uint8Array(1 << 14);
for (const word of sumWords) if (word.charCodeAt(0) < 128) beginnings[beginningOf(word)] = 1;

function beginningOf(text: string): number {
  return ((text.charCodeAt(0) | 32) & 127) << 7 | ((text.charCodeAt(1) | 32) & 127);
}

/** False for what is certainly none of the words, whatever mark stands in front of it. */
function mayBeSum(text: string): boolean {
  if (text.length > maxWord || text.length < 2) return false;
  const code = text.charCodeAt(0);
  return code >= 128 || code === 0x2a || code === 0x3d || beginnings[beginningOf(text)] === 1;
}

/**
 * Why a text can't be the SKU or the name of an item: taken for one, a sum would be charged once more.
 *
 * @param text trimmed
 */
export function sumRowProblem(text: string): string | undefined {
  if (!mayBeSum(text) || !sumWords.has(plainWord(text))) return undefined;
  return "must name a product (a row that is a sum has to be removed, a product that is called so needs sum_words: " +
    "items in a profile)";
}

function plainWord(text: string): string {
  const word = text.replace(/^[*=]/, "").replace(/\([^()]*\)$/, "").trimEnd();
  const last = /[:\s](\p{Sc}|[A-Za-z]{3})$/u.exec(word);
  // What is summed may be told behind it: how many, and in which currency.
  const isOfCurrency = last !== null && (last[1]!.length < 3 || isCurrency(last[1]!.toUpperCase()));
  const bare = isOfCurrency ? word.slice(0, -last[1]!.length).trim() : word;
  return bare.toLowerCase().replace(/[:=]$/, "").trim();
}
