/**
 * Columns about an order's payment whose names do not say that they are a status, and what their values say.
 *
 * @module
 */

import { outcomeIn, type SaidOutcome, saysNothing, wordsOf } from "./suspicious_column.ts";

/** Words of such a column's name: payments, and what was paid on a day. */
const payment =
  /^(?:payments?|payed|paid|settled|settlements?|zahlung(?:en|seingang|sdatum|stag)?|zahldatum|bezahl(?:t|ung|datum)|geldeingang|beglichen|paiements?|paye+s?|reglements?|regle+s?|pagos?|pagad[oa]s?|liquidad[oa]|abonad[oa]|cobrad[oa]|pagament[oi]|pagat[oaie]|saldat[oa]|incassat[oa]|betaling(?:en|sdatum)?|betaa?ld(?:atum)?|betaaldatum|voldaan|platnosc(?:i)?|płatnosc(?:i)?|zapłat[ay]|zapłacon[oey]|opłacon[oey]|oplacon[oey]|rozliczon[oey])$/u;

/** What makes it something other: how it is paid, by whom, how much, or until when. */
const others =
  /^(?:method|methods|mode|type|kind|art|means|provider|gateway|processor|terms?|due|reference|ref|refs|id|ids|number|no|nr|code|name|note|notes|amount|amounts|total|sum|fee|fees|currency|card|account|token|link|url|details?|methode|moyen|metodo|medio|forma|tipo|methoden?|wijze|metoda|sposob|forme|betrag|summe|montant|importe|importo|bedrag|kwota|plan|intent|mean|by|via|with|durch|par|por|da)$/u;

/** True for a column about payments of which only the values tell whether they say that an order was paid. */
export function isOfPayment(name: string): boolean {
  const words = wordsOf(name);
  return words.some((word) => payment.test(word)) && !words.some((word) => others.test(word));
}

/** Whole values that say in such a column, and in no other, that it was done. */
const done: ReadonlySet<string> = new Set([
  ...["yes", "y", "true", "x", "✓", "✔", "☑", "ja", "j", "wahr", "oui", "o", "vrai", "sí", "si"],
  ...["sì", "verdadero", "vero", "waar", "tak", "prawda", "1", "ok", "done", "complete"],
  ...["completed", "received", "success", "successful", "succeeded", "captured", "cleared"],
  ...["erledigt", "abgeschlossen", "eingegangen", "erhalten", "erfolgt", "erfolgreich", "gebucht"],
  ...["reçu", "reçue", "effectué", "effectuée", "terminé", "terminée", "encaissé", "acquitté"],
  ...["recibido", "recibida", "completado", "completada", "realizado", "realizada", "cobrado"],
  ...["ricevuto", "ricevuta", "completato", "completata", "effettuato", "eseguito", "incassato"],
  ...["ontvangen", "voltooid", "afgerond", "afgerekend", "gedaan", "geslaagd"],
  ...["otrzymano", "otrzymana", "zrealizowano", "zrealizowana", "zakończono", "zakończona"],
  ...["zaksięgowano", "przyjęto"],
]);

/** Whole values that say that it is still to be done. */
const open: ReadonlySet<string> = new Set([
  ...["open", "pending", "outstanding", "awaiting payment", "offen", "ausstehend", "fällig"],
  ...["en attente", "dû", "due", "pendiente", "in attesa", "da pagare", "openstaand", "oczekuje"],
  ...["oczekująca", "do zapłaty"],
]);

const longest = 40;

/** A day in numbers, or with the name of its month. */
const day =
  /^\d{1,4}[-./]\s?\d{1,2}[-./]\s?\d{1,4}(?!\d)|^\d{8}$|\d{4}年|^(?=.*\b(?:19|20)\d{2}\b)(?=.*\b\d{1,2}\b)(?=.*\p{L}{3})[\p{L}\d .,:/+-]+$/u;

/** What a value of such a column says; undefined for a way to pay and whatever else says nothing of it. */
export function paymentIn(value: string): SaidOutcome | undefined {
  const text = value.trim();
  if (text.length > longest || saysNothing(text)) return undefined;
  const said = outcomeIn(text);
  if (said !== undefined) return said;
  const word = text.toLowerCase();
  if (open.has(word)) return "unpaid";
  return done.has(word) || day.test(text) ? "paid" : undefined;
}
