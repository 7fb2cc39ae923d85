/**
 * Finds what somebody may have meant.
 *
 * @module
 */

/** Names that are longer are not compared: nobody mistyped them, and comparing takes time by their square. */
const maxName = 64;

/**
 * The known name that is nearest to a mistyped one; undefined where none is near: more than two letters, or a
 * third of them, would have to change.
 *
 * @param mostChanges letters that may have to change at the most, however long the name is
 */
export function nearestName(
  name: string,
  known: readonly string[],
  mostChanges = Infinity,
): string | undefined {
  if (name.length > maxName) return undefined;
  const typed = name.toLowerCase();
  let nearest: { name: string; distance: number } | undefined;
  for (const one of known) {
    const distance = editDistance(typed, one.toLowerCase());
    if (distance > Math.min(mostChanges, Math.max(2, Math.floor(one.length / 3)))) continue;
    // As many changes as letters are another word.
    if (distance >= Math.min(typed.length, one.length) && distance > 0) continue;
    if (nearest === undefined || distance < nearest.distance) nearest = { name: one, distance };
  }
  return nearest?.name;
}

/** Letters to add, to leave out, to change, or to swap with their neighbours, from one text to the other. */
function editDistance(a: string, b: string): number {
  let beforeLast: number[] = [];
  let last = Array.from({ length: b.length + 1 }, (_, j) => j);
  for (let i = 1; i <= a.length; i++) {
    const row = [i];
    for (let j = 1; j <= b.length; j++) {
      const isSame = a[i - 1] === b[j - 1];
      row[j] = Math.min(last[j]! + 1, row[j - 1]! + 1, last[j - 1]! + (isSame ? 0 : 1));
      const isSwapped = i > 1 && j > 1 && a[i - 1] === b[j - 2] && a[i - 2] === b[j - 1];
      if (isSwapped) row[j] = Math.min(row[j]!, beforeLast[j - 2]! + 1);
    }
    [beforeLast, last] = [last, row];
  }
  return last[b.length]!;
}
