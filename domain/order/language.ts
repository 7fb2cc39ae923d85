/**
 * The language that a customer reads.
 *
 * @module
 */

/** Characters that a language may have. */
export const maxLanguageLength = 35;

/**
 * Reads a language tag of BCP 47.
 *
 * @returns the tag as it is written properly, such as `de-AT` for `de-at`, or what is wrong with it
 */
export function readLanguage(text: string): { language: string } | { problem: string } {
  const language = canonical(text);
  if (language !== undefined) return { language };
  const mended = canonical(text.replaceAll("_", "-"));
  const hint = mended === undefined ? "such as de or en-GB" : `with dashes: write ${mended}`;
  return { problem: `must be a language tag of BCP 47 ${hint}` };
}

function canonical(text: string): string | undefined {
  if (text.length > maxLanguageLength) return undefined;
  try {
    const language = Intl.getCanonicalLocales(text)[0];
    return language === undefined || language.length > maxLanguageLength ? undefined : language;
  } catch {
    return undefined;
  }
}
