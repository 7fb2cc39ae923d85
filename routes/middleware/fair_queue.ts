/**
 * A queue in which callers take turns: who brings much waits behind itself, and nobody behind others for long.
 *
 * Own code: queues of npm order by priorities or by arrival (`p-queue`, `fastq`), and bound neither what one caller may have in
 * them nor the weight of what is taken at once.
 *
 * @module
 */

/** How much may wait. */
export interface FairLimits {
  /** Of all callers. */
  all: number;
  /** Of one caller. */
  each: number;
}

/** What became of something that was to wait. */
export type Pushed<T> =
  /** It waits; `displaced` was the last of the caller who had most, and does not any more. */
  | { waits: true; displaced?: T }
  /** It does not: `each` where its caller has too much, `all` where everybody together has. */
  | { waits: false; beyond: keyof FairLimits };

/** See the module. */
export interface FairQueue<T> {
  readonly size: number;
  /**
   * Puts something at the end of its caller's line. Where all places are taken, whoever has most in the queue gives up its last
   * one for a caller who has less.
   *
   * @param weight 1 for what is usual; turns are by weight
   */
  push(caller: string, item: T, weight?: number): Pushed<T>;
  /**
   * Takes what is next: of each caller in the order in which it came, and of all of them by turns.
   *
   * @param most.weight of all together; of more than that in one piece, nothing else is taken with it
   */
  take(most: { items: number; weight: number }): T[];
}

/** Something that waits. */
interface Waiting<T> {
  item: T;
  weight: number;
}

/** What one caller has in the queue. */
interface Line<T> {
  waiting: Waiting<T>[];
  /** Weight that it may have taken in this turn. */
  credit: number;
}

/** Makes an empty queue. */
export function fairQueue<T>(limits: FairLimits): FairQueue<T> {
  // By turns: the first is next, and who has had its turn goes to the end.
  const lines = new Map<string, Line<T>>();
  let size = 0;
  return {
    get size() {
      return size;
    },
    push(caller, item, weight = 1) {
      const own = lines.get(caller);
      const count = own?.waiting.length ?? 0;
      if (count >= limits.each) return { waits: false, beyond: "each" };
      let displaced: T | undefined;
      if (size >= limits.all) {
        const most = longestOf(lines.values());
        if (most === undefined || most.length <= count + 1) return { waits: false, beyond: "all" };
        displaced = most.pop()!.item;
        size--;
      }
      if (own === undefined) lines.set(caller, { waiting: [{ item, weight }], credit: 0 });
      else own.waiting.push({ item, weight });
      size++;
      return { waits: true, displaced };
    },
    take(most) {
      const taken: T[] = [];
      for (let weight = 0; size > 0 && taken.length < most.items;) {
        const next = takeNext(lines, taken.length === 0 ? Infinity : most.weight - weight);
        if (next === undefined) break;
        taken.push(next.item);
        weight += next.weight;
        size--;
      }
      return taken;
    },
  };
}

function longestOf<T>(lines: Iterable<Line<T>>): Waiting<T>[] | undefined {
  let most: Waiting<T>[] | undefined;
  for (const { waiting } of lines) {
    if (most === undefined || waiting.length > most.length) most = waiting;
  }
  return most;
}

/**
 * Takes what is next, of lines of which there is one.
 *
 * @returns undefined where that has more weight than is left; it keeps its turn
 */
function takeNext<T>(lines: Map<string, Line<T>>, weightLeft: number): Waiting<T> | undefined {
  for (;;) {
    const [caller, line] = lines.entries().next().value!;
    const next = line.waiting[0]!;
    // Each turn is worth 1; alone, a caller has every turn.
    if (line.credit < next.weight) line.credit = lines.size === 1 ? next.weight : line.credit + 1;
    if (line.credit >= next.weight) {
      if (next.weight > weightLeft) return undefined;
      line.credit -= next.weight;
      line.waiting.shift();
      lines.delete(caller);
      if (line.waiting.length > 0) lines.set(caller, line);
      return next;
    }
    lines.delete(caller);
    lines.set(caller, line);
  }
}
