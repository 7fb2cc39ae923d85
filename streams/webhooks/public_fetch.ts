/**
 * Asks for URLs that others have named, without being led to what only this machine can reach.
 *
 * @module
 */

import { lookup, type LookupAddress, type LookupOptions } from "node:dns";
import { Agent as HttpAgent, type IncomingMessage, request as httpRequest } from "node:http";
import { Agent as HttpsAgent, request as httpsRequest } from "node:https";
import { Readable } from "node:stream";
import { isPublicAddress } from "../../domain/operation/network.ts";

/** The error for a name or an address that leads into a private network. */
const privateError = "its address is a private one; WEBHOOK_PRIVATE_ADDRESSES allows those";

/** Heads such as `103 Early Hints` that may come before an answer's own: whoever sends more has none. */
const maxHeadsBefore = 16;

/** Statuses whose answers have no body. */
const bodiless: ReadonlySet<number> = new Set([204, 205, 304]);

type Found = (error: Error | null, address?: string | LookupAddress[], family?: number) => void;

/** Looks up names, of this machine by default. */
export type Resolve = (
  name: string,
  options: LookupOptions & { all: true },
  found: (error: Error | null, addresses: LookupAddress[]) => void,
) => void;

/** Asks as `fetch` does, as far as webhooks need it; to be closed when it is needed no more. */
export interface PublicFetch {
  fetch: typeof fetch;
  close(): void;
}

/**
 * Makes a `fetch` that connects to public addresses alone. The address that is looked at is the one that is connected to, so a name
 * that leads elsewhere a moment later helps nobody. Redirects are not followed.
 *
 * @param resolve for tests
 * @param isPublic for tests, whose receivers are on this machine
 */
export function publicFetch(
  resolve: Resolve = lookup,
  isPublic: typeof isPublicAddress = isPublicAddress,
): PublicFetch {
  const agents = {
    "http:": new HttpAgent({ keepAlive: true }),
    // Undefined, and NODE_EXTRA_CA_CERTS set, Deno would list all authorities, which a process of the product may not; null leaves
    // them to the connection, which knows those of NODE_EXTRA_CA_CERTS as well.
    "https:": new HttpsAgent({ keepAlive: true, ca: null as never }),
  };
  const guarded = (name: string, options: LookupOptions, found: Found) =>
    resolve(name, { ...options, all: true }, (error, addresses) => {
      if (error !== null) return found(error);
      // One that is private among them is enough: nobody public has such a name.
      if (addresses.length === 0 || addresses.some(({ address }) => !isPublic(address))) {
        return found(new Error(privateError));
      }
      if (options.all) return found(null, addresses);
      found(null, addresses[0]!.address, addresses[0]!.family);
    });
  return {
    fetch: (input, init = {}) => {
      const url = new URL(String(input));
      const host = url.hostname.replace(/^\[(.*)\]$/, "$1");
      if (isPublic(host) === false) return Promise.reject(new TypeError(privateError));
      const { signal } = init;
      return new Promise<Response>((resolve, reject) => {
        const fail = (error: Error) => reject(signal?.aborted ? signal.reason : error);
        const isSecure = url.protocol === "https:";
        const asked = (isSecure ? httpsRequest : httpRequest)(url, {
          method: init.method,
          headers: init.headers as Record<string, string>,
          agent: isSecure ? agents["https:"] : agents["http:"],
          lookup: guarded as never,
          signal: signal ?? undefined,
        });
        const giveUp = (why: string) => {
          const error = new Error(why);
          fail(error);
          asked.destroy(error);
        };
        asked.on("error", fail);
        // What is thrown here would end the process: whoever is asked may answer anything.
        asked.on("response", (answer) => {
          const status = answer.statusCode ?? 0;
          if (status < 200 || status > 599) giveUp(`it answered ${status}, which is no status`);
          else resolve(responseOf(answer));
        });
        // Nobody reads the connection then, and nothing else would end it.
        asked.on("upgrade", (_answer, socket) => {
          socket.destroy();
          giveUp("it wants to speak another protocol");
        });
        let headsBefore = 0;
        asked.on("information", () => {
          if (++headsBefore > maxHeadsBefore) giveUp("it sends heads without end and no answer");
        });
        asked.end(init.body as string);
      });
    },
    close: () => Object.values(agents).forEach((agent) => agent.destroy()),
  };
}

function responseOf(answer: IncomingMessage): Response {
  const status = answer.statusCode!;
  const headers = new Headers();
  const { "retry-after": retryAfter } = answer.headers;
  if (retryAfter !== undefined) headers.set("retry-after", retryAfter);
  if (bodiless.has(status)) {
    answer.resume();
    return new Response(null, { status, headers });
  }
  const body = Readable.toWeb(answer) as unknown as ReadableStream<Uint8Array<ArrayBuffer>>;
  return new Response(body, { status, headers });
}
