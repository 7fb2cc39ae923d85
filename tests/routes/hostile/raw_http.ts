/**
 * Requests as bytes, for what no client would send.
 *
 * @module
 */

import { Buffer } from "node:buffer";
import type { Hono } from "hono";

/** A server of the application, and connections to it. */
export interface RawServer {
  port: number;
  /** A connection on which something has been sent. */
  open(text: string | Uint8Array): Promise<Deno.TcpConn>;
  /** Sends and reads until the server closes the connection, or until nothing comes for `quietMs`. */
  ask(text: string | Uint8Array, quietMs?: number): Promise<{ text: string; closed: boolean }>;
  /** Milliseconds that an ordinary request takes. */
  livezMs(): Promise<number>;
  /** Ends at once, whatever is open. */
  close(): Promise<void>;
}

/** Bytes of a text whose characters are bytes. */
export function bytesOf(text: string): Uint8Array<ArrayBuffer> {
  return new Uint8Array(Buffer.from(text, "latin1"));
}

/** Serves the application on a free port of loopback. */
export function serveRaw(app: Hono): RawServer {
  const hostname = "127.0.0.1";
  const end = new AbortController();
  const server = Deno.serve(
    { hostname, port: 0, onListen() {}, signal: end.signal },
    (request, { remoteAddr }) => app.fetch(request, { remoteAddr }),
  );
  const { port } = server.addr;
  const open = async (text: string | Uint8Array) => {
    const connection = await Deno.connect({ hostname, port });
    const bytes = typeof text === "string" ? bytesOf(text) : text;
    // The server may answer and close before it has read everything.
    for (let at = 0; at < bytes.length;) {
      const written = await connection.write(bytes.subarray(at)).catch(() => undefined);
      if (written === undefined) break;
      at += written;
    }
    return connection;
  };
  return {
    port,
    open,
    async ask(text, quietMs = 5_000) {
      const connection = await open(text);
      const answer = await readAll(connection, quietMs);
      close(connection);
      return answer;
    },
    async livezMs() {
      const start = performance.now();
      const response = await fetch(`http://${hostname}:${port}/livez`);
      await response.text();
      if (response.status !== 200) throw new Error(`livez is ${response.status}`);
      return performance.now() - start;
    },
    close() {
      end.abort();
      return server.finished;
    },
  };
}

/** What a connection brings until its end, until it is enough, or until nothing comes for `quietMs`. */
export async function readAll(
  connection: Deno.TcpConn,
  quietMs: number,
  enough?: RegExp,
): Promise<{ text: string; closed: boolean }> {
  const decoder = new TextDecoder();
  const buffer = new Uint8Array(65_536);
  let text = "";
  for (;;) {
    let timer: ReturnType<typeof setTimeout> | undefined;
    const quiet = new Promise<"quiet">((resolve) => {
      timer = setTimeout(() => resolve("quiet"), quietMs);
    });
    // A reset is an end as well.
    const read = connection.read(buffer).catch(() => null);
    const count = await Promise.race([read, quiet]).finally(() => clearTimeout(timer));
    if (count === "quiet") return { text, closed: false };
    if (count === null) return { text, closed: true };
    text += decoder.decode(buffer.subarray(0, count), { stream: true });
    if (enough?.test(text)) return { text, closed: false };
  }
}

/** Closes a connection that may be closed already. */
export function close(connection: Deno.TcpConn): void {
  try {
    connection.close();
  } catch {
    // It is.
  }
}
