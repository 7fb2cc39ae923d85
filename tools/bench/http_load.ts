/**
 * Asks an HTTP server as fast as it answers.
 *
 * @module
 */

/** What came of it. */
export interface LoadRun {
  seconds: number;
  /** Answers by status. */
  statuses: Map<number, number>;
}

/** Requests that wait for their answers at the same time, a connection each. */
const connections = 64;

/** Longest head of an answer. */
const bufferBytes = 64 * 1024;

/**
 * Sends requests over kept connections, each as soon as the one before it is answered. `fetch` would
 * take more of the machine than the server does, and would be what is measured.
 *
 * @param url of the server; only host and port count
 * @param requests whole requests as text, each with a Content-Length if it has a body
 */
export async function loadHttp(url: string, requests: readonly string[]): Promise<LoadRun> {
  const { hostname, port } = new URL(url);
  const statuses = new Map<number, number>();
  let next = 0;
  const client = async () => {
    using connection = await Deno.connect({ hostname, port: Number(port) });
    connection.setNoDelay(true);
    const encoder = new TextEncoder();
    const buffer = new Uint8Array(bufferBytes);
    while (next < requests.length) {
      const bytes = encoder.encode(requests[next++]);
      for (let sent = 0; sent < bytes.length;) sent += await connection.write(bytes.subarray(sent));
      const status = await readStatus(connection, buffer);
      statuses.set(status, (statuses.get(status) ?? 0) + 1);
    }
  };
  const start = performance.now();
  await Promise.all(Array.from({ length: connections }, client));
  return { seconds: (performance.now() - start) / 1000, statuses };
}

/** The bytes of a request that keeps its connection open. */
export function getRequest(url: string, path: string): string {
  return `GET ${path} HTTP/1.1\r\nHost: ${new URL(url).host}\r\n\r\n`;
}

/**
 * A POST request with a JSON body.
 *
 * @param body ASCII only
 * @param headers added to those that every such request has
 */
export function postRequest(
  url: string,
  path: string,
  body: unknown,
  headers: Readonly<Record<string, string>> = {},
): string {
  const text = JSON.stringify(body);
  const added = Object.entries(headers).map(([name, value]) => `${name}: ${value}\r\n`).join("");
  return `POST ${path} HTTP/1.1\r\nHost: ${new URL(url).host}\r\n${added}` +
    `Content-Type: application/json\r\nContent-Length: ${text.length}\r\n\r\n${text}`;
}

/**
 * Waits until a server answers.
 *
 * @throws {Error} if it does not within 20 s
 */
export async function untilAnswered(url: string): Promise<void> {
  for (let tries = 1;; tries++) {
    try {
      await (await fetch(url)).body?.cancel();
      return;
    } catch (error) {
      if (tries === 400) throw error;
      await new Promise((resolve) => setTimeout(resolve, 50));
    }
  }
}

/** Reads one answer to its end; it must have a Content-Length. */
async function readStatus(connection: Deno.Conn, buffer: Uint8Array): Promise<number> {
  const decoder = new TextDecoder();
  let filled = 0;
  for (;;) {
    const count = await connection.read(buffer.subarray(filled));
    if (count === null) throw new Error("The server closed the connection");
    filled += count;
    const text = decoder.decode(buffer.subarray(0, filled));
    const headEnd = text.indexOf("\r\n\r\n");
    if (headEnd < 0) continue;
    const length = /^content-length: (\d+)/im.exec(text)?.[1];
    if (length === undefined) throw new Error("The server's answer has no Content-Length");
    if (filled >= headEnd + 4 + Number(length)) return Number(text.slice(9, 12));
  }
}
