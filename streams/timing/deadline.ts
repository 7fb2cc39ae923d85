/**
 * A time limit on an answer.
 *
 * Own code: every request passes here, two or three times. A timer for each took 3 to 4 µs and was most of it; all limits
 * of one length end in the order in which they begin, so one timer waits for the first of them. A race with
 * AbortSignal.timeout() takes as long, but its timer runs on: 100,000 answers left 58 MB and more behind. One with a
 * sleep() that is aborted takes 17 to 22 µs.
 *
 * @module
 */

import { WorkflowError } from "../../domain/errors.ts";

/**
 * The answer, if it comes in time. What gives it runs on; its later answer or error is ignored.
 *
 * @param ms milliseconds to wait
 * @param who gives the answer, for the message: "Redis"
 * @throws {WorkflowError} `unavailable` when it does not come in time
 */
export function withDeadline<T>(ms: number, who: string, answer: Promise<T>): Promise<T> {
  return rejectLate(
    ms,
    answer,
    () => new WorkflowError("unavailable", `${who} gave no answer within ${ms} ms`),
  );
}

/**
 * The same with another error.
 *
 * @param late makes it
 */
export function rejectLate<T>(ms: number, answer: Promise<T>, late: () => Error): Promise<T> {
  return new Promise<T>((resolve, reject) => {
    const limit = begin(ms, () => reject(late()));
    answer.then((value) => {
      end(limit);
      resolve(value);
    }, (error) => {
      end(limit);
      reject(error);
    });
  });
}

/** A limit that has begun, between those of the same length that began before and after it. */
interface Limit {
  line: Line;
  endsAt: number;
  onEnd: () => void;
  before: Limit | undefined;
  after: Limit | undefined;
  isOver: boolean;
}

/** Limits of one length, the first to end at the head. */
interface Line {
  ms: number;
  first: Limit | undefined;
  last: Limit | undefined;
  /** Waits for the first limit, or for one before it that has ended meanwhile. */
  timer: ReturnType<typeof setTimeout> | undefined;
}

/** There are as many as there are lengths, which are constants. */
const lines = new Map<number, Line>();

function begin(ms: number, onEnd: () => void): Limit {
  let line = lines.get(ms);
  if (line === undefined) {
    lines.set(ms, line = { ms, first: undefined, last: undefined, timer: undefined });
  }
  const limit: Limit = {
    line,
    endsAt: performance.now() + ms,
    onEnd,
    before: line.last,
    after: undefined,
    isOver: false,
  };
  if (line.last === undefined) line.first = limit;
  else line.last.after = limit;
  line.last = limit;
  if (line.timer === undefined) wait(line);
  return limit;
}

/** Takes a limit out of its line; one that is out already stays so. */
function end(limit: Limit): void {
  if (limit.isOver) return;
  limit.isOver = true;
  const { line, before, after } = limit;
  if (before === undefined) line.first = after;
  else before.after = after;
  if (after === undefined) line.last = before;
  else after.before = before;
  // A timer that nobody needs would keep the process from ending.
  if (line.first !== undefined) return;
  clearTimeout(line.timer);
  line.timer = undefined;
}

/** Waits for the first limit of a line, which has one. */
function wait(line: Line): void {
  line.timer = setTimeout(() => {
    line.timer = undefined;
    const now = performance.now();
    while (line.first !== undefined && line.first.endsAt <= now) {
      const limit = line.first;
      end(limit);
      limit.onEnd();
    }
    if (line.first !== undefined && line.timer === undefined) wait(line);
  }, Math.max(0, Math.ceil(line.first!.endsAt - performance.now())));
}
