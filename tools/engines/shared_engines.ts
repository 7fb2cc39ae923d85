/**
 * Private engines that several commands use: whoever runs some says so in a file, and whoever uses some holds a
 * connection to that process for as long.
 *
 * The file (mode 0600) names the engines' URLs, a port of loopback, and two words. Only who has read the file knows the
 * first word, and only who wrote it the second: a file that a crash left behind leads to nobody, or to a stranger on the
 * same port, who knows no answer. The kernel closes the connection of a user that dies, however it dies, so nothing has to
 * be cleaned up after one.
 */
import { join } from "node:path";

/** Whose the engines are that are kept for the next command. */
export const keeperName = "engines";

/** What a file says of running engines. */
export interface SharedEngines {
  /** Who runs them: `demo`, or {@linkcode keeperName}. */
  by: string;
  /** Process that runs them. */
  pid: number;
  /** Settings with which they are used: the URLs, and what goes with the data. */
  env: Record<string, string>;
  /** Folder of their data. */
  dir: string;
  /** Port of loopback on which {@linkcode by} answers. */
  port: number;
  /** The word that is asked with. */
  ask: string;
  /** The word that is answered with. */
  answer: string;
  /** ms since 1970. */
  startedMs: number;
}

/** What is asked for after the word. */
type Question = "hold" | "users" | "stop";

/** Engines that are shared by this process. */
export interface Share {
  /** Process ids of those who use them now. */
  users(): number[];
  /** Is told whenever somebody comes or goes. */
  onChange: () => void;
  /** Is told when somebody asks for the engines' end; without it nobody can. */
  onStop: (() => void) | undefined;
  /** Withdraws the file and takes no further users; those that there are keep their connection. */
  withdraw(): Promise<void>;
  /** Ends the connections of all users, and of whoever waits for the end. */
  close(): void;
}

/** A process that was found and answered. */
export interface Held {
  engines: SharedEngines;
  /** Settles when the engines have ended before their user. */
  ended: Promise<void>;
  /** Ends the use. */
  release(): void;
}

/** How long an answer is waited for: it comes from this machine, from a process that has little to do. */
const answerMs = 2_000;

/** Longest line of the conversation, in bytes. */
const maxLineBytes = 4_096;

/** The folder in which the files lie, within that of the engines that are kept. */
function filesOf(dir: string): string {
  return join(dir, "running");
}

/**
 * Shares engines that this process runs. Files of others that no longer answer are removed.
 *
 * @param dir folder of the engines that are kept
 * @throws {Error} where the folder can't be written
 */
export async function shareEngines(
  dir: string,
  engines: Pick<SharedEngines, "by" | "env" | "dir">,
): Promise<Share> {
  const listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  const word = () => crypto.getRandomValues(new Uint8Array(24)).toHex();
  const shared: SharedEngines = {
    ...engines,
    pid: Deno.pid,
    port: listener.addr.port,
    ask: word(),
    answer: word(),
    startedMs: Date.now(),
  };
  const path = await writeFile(dir, shared);
  const users = new Map<Deno.Conn, number>();
  const waiting = new Set<Deno.Conn>();
  let isWithdrawn = false;
  const share: Share = {
    users: () => [...users.values()],
    onChange: () => {},
    onStop: undefined,
    async withdraw() {
      isWithdrawn = true;
      listener.close();
      await Deno.remove(path).catch(() => {});
    },
    close() {
      for (const connection of [...users.keys(), ...waiting]) closeQuietly(connection);
    },
  };
  void serve(listener, async (connection) => {
    const [ask, question, pid] = (await readLine(connection)).split(" ");
    if (ask !== shared.ask || isWithdrawn) return;
    if (question === "users") {
      await writeLine(connection, `${shared.answer} ${share.users().join(",")}`);
      return;
    }
    if (question === "stop" && share.onStop === undefined) return;
    await writeLine(connection, shared.answer);
    if (question === "stop") {
      waiting.add(connection);
      share.onStop?.();
    } else {
      users.set(connection, Number(pid));
      share.onChange();
    }
    // Until its end: nobody says anything more.
    await readLine(connection);
    users.delete(connection);
    share.onChange();
  });
  return share;
}

async function writeFile(dir: string, shared: SharedEngines): Promise<string> {
  const folder = filesOf(dir);
  await Deno.mkdir(folder, { recursive: true, mode: 0o700 });
  for (const { path, engines } of await readFiles(dir)) {
    if (await ask(engines, "users") === undefined) await Deno.remove(path).catch(() => {});
  }
  const path = join(folder, `${shared.by}-${shared.pid}.json`);
  // Written under another name first: the mode counts only when the file is created, and nobody reads half of it.
  const fresh = `${path}.new`;
  await Deno.remove(fresh).catch(() => {});
  await Deno.writeTextFile(fresh, `${JSON.stringify(shared)}\n`, { mode: 0o600 });
  await Deno.rename(fresh, path);
  return path;
}

