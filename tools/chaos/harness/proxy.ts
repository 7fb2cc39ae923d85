/**
 * A TCP relay between the product and an engine, by which connections are cut, hang, or lose an answer.
 *
 * @module
 */

import { pauseMs } from "./until.ts";

/** Bytes that are passed on at a time. */
const pieceBytes = 65_536;

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

/** What happens to what passes; the relay's owner changes it, and the pumps read it. */
interface RelayFaults {
  /** Resolved unless everything is frozen. */
  gate: Promise<void>;
  openGate: () => void;
  delayMs: number;
  /** Answers to commits that are still to be lost, and after which text of a transaction. */
  toLose: number;
  loseAfter: string;
  lost: number;
  /** Commits that are still to be held back. */
  toHold: number;
  held: number;
}

function noFaults(): RelayFaults {
  return {
    gate: Promise.resolve(),
    openGate: () => {},
    delayMs: 0,
    toLose: 0,
    loseAfter: "",
    lost: 0,
    toHold: 0,
    held: 0,
  };
}

/** Relays a free port of 127.0.0.1 to another one there. */
export function startProxy(targetPort: number): Proxy {
  const listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  const links = new Set<Link>();
  const faults = noFaults();
  let target = targetPort;
  let refusing = false;

  const cut = () => {
    const count = links.size;
    for (const link of [...links]) closeLink(link, links);
    return count;
  };
  const accept = async () => {
    for await (const client of listener) {
      if (refusing) client.close();
      else connect(client, target, links, faults);
    }
  };
  accept();

  return {
    port: (listener.addr as Deno.NetAddr).port,
    freeze: () => freeze(faults),
    thaw: () => faults.openGate(),
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
      faults.delayMs = ms;
    },
    loseCommitAnswers: (times, after = "") => {
      faults.toLose = times;
      faults.loseAfter = after;
      for (const link of links) link.chosen = false;
    },
    holdCommit: () => {
      faults.toHold = 1;
    },
    get held() {
      return faults.held;
    },
    get lost() {
      return faults.lost;
    },
    end: () => {
      listener.close();
      faults.openGate();
      cut();
    },
  };
}

function freeze(faults: RelayFaults): void {
  faults.gate = new Promise((resolve) => faults.openGate = resolve);
}

async function connect(
  client: Deno.Conn,
  port: number,
  links: Set<Link>,
  faults: RelayFaults,
): Promise<void> {
  try {
    const engine = await Deno.connect({ hostname: "127.0.0.1", port });
    const link: Link = {
      client,
      engine,
      losesAnswer: false,
      chosen: false,
      gone: false,
      closed: false,
    };
    links.add(link);
    const close = () => closeLink(link, links);
    pump(link, "to_engine", faults, close);
    pump(link, "to_client", faults, close);
  } catch {
    client.close();
  }
}

function closeLink(link: Link, links: Set<Link>): void {
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
}

/** Passes on what comes from one side, as the faults let it, until that side ends. */
async function pump(
  link: Link,
  direction: "to_engine" | "to_client",
  faults: RelayFaults,
  close: () => void,
): Promise<void> {
  const [from, to] = direction === "to_engine"
    ? [link.client, link.engine]
    : [link.engine, link.client];
  const buffer = new Uint8Array(pieceBytes);
  try {
    for (;;) {
      const size = await from.read(buffer);
      if (size === null) break;
      if (link.gone) continue;
      const bytes = buffer.subarray(0, size);
      if (direction === "to_engine" && faults.toHold > 0 && hasCommit(bytes)) {
        faults.toHold--;
        faults.held++;
        freeze(faults);
      }
      await faults.gate;
      if (link.gone) continue;
      if (direction === "to_engine") chooseLoss(link, bytes, faults);
      else if (link.losesAnswer) {
        // Of several statements the commit is the last that is run.
        if (!endsAnswer(bytes)) continue;
        faults.lost++;
        break;
      } else if (faults.delayMs > 0) await pauseMs(faults.delayMs);
      for (let sent = 0; sent < size;) sent += await to.write(buffer.subarray(sent, size));
    }
  } catch {
    // One side is gone, so the other has to go too.
  }
  // A host that has vanished says no goodbye either.
  if (!link.gone || direction === "to_engine") close();
}

/** Notes whether what is sent is the commit whose answer is to be lost. */
function chooseLoss(link: Link, bytes: Uint8Array, faults: RelayFaults): void {
  if (faults.toLose === 0) return;
  link.chosen ||= latin1.decode(bytes).includes(faults.loseAfter);
  if (!hasCommit(bytes)) return;
  if (link.chosen) faults.toLose--;
  link.losesAnswer = link.chosen;
  link.chosen = false;
}

/** A query's byte and its text; clients of MySQL 8 say in between that it has no attributes. */
const commitCommands = ["\x03commit", "\x03\x00\x01commit"];

/** Every byte is a character, so text is found between the binary parts of a packet. */
const latin1 = new TextDecoder("latin1");

function hasCommit(bytes: Uint8Array): boolean {
  const text = latin1.decode(bytes);
  return text.endsWith(";\ncommit") || commitCommands.some((command) => text.endsWith(command));
}

/**
 * Whether an answer ends with these bytes, of whole packets: with an error, or with a statement that changed no rows, as a commit
 * is one, and that says that nothing follows.
 */
function endsAnswer(bytes: Uint8Array): boolean {
  let last = 0;
  for (let at = 0; at < bytes.length;) {
    last = at;
    at += 4 + (bytes[at]! | bytes[at + 1]! << 8 | bytes[at + 2]! << 16);
  }
  const [kind, , , status] = bytes.subarray(last + 4);
  return kind === 0xff || (kind === 0 && (status! & 0x08) === 0);
}

/** A URL with another port in it. */
export function withPort(url: string, port: number): string {
  const changed = new URL(url);
  changed.port = String(port);
  return changed.href;
}
