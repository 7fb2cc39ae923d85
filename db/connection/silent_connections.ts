/**
 * Finds connections whose other end has vanished without a goodbye.
 *
 * A statement may take its time, so its silence alone says nothing. Yet the server knows what it does for
 * whom: where it has no such connection, or one that waits for a statement, the one here is dead. Without
 * this a statement waits for {@linkcode maxStatementMs} of `database.ts`, and every idle connection has
 * another one wait as long.
 *
 * @module
 */

import type mysql from "mysql2/promise";
import type { DatabaseHost } from "../../config/engine_url.ts";
import { setTimeout as sleep } from "node:timers/promises";

/** What is read of a connection; the driver has no other word for it. */
interface Inner {
  threadId: number | null;
  /** Of several hosts, the one that it was opened to. */
  config: DatabaseHost;
  /** The statement that is not answered yet. */
  _command: unknown;
  stream: { bytesRead: number; destroy(error: Error): void };
}

/** What is looked at, and what is done about it. */
export interface SilenceWatch {
  lent: ReadonlySet<mysql.PoolConnection>;
  /** Looks at a connection before the server is asked about it. */
  looks: number;
  /**
   * What the server says of its connections, by their ids, over a connection of its own: `Sleep` where one
   * waits for a statement. Null where its answer is of no use, because the id of that connection is not
   * among them: something between has ids of its own.
   */
  ask(): Promise<ReadonlyMap<number, string> | null>;
  /**
   * Of several hosts, whether another one takes changes while that which was asked does not answer, or does not commit: from then on it is
   * the one that is used.
   */
  isReplaced(): Promise<boolean>;
  /** Whether a host is not the one that is used any more. */
  isLeft(host: DatabaseHost): boolean;
  /** Is told when connections were found dead. */
  onDead(): void;
}

/**
 * Looks at connections for as long as the pool lives. A process that stood still does not take its own
 * silence for the server's: looks are counted, not time.
 *
 * @param lookMs time between two looks
 * @returns ends the watch
 */
export function watchSilentConnections(watch: SilenceWatch, lookMs: number): () => void {
  const seen = new Map<Inner, { bytes: number; command: unknown; silent: number }>();
  let asking = false;
  const look = (): Inner[] => {
    const waiting = [...watch.lent].map(({ connection }) => connection as unknown as Inner)
      .filter(({ _command }) => _command !== null && _command !== undefined);
    for (const inner of seen.keys()) if (!waiting.includes(inner)) seen.delete(inner);
    for (const inner of waiting) {
      const before = seen.get(inner);
      const { bytesRead: bytes } = inner.stream;
      const isSilent = before?.bytes === bytes && before.command === inner._command;
      seen.set(inner, { bytes, command: inner._command, silent: isSilent ? before.silent + 1 : 0 });
    }
    return waiting.filter((inner) => seen.get(inner)!.silent >= watch.looks);
  };
  const decide = async (suspects: Inner[]): Promise<void> => {
    const known = await watch.ask().catch(async (error) => {
      if (await watch.isReplaced()) return null;
      throw error;
    });
    const isIdle = ({ threadId }: Inner) =>
      known !== null && (known.get(threadId ?? 0) ?? "Sleep") === "Sleep";
    const idle = suspects.filter((inner) => watch.isLeft(inner.config) || isIdle(inner));
    if (idle.length === 0) return;
    // An answer that was on its way is there by now; whoever left a host has waited for it already.
    if (!idle.every((inner) => watch.isLeft(inner.config))) await sleep(lookMs);
    const dead = idle.filter((inner) => {
      const before = seen.get(inner);
      return before !== undefined && before.bytes === inner.stream.bytesRead &&
        before.command === inner._command;
    });
    for (const { stream } of dead) {
      const error = new Error("The database knows nothing of this connection any more");
      stream.destroy(Object.assign(error, { code: "ETIMEDOUT", syscall: "read" }));
    }
    if (dead.length > 0) watch.onDead();
  };
  const timer = setInterval(() => {
    const suspects = look();
    if (suspects.length === 0 || asking) return;
    asking = true;
    // A server that does not answer this either may be well soon; the next look asks again.
    decide(suspects).catch(() => {}).finally(() => asking = false);
  }, lookMs);
  timer.unref();
  return () => clearInterval(timer);
}