async function serve(
  listener: Deno.TcpListener,
  answer: (connection: Deno.Conn) => Promise<void>,
): Promise<void> {
  for await (const connection of listener) {
    // A stranger who says nothing, or goes in the middle, is nobody's business.
    void answer(connection).catch(() => {}).finally(() => closeQuietly(connection));
  }
}

/**
 * Looks for running engines, those that were started last first, and uses the first that answer.
 *
 * @param dir folder of the engines that are kept
 * @param by whose are wanted; without it, anybody's
 */
export async function holdEngines(dir: string, by?: string): Promise<Held | undefined> {
  for (const { engines } of await readFiles(dir)) {
    if (by !== undefined && engines.by !== by) continue;
    const connection = await converse(engines, "hold");
    if (connection === undefined) continue;
    return {
      engines,
      ended: readLine(connection).then(() => {}, () => {}),
      release: () => closeQuietly(connection),
    };
  }
}

/** Engines that run now, those that were started last first, and the processes that use them. */
export async function listEngines(
  dir: string,
): Promise<{ engines: SharedEngines; users: number[] }[]> {
  const running = [];
  for (const { engines } of await readFiles(dir)) {
    const users = await ask(engines, "users");
    if (users === undefined) continue;
    running.push({ engines, users: users.split(",").filter(Boolean).map(Number) });
  }
  return running;
}

/**
 * Has the engines ended by who runs them, and waits for it.
 *
 * @returns false where that process does not answer, or lets nobody end them
 */
export async function stopEngines(engines: SharedEngines): Promise<boolean> {
  const connection = await converse(engines, "stop");
  if (connection === undefined) return false;
  await readLine(connection).catch(() => {});
  closeQuietly(connection);
  return true;
}

async function readFiles(dir: string): Promise<{ path: string; engines: SharedEngines }[]> {
  const found: { path: string; engines: SharedEngines }[] = [];
  const folder = filesOf(dir);
  try {
    for await (const { name } of Deno.readDir(folder)) {
      if (!name.endsWith(".json")) continue;
      const path = join(folder, name);
      try {
        found.push({ path, engines: JSON.parse(await Deno.readTextFile(path)) });
      } catch {
        // Withdrawn at this moment.
      }
    }
  } catch (error) {
    if (!(error instanceof Deno.errors.NotFound)) throw error;
  }
  return found.sort((a, b) => b.engines.startedMs - a.engines.startedMs);
}

/** What is said after the word of the answer; undefined where nobody answers rightly. */
async function ask(engines: SharedEngines, question: Question): Promise<string | undefined> {
  const answered = { text: "" };
  const connection = await converse(engines, question, answered);
  if (connection === undefined) return undefined;
  closeQuietly(connection);
  return answered.text;
}

/** Asks, and gives the connection back once it was answered rightly. */
async function converse(
  engines: SharedEngines,
  question: Question,
  answered = { text: "" },
): Promise<Deno.Conn | undefined> {
  let connection: Deno.Conn;
  try {
    connection = await Deno.connect({ hostname: "127.0.0.1", port: engines.port });
  } catch {
    return undefined;
  }
  const timer = setTimeout(() => closeQuietly(connection), answerMs);
  try {
    await writeLine(connection, `${engines.ask} ${question} ${Deno.pid}`);
    const [word, text = ""] = (await readLine(connection)).split(" ");
    if (word === engines.answer) {
      answered.text = text;
      return connection;
    }
  } catch {
    // Closed, by the other side or because it said nothing in time.
  } finally {
    clearTimeout(timer);
  }
  closeQuietly(connection);
}

/** A line, or what came of one before the end. */
async function readLine(connection: Deno.Conn): Promise<string> {
  const decoder = new TextDecoder();
  const buffer = new Uint8Array(maxLineBytes);
  let text = "";
  while (!text.includes("\n") && text.length < maxLineBytes) {
    const length = await connection.read(buffer);
    if (length === null) break;
    text += decoder.decode(buffer.subarray(0, length), { stream: true });
  }
  return text.split("\n")[0]!;
}

async function writeLine(connection: Deno.Conn, line: string): Promise<void> {
  const bytes = new TextEncoder().encode(`${line}\n`);
  for (let at = 0; at < bytes.length;) at += await connection.write(bytes.subarray(at));
}

function closeQuietly(connection: Deno.Conn): void {
  try {
    connection.close();
  } catch {
    // Closed already.
  }
}
