/**
 * A time limit on an answer.
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
export async function within<T>(ms: number, who: string, answer: Promise<T>): Promise<T> {
  let timer: ReturnType<typeof setTimeout> | undefined;
  const late = new Promise<never>((_, reject) => {
    timer = setTimeout(
      () => reject(new WorkflowError("unavailable", `${who} gave no answer within ${ms} ms`)),
      ms,
    );
  });
  try {
    return await Promise.race([answer, late]);
  } finally {
    clearTimeout(timer);
  }
}
