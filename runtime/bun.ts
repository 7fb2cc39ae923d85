/**
 * What is used of Bun's own interface; everything else comes from Node's modules, which both runtimes have.
 *
 * @module
 */

/** A server of Bun. */
export interface BunServer {
  readonly port: number;
  readonly hostname: string;
  requestIP(request: Request): { address: string; port: number } | null;
  /** Takes no further connection, and ends when the last request was answered. */
  stop(): Promise<void>;
}

/** What a server of Bun is given. */
export interface BunServerOptions {
  hostname: string;
  port: number;
  /** Seconds without a byte after which a connection is closed; 0 for never. */
  idleTimeout: number;
  maxRequestBodySize: number;
  development: boolean;
  fetch(request: Request, server: BunServer): Response | Promise<Response>;
}

/** The part of `Bun` that is used. */
export interface BunInterface {
  serve(options: BunServerOptions): BunServer;
  file(descriptor: number): { stream(): ReadableStream<Uint8Array> };
}

/** Bun's interface; undefined on Deno. */
export const bun: BunInterface | undefined = (globalThis as { Bun?: BunInterface }).Bun;
