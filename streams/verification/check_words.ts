/**
 * What the checks of a verification are called where people read of them.
 *
 * @module
 */

import type { CheckName } from "./verify.ts";

/** Each check in words, as they stand within a sentence. */
export const checkWords: Readonly<Record<CheckName, string>> = {
  stock: "stock",
  money: "money",
  ledger: "the ledger",
  kpis: "figures",
  notifications: "notifications",
  homes: "work on its way",
  provider: "the provider's books",
};

/** The word of a check; of a name that is none, the name. */
export function checkWord(name: string): string {
  return Object.hasOwn(checkWords, name) ? checkWords[name as CheckName] : name;
}
