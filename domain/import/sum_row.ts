/**
 * Rows that are no item: sums that a spreadsheet or a report put between the items of orders.
 *
 * @module
 */

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

/** Characters of the longest word, and of a colon and a blank behind it. */
const maxWord = 20;

/**
 * Why a text can't be the SKU or the name of an item: taken for one, a sum would be charged once more.
 *
 * @param text trimmed
 */
export function sumRowProblem(text: string): string | undefined {
  if (text.length > maxWord || !sumWords.has(plainWord(text))) return undefined;
  return "must name a product (a row that is a sum has to be removed, a product that is called so needs sum_words: " +
    "items in a profile)";
}

function plainWord(text: string): string {
  return text.toLowerCase().replace(/^[*=]/, "").replace(/[:=]$/, "").trim();
}
