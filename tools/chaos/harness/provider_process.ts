/**
 * Starts the faulty provider, and tells it what to do wrong.
 *
 * @module
 */

import type { BookedCharge, BookFault } from "./faulty_books.ts";
import type { AnswerFault } from "./faulty_provider.ts";

/** A faulty provider that runs. */
export interface ProviderProcess {
  url: string;
  /** The next new charge is answered so, or told of so. */
  arm(fault: AnswerFault): Promise<void>;
  /**
   * Does a fault to a charge, or to the refund of it.
   *
   * @returns the name of the charge that a finding is about; null where there is no such charge or refund
   */
  fault(fault: BookFault, chargeId: string): Promise<string | null>;
  books(): Promise<BookedCharge[]>;
  /** Everything that it says of itself, as CSV. */
  report(): Promise<string>;
  end(): Promise<void>;
}

/** Starts it. @throws where it does not even listen */
export async function startProvider(secret: string, callbackUrl: string): Promise<ProviderProcess> {
  const file = new URL("faulty_provider.ts", import.meta.url).pathname;
  const child = new Deno.Command(Deno.execPath(), {
    args: ["run", "-q", "-A", file, secret, callbackUrl],
    stdin: "null",
    stdout: "piped",
    stderr: "inherit",
  }).spawn();
  const reader = child.stdout.getReader();
  const { value } = await reader.read();
  const port = new TextDecoder().decode(value).trim();
  if (!/^\d+$/.test(port)) throw new Error("the provider does not listen");
  const url = `http://127.0.0.1:${port}`;
  const ask = async (path: string, method = "GET") => {
    const response = await fetch(url + path, { method });
    if (!response.ok) throw new Error(`the provider answered ${response.status} to ${path}`);
    return response;
  };
  return {
    url,
    arm: async (fault) => void await (await ask(`/faults/answers/${fault}`, "POST")).body?.cancel(),
    fault: async (fault, chargeId) =>
      (await (await ask(`/faults/books/${fault}/${chargeId}`, "POST")).json()).about,
    books: async () => await (await ask("/books")).json(),
    report: async () => await (await ask("/report.csv")).text(),
    end: async () => {
      child.kill("SIGKILL");
      await Promise.allSettled([child.status, reader.cancel()]);
    },
  };
}
