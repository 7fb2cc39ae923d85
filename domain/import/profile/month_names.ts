/**
 * Months by their names, as shops and spreadsheets write them in several languages.
 *
 * @module
 */

/** Names of each month, without accents: English, German, French, Spanish, Italian, Dutch, Polish, Portuguese. */
const names: readonly (readonly string[])[] = [
  [
    ...["january", "januar", "janner", "janvier", "enero", "gennaio", "januari"],
    ...["styczen", "stycznia", "janeiro"],
  ],
  [
    ...["february", "februar", "feber", "fevrier", "febrero", "febbraio", "februari"],
    ...["luty", "lutego", "fevereiro"],
  ],
  ["march", "marz", "maerz", "mrz", "mars", "marzo", "maart", "mrt", "marzec", "marca", "marco"],
  ["april", "avril", "abril", "aprile", "kwiecien", "kwietnia"],
  ["may", "mai", "mayo", "maggio", "mei", "maj", "maja", "maio"],
  ["june", "juni", "juin", "junio", "giugno", "czerwiec", "czerwca", "junho"],
  ["july", "juli", "juillet", "julio", "luglio", "lipiec", "lipca", "julho"],
  ["august", "aout", "agosto", "augustus", "sierpien", "sierpnia"],
  [
    ...["september", "septembre", "septiembre", "setiembre", "settembre"],
    ...["wrzesien", "wrzesnia", "setembro"],
  ],
  [
    ...["october", "oktober", "octobre", "octubre", "ottobre"],
    ...["pazdziernik", "pazdziernika", "outubro"],
  ],
  // The Polish listopad is October in Croatian.
  ["november", "novembre", "noviembre", "novembro"],
  ["december", "dezember", "decembre", "diciembre", "dicembre", "grudzien", "grudnia", "dezembro"],
];

/** Letters of the shortest beginning by which a month is known. */
const minLetters = 3;

/** Beginnings that mean another month in another language of the same words: the Croatian lipanj is June. */
const elsewhere: readonly string[] = ["lip"];

/** Of each beginning of a name the number of the month; those that several months have are none. */
const months = beginnings();

function beginnings(): ReadonlyMap<string, string> {
  const found = new Map<string, string | undefined>(elsewhere.map((one) => [one, undefined]));
  for (const [at, ofMonth] of names.entries()) {
    const month = String(at + 1);
    for (const name of ofMonth) {
      for (let end = minLetters; end <= name.length; end++) {
        const beginning = name.slice(0, end);
        const other = found.has(beginning) && found.get(beginning) !== month;
        found.set(beginning, other ? undefined : month);
      }
    }
  }
  const certain = [...found].flatMap(([beginning, month]) =>
    month === undefined ? [] : [[beginning, month] as const]
  );
  return new Map(certain);
}

/**
 * The number of a month by its name in one of eight languages or the first three letters of it, or more; accents may be
 * missing. Undefined for what is none, and for what may be several.
 */
export function monthOf(name: string): string | undefined {
  const plain = name.toLowerCase();
  return months.get(plain) ?? months.get(plain.normalize("NFD").replaceAll(/\p{M}/gu, ""));
}
