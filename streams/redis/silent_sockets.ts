/**
 * Throws away connections to Redis from which nothing comes any more.
 *
 * A host that vanishes says no goodbye, and the driver gives up a command and keeps its socket: every command
 * after it would be given up as well, until the operating system has lost patience, after a quarter of an
 * hour.
 *
 * @module
 */

import { Cluster, type Redis } from "ioredis";

/** What is read of a node's connection; the driver has no other word for it. */
interface Inner {
  /** Commands that were sent and not answered. */
  commandQueue: { length: number };
  stream: { bytesRead: number; destroy(error: Error): void } | null | undefined;
}

/** Looks at a connection before it is given up. */
const looks = 8;

/**
 * Destroys a socket that owes an answer and has given no byte for so long; the driver then opens another,
 * and sends again what was not answered.
 *
 * Looks are counted instead of time, so that a process that stood still does not take its own silence for
 * the server's.
 *
 * @param silenceMs more than any command takes
 * @returns ends the watch
 */
export function watchSilence(client: Redis | Cluster, silenceMs: number): () => void {
  const seen = new WeakMap<object, { bytes: number; silent: number }>();
  const look = () => {
    const nodes: Redis[] = client instanceof Cluster ? client.nodes("all") : [client];
    for (const node of nodes) {
      const { commandQueue, stream } = node as unknown as Inner;
      if (!stream) continue;
      const before = seen.get(stream);
      const waits = commandQueue.length > 0;
      const silent = waits && before?.bytes === stream.bytesRead ? before.silent + 1 : 0;
      seen.set(stream, { bytes: stream.bytesRead, silent });
      if (silent >= looks) {
        stream.destroy(new Error("Connection is closed: no answer for too long"));
      }
    }
  };
  const timer = setInterval(look, silenceMs / looks);
  timer.unref();
  return () => clearInterval(timer);
}
