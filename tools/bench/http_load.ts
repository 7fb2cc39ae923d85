/**
 * Asks an HTTP server as fast as it answers, or at a steady rate.
 *
 * @module
 */

/** What came of it. */
export interface LoadRun {
  seconds: number;
  /** Answers by status. */
  statuses: Map<number, number>;
  /**
   * How long each answer took in ms, by request. At a steady rate that is from the moment at which it was due: one that
   * had to wait for a connection has waited.
   */
  timesMs: Float64Array;
}

/** How the server is asked. */
export interface LoadOptions {
  /** Requests that wait for their answers at the same time, a connection each; default 64. */
  connections?: number;
  /** Requests a second; by default each as soon as the one before it on its connection is answered. */
  perSecond?: number;
}

/** Longest head of an answer, and of an answer that has a length. */
const bufferBytes = 64 * 1024;

/**
 * Sends requests over kept connections. `fetch` would take more of the machine than the server does, and would be what
 * is measured.
 *
 * @param url of the server; only host and port count
 * @param requests whole requests as text, each with a Content-Length if it has a body
 */
export async function loadHttp(
  url: string,
  requests: readonly string[],
  { connections = 64, perSecond = Infinity }: LoadOptions = {},
): Promise<LoadRun> {
  const encoded = requests.map((text) => encoder.encode(text));
  const statuses = new Map<number, number>();
  const timesMs = new Float64Array(requests.length);
  let next = 0;
  const start = performance.now();
  const client = async () => {
    using connection = await openConnection(url);
    while (next < requests.length) {
      const number = next++;
      const dueAt = start + number * 1_000 / perSecond;
      const waitMs = dueAt - performance.now();
      if (perSecond !== Infinity && waitMs > 0) {
        await new Promise((resolve) => setTimeout(resolve, waitMs));
      }
      const from = perSecond === Infinity ? performance.now() : dueAt;
      const status = await connection.send(encoded[number]!);
      timesMs[number] = performance.now() - from;
      statuses.set(status, (statuses.get(status) ?? 0) + 1);
    }
  };
  await Promise.all(Array.from({ length: connections }, client));
  return { seconds: (performance.now() - start) / 1000, statuses, timesMs };
}

const encoder = new TextEncoder();

/** A connection that is kept. */
export interface Connection extends Disposable {
  /** Sends a whole request, which waits for the one before. @returns the status of its answer */
  send(request: Uint8Array | string): Promise<number>;
}

/** Connects to a server. */
export async function openConnection(url: string): Promise<Connection> {
  const { hostname, port } = new URL(url);
  const connection = await Deno.connect({ hostname, port: Number(port) });
  connection.setNoDelay(true);
  const buffer = new Uint8Array(bufferBytes);
  return {
    async send(request) {
      const bytes = typeof request === "string" ? encoder.encode(request) : request;
      for (let sent = 0; sent < bytes.length;) sent += await connection.write(bytes.subarray(sent));
      return await readStatus(connection, buffer);
    },
    [Symbol.dispose]: () => connection.close(),
  };
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
  return postText(url, path, JSON.stringify(body), {
    ...headers,
    "Content-Type": "application/json",
  });
}

/** A POST request with any body of ASCII, whose type is among the headers. */
export function postText(
  url: string,
  path: string,
  text: string,
  headers: Readonly<Record<string, string>>,
): string {
  const added = Object.entries(headers).map(([name, value]) => `${name}: ${value}\r\n`).join("");
  return `POST ${path} HTTP/1.1\r\nHost: ${new URL(url).host}\r\n${added}` +
    `Content-Length: ${text.length}\r\n\r\n${text}`;
}

/**
 * Waits until a server answers.
 *
 * @throws {Error} if it does not within 20 s
 */
export async function untilAnswered(url: string): Promise<void> {
  for (let tries = 1;; tries++) {
    try {
      const response = await fetch(url);
      await response.body?.cancel();
      if (response.ok) return;
      if (tries >= 2_000) throw new Error(`GET ${url} is answered ${response.status}`);
    } catch (error) {
      if (tries >= 2_000) throw error;
    }
    await new Promise((resolve) => setTimeout(resolve, 10));
  }
}

const decoder = new TextDecoder();

/** Reads one answer to its end, be it of a length or in chunks. */
async function readStatus(connection: Deno.Conn, buffer: Uint8Array): Promise<number> {
  let head = "";
  let left = Infinity;
  let end = "";
  for (let filled = 0; left > 0;) {
    const count = await connection.read(buffer.subarray(filled));
    if (count === null) throw new Error("The server closed the connection");
    if (head !== "") {
      left -= count;
      end = (end + decoder.decode(buffer.subarray(Math.max(0, count - 5), count))).slice(-5);
      if (end === "0\r\n\r\n") return Number(head.slice(9, 12));
      continue;
    }
    filled += count;
    const text = decoder.decode(buffer.subarray(0, filled));
    const headEnd = text.indexOf("\r\n\r\n");
    if (headEnd < 0) continue;
    head = text.slice(0, headEnd);
    const length = /^content-length: (\d+)/im.exec(head)?.[1];
    if (length !== undefined) left = headEnd + 4 + Number(length) - filled;
    else if (/^transfer-encoding: chunked/im.test(head)) {
      end = text.slice(-5);
      if (end === "0\r\n\r\n") break;
    } else throw new Error("The server's answer has neither a length nor chunks");
    filled = 0;
  }
  return Number(head.slice(9, 12));
}
