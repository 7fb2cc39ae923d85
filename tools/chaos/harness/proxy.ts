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
  /** From now on nothing passes on the connections that there are, and nobody is told; new ones work. */
  vanish(): void;
  /** Refuses new connections as well, until the relay is opened again. */
  close(): void;
  open(): void;
  /** Sends new connections to another port. */
  redirect(port: number): void;
  /** Delays everything that comes back from the engine, in milliseconds. */
  delay(ms: number): void;
  /**
   * The client's next commits reach the database, and then the connection ends before the answer arrives.
   *
   * @param times how many answers are lost
   * @param after only commits of connections that sent this text before, in the same transaction: without
   * it, whoever commits next loses the answer
   */
  loseCommitAnswers(times: number, after?: string): void;
  /** The client's next commit is held back, and everything freezes until `thaw`. */
  holdCommit(): void;
  /** Answers that were lost so far. */
  readonly lost: number;
  /** Commits that were held back so far. */
  readonly held: number;
  /** Ends the relay for good. */
  end(): void;
}

interface Link {
  client: Deno.Conn;
  engine: Deno.Conn;
  losesAnswer: boolean;
  /** Whether the transaction that is open sent the text whose commit is to lose its answer. */
  chosen: boolean;
  /** Whether its host has vanished. */
  gone: boolean;
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
  let toLose = 0;
  let loseAfter = "";
  let lost = 0;
  let toHold = 0;
  let held = 0;

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
        if (link.gone) continue;
        const bytes = buffer.subarray(0, size);
        if (direction === "to_engine" && toHold > 0 && hasCommit(bytes)) {
          toHold--;
          held++;
          freeze();
        }
        await gate;
        if (link.gone) continue;
        if (direction === "to_engine" && toLose > 0) {
          link.chosen ||= latin1.decode(bytes).includes(loseAfter);
          if (hasCommit(bytes)) {
            if (link.chosen) toLose--;
            link.losesAnswer = link.chosen;
            link.chosen = false;
          }
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
    // A host that has vanished says no goodbye either.
    if (!link.gone || direction === "to_engine") closeLink(link);
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
      const link = {
        client,
        engine,
        losesAnswer: false,
        chosen: false,
        gone: false,
        closed: false,
      };
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
    vanish: () => {
      for (const link of links) link.gone = true;
    },
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
    loseCommitAnswers: (times, after = "") => {
      toLose = times;
      loseAfter = after;
      for (const link of links) link.chosen = false;
    },
    holdCommit: () => {
      toHold = 1;
    },
    get held() {
      return held;
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

/** A query's byte and its text; clients of MySQL 8 say in between that it has no attributes. */
const commitCommands = ["\x03commit", "\x03\x00\x01commit"];

/** Every byte is a character, so text is found between the binary parts of a packet. */
const latin1 = new TextDecoder("latin1");

function hasCommit(bytes: Uint8Array): boolean {
  const text = latin1.decode(bytes);
  return commitCommands.some((command) => text.endsWith(command));
}

/** A URL with another port in it. */
export function withPort(url: string, port: number): string {
  const changed = new URL(url);
  changed.port = String(port);
  return changed.href;
}
