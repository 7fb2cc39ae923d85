/**
 * What each migration says of itself at its beginning, for people and for processes of other versions:
 *
 * ```sql
 * -- oldest-beside: 0028
 * -- locks: nothing
 * -- at ten million orders: at once
 * ```
 *
 * A version is told by the newest migration that it knows: what the product is called between two releases says nothing
 * of its schema.
 *
 * @module
 */

/** What a migration says of itself. */
export interface MigrationHeader {
  /**
   * The oldest version that may work while it runs and afterwards, by the number of the newest migration that version
   * knows. Older processes take no work from the moment on in which it is about to begin.
   */
  oldestBeside: number;
  /** `nothing`, or the tables that others wait for, and with what. */
  locks: string;
  /** How long it takes, and how long others wait meanwhile. */
  atTenMillion: string;
}

/**
 * Reads what stands at the beginning of a migration.
 *
 * @param source the file's text
 * @returns what is missing, as a sentence, where something is
 */
export function readMigrationHeader(source: string): MigrationHeader | string {
  const beside = wordOf(source, "oldest-beside");
  if (beside === undefined) return missing("oldest-beside: NNNN");
  if (!/^\d{4}$/.test(beside)) return `"oldest-beside: ${beside}" has no number of four digits`;
  const locks = wordOf(source, "locks");
  if (locks === undefined) return missing("locks: nothing, or TABLE (what waits for how long)");
  const atTenMillion = wordOf(source, "at ten million orders");
  if (atTenMillion === undefined) return missing("at ten million orders: TIME");
  return { oldestBeside: Number(beside), locks, atTenMillion };
}

/** The comments before the first statement; a line that begins with three spaces goes on with the one before it. */
function wordOf(source: string, name: string): string | undefined {
  const lines = source.split("\n");
  const end = lines.findIndex((line) => line !== "" && !line.startsWith("--"));
  const comments = lines.slice(0, end < 0 ? lines.length : end);
  const at = comments.findIndex((line) => line.startsWith(`-- ${name}: `));
  if (at < 0) return undefined;
  const words = [comments[at]!.slice(`-- ${name}: `.length).trim()];
  for (const line of comments.slice(at + 1)) {
    if (!line.startsWith("--   ")) break;
    words.push(line.slice(2).trim());
  }
  return words.join(" ");
}

function missing(line: string): string {
  return `the comment "-- ${line}" is missing at its beginning`;
}

/** The number of a version, as files of migrations write it. */
export function formatVersion(version: number): string {
  return String(version).padStart(4, "0");
}
