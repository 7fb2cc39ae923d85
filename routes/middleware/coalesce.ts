/**
 * Lets questions that come close together share one answer.
 *
 * @module
 */

/** How answers are shared. */
export interface CoalesceOptions {
  /** Milliseconds after its question was asked for which an answer is given again. */
  ms: number;
  /** A monotonic clock in milliseconds. */
  now?: () => number;
}

/** Answers that are remembered at the most; old ones are forgotten when there are more. */
const maxAnswers = 100;

/**
 * Makes a function that asks `read` only if the same was not asked within the last milliseconds: a crowd
 * then costs little more than one. An answer that is still awaited is shared too; an error is shared by
 * those who wait for it and is then forgotten.
 *
 * @param read gives the answer to a question
 */
export function coalesce<T>(
  read: (question: string) => Promise<T>,
  { ms, now = () => performance.now() }: CoalesceOptions,
): (question: string) => Promise<T> {
  const known = new Map<string, { askedAt: number; answer: Promise<T> }>();
  return (question) => {
    const askedAt = now();
    const before = known.get(question);
    if (before !== undefined && askedAt - before.askedAt < ms) return before.answer;
    if (known.size >= maxAnswers) {
      for (const [old, { askedAt: then }] of known) if (askedAt - then >= ms) known.delete(old);
      if (known.size >= maxAnswers) return read(question);
    }
    const answer = read(question);
    known.set(question, { askedAt, answer });
    answer.catch(() => {
      if (known.get(question)?.answer === answer) known.delete(question);
    });
    return answer;
  };
}
