/**
 * A TCP relay between the product and an engine, by which connections are cut, hang, or lose an answer.
 *
 * @module
 */

/** A relay; without a fault it passes everything on. */
export interface Proxy {
  /** On 127.0.0.1. */
  readonly port: number;
  /** From now on nothing passes, as if the way were dead; connections stay open. */
  freeze(): void;
  thaw(): void;
  /** Closes every connection. @returns how many there were */
  cut(): number;
  /** Refuses new connections as well, until the relay is opened again. */
  close(): void;
  open(): void;
  /** Sends new connections to another port. */
  redirect(port: number): void;
  /** Delays everything that comes back from the engine, in milliseconds. */
  delay(ms: number): void;
  /**
   * When the client next sends these bytes, they reach the engine, and then the connection ends before
   * the answer arrives.
   *
   * @param times how many of these answers are lost
   */
  loseAnswerTo(bytes: string, times: number): void;
  /**
   * When the client next sends these bytes, they are held back, and everything freezes until `thaw`.
   *
   * @returns a promise of that moment
   */
  holdBefore(bytes: string): Promise<void>;
  /** Answers that were lost so far. */
  readonly lost: number;
  /** Ends the relay for good. */
  end(): void;
}

interface Link {
  client: Deno.Conn;
  engine: Deno.Conn;
  losesAnswer: boolean;
  closed: boolean;
}

/** Relays a free port of 127.0.0.1 to another one there. */
export function startProxy(targetPort: number): Proxy {
  const listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  const links = new Set<Link>();
  let target = targetPort;
  let gate = Promise.resolve();
  let openGate = () => {};
  let refusing = false;
  let delayMs = 0;
  let watched: { text: string; left: number } = { text: "", left: 0 };
  let lost = 0;
  let heldText: string | null = null;
  let holds = () => {};

  const closeLink = (link: Link) => {
    if (link.closed) return;
    link.closed = true;
    links.delete(link);
    for (const connection of [link.client, link.engine]) {
      try {
        connection.close();
      } catch {
        // The other side was faster.
      }
    }
  };
  const holdsText = (bytes: Uint8Array, text: string): boolean =>
    new TextDecoder("latin1").decode(bytes).includes(text);
  const freeze = () => {
    gate = new Promise((resolve) => openGate = resolve);
  };

  const pump = async (link: Link, direction: "to_engine" | "to_client") => {
    const [from, to] = direction === "to_engine"
      ? [link.client, link.engine]
      : [link.engine, link.client];
    const buffer = new Uint8Array(65_536);
    try {
      for (;;) {
        const size = await from.read(buffer);
        if (size === null) break;
        const bytes = buffer.subarray(0, size);
        if (direction === "to_engine" && heldText !== null && holdsText(bytes, heldText)) {
          heldText = null;
          freeze();
          holds();
        }
        await gate;
        if (direction === "to_engine" && watched.left > 0 && holdsText(bytes, watched.text)) {
          watched.left--;
          link.losesAnswer = true;
        }
        if (direction === "to_client") {
          if (link.losesAnswer) {
            lost++;
            break;
          }
          if (delayMs > 0) await new Promise((resolve) => setTimeout(resolve, delayMs));
        }
        for (let sent = 0; sent < size;) sent += await to.write(buffer.subarray(sent, size));
      }
    } catch {
      // One side is gone, so the other has to go too.
    }
    closeLink(link);
  };

  const accept = async () => {
    for await (const client of listener) {
      if (refusing) {
        client.close();
        continue;
      }
      connect(client);
    }
  };
  const connect = async (client: Deno.Conn) => {
    try {
      const engine = await Deno.connect({ hostname: "127.0.0.1", port: target });
      const link = { client, engine, losesAnswer: false, closed: false };
      links.add(link);
      pump(link, "to_engine");
      pump(link, "to_client");
    } catch {
      client.close();
    }
  };
  const cut = () => {
    const count = links.size;
    for (const link of [...links]) closeLink(link);
    return count;
  };
  accept();

  return {
    port: (listener.addr as Deno.NetAddr).port,
    freeze,
    thaw: () => openGate(),
    cut,
    close: () => {
      refusing = true;
      cut();
    },
    open: () => {
      refusing = false;
    },
    redirect: (port) => {
      target = port;
    },
    delay: (ms) => {
      delayMs = ms;
    },
    loseAnswerTo: (text, times) => {
      watched = { text, left: times };
    },
    holdBefore: (text) => {
      heldText = text;
      return new Promise((resolve) => holds = resolve);
    },
    get lost() {
      return lost;
    },
    end: () => {
      listener.close();
      openGate();
      cut();
    },
  };
}

/** A URL with another port in it. */
export function withPort(url: string, port: number): string {
  const changed = new URL(url);
  changed.port = String(port);
  return changed.href;
}
