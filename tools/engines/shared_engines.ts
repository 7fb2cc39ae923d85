/**
 * Private engines that several commands use: whoever runs some says so in a file, and whoever uses some holds a
 * connection to that process for as long.
 *
 * The file (mode 0600) names the engines' URLs, a port of loopback, and two words. Only who has read the file knows the
 * first word, and only who wrote it the second: a file that a crash left behind leads to nobody, or to a stranger on the
 * same port, who knows no answer. The kernel closes the connection of a user that dies, however it dies, so nothing has to
 * be cleaned up after one.
 */
import { once } from "node:events";
import { mkdir, readdir, readFile, rename, rm, writeFile } from "node:fs/promises";
import { type AddressInfo, connect, createServer, type Socket } from "node:net";
import { join } from "node:path";
import { pid } from "node:process";
import { isOwnFile, refuseFolderOfOthers } from "./own_folder.ts";

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
 * Shares engines that this process runs. Files of others are removed where nobody or a stranger answers.
 *
 * @param dir folder of the engines that are kept
 * @throws {Error} where the folder can't be written
 */
export async function shareEngines(
  dir: string,
  engines: Pick<SharedEngines, "by" | "env" | "dir">,
): Promise<Share> {
  const users = new Map<Socket, number>();
  const waiting = new Set<Socket>();
  let isWithdrawn = false;
  const server = createServer((socket) => {
    // A stranger who says nothing, or goes in the middle, is nobody's business.
    socket.on("error", () => {});
    void readLine(socket).then((line) => answer(socket, line.split(" ")));
  }).listen(0, "127.0.0.1");
  await once(server, "listening");
  const word = () => crypto.getRandomValues(new Uint8Array(24)).toHex();
  const shared: SharedEngines = {
    ...engines,
    pid,
    port: (server.address() as AddressInfo).port,
    ask: word(),
    answer: word(),
    startedMs: Date.now(),
  };
  const path = await writeShared(dir, shared);
  const share: Share = {
    users: () => [...users.values()],
    onChange: () => {},
    onStop: undefined,
    async withdraw() {
      isWithdrawn = true;
      server.close();
      await rm(path, { force: true });
    },
    close() {
      for (const socket of [...users.keys(), ...waiting]) socket.destroy();
    },
  };
  const answer = (socket: Socket, [ask, question, user]: string[]): void => {
    const isRefused = question === "stop" && share.onStop === undefined;
    if (ask !== shared.ask || isWithdrawn || isRefused) return void socket.destroy();
    if (question === "users") {
      return void socket.end(`${shared.answer} ${share.users().join(",")}\n`);
    }
    socket.write(`${shared.answer}\n`);
    if (question === "stop") {
      waiting.add(socket);
      share.onStop?.();
      return;
    }
    users.set(socket, Number(user));
    socket.on("close", () => {
      users.delete(socket);
      share.onChange();
    });
    share.onChange();
  };
  return share;
}

async function writeShared(dir: string, shared: SharedEngines): Promise<string> {
  const folder = filesOf(dir);
  await mkdir(folder, { recursive: true, mode: 0o700 });
  for (const { path, engines } of await readFiles(dir)) {
    // One that only takes its time, as in a frozen terminal, still has its folder: without its file nobody would find it.
    const answered = { text: "", isLate: false };
    if (await ask(engines, "users", answered) !== undefined || answered.isLate) continue;
    await rm(path, { force: true });
  }
  const path = join(folder, `${shared.by}-${shared.pid}.json`);
  // Written under another name first: the mode counts only when the file is created, and nobody reads half of it.
  const fresh = `${path}.new`;
  await rm(fresh, { force: true });
  await writeFile(fresh, `${JSON.stringify(shared)}\n`, { mode: 0o600 });
  await rename(fresh, path);
  return path;
}

/**
 * Looks for running engines, those that were started last first, and uses the first that answer.
 *
 * @param dir folder of the engines that are kept
 * @param by whose are wanted; without it, anybody's
 * @throws {Error} where the folder is another user's
 */
export async function holdEngines(dir: string, by?: string): Promise<Held | undefined> {
  for (const { engines } of await readFiles(dir)) {
    if (by !== undefined && engines.by !== by) continue;
    const socket = await converse(engines, "hold");
    if (socket === undefined) continue;
    return { engines, ended: closed(socket), release: () => void socket.destroy() };
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
  const socket = await converse(engines, "stop");
  if (socket === undefined) return false;
  await closed(socket);
  return true;
}

/**
 * What the files say, those that were written last first. What another user may have put there is not believed: it would
 * lead orders and payments into a database of theirs.
 *
 * @throws {Error} where the folder is another user's
 */
async function readFiles(dir: string): Promise<{ path: string; engines: SharedEngines }[]> {
  const found: { path: string; engines: SharedEngines }[] = [];
  const folder = filesOf(dir);
  await refuseFolderOfOthers(dir);
  await refuseFolderOfOthers(folder);
  for (const name of await readdir(folder).catch(() => [])) {
    if (!name.endsWith(".json")) continue;
    const path = join(folder, name);
    try {
      if (!await isOwnFile(path)) continue;
      found.push({ path, engines: JSON.parse(await readFile(path, "utf8")) });
    } catch {
      // Withdrawn at this moment.
    }
  }
  return found.sort((a, b) => b.engines.startedMs - a.engines.startedMs);
}

/** How it was answered. */
interface Answered {
  /** What was said after the word. */
  text: string;
  /** Somebody is there, and said nothing in time. */
  isLate: boolean;
}

/** What is said after the word of the answer; undefined where nobody answers rightly. */
async function ask(
  engines: SharedEngines,
  question: Question,
  answered: Answered = { text: "", isLate: false },
): Promise<string | undefined> {
  const socket = await converse(engines, question, answered);
  socket?.destroy();
  return socket && answered.text;
}

/** Asks, and gives the connection back once it was answered rightly. */
async function converse(
  engines: SharedEngines,
  question: Question,
  answered: Answered = { text: "", isLate: false },
): Promise<Socket | undefined> {
  const socket = connect(engines.port, "127.0.0.1");
  socket.on("error", () => {});
  const timer = setTimeout(() => {
    answered.isLate = true;
    socket.destroy();
  }, answerMs);
  socket.on("connect", () => socket.write(`${engines.ask} ${question} ${pid}\n`));
  const [word, text = ""] = (await readLine(socket)).split(" ");
  clearTimeout(timer);
  if (word === engines.answer) {
    answered.text = text;
    return socket;
  }
  socket.destroy();
}

/** A line, or what came of one before the end; what comes after it is dropped. */
function readLine(socket: Socket): Promise<string> {
  const { promise, resolve } = Promise.withResolvers<string>();
  let text = "";
  const finish = () => resolve(text.split("\n")[0]!);
  socket.setEncoding("utf8");
  socket.on("data", (chunk: string) => {
    if (text.length < maxLineBytes) text += chunk;
    if (text.includes("\n") || text.length >= maxLineBytes) finish();
  });
  socket.on("close", finish);
  return promise;
}

function closed(socket: Socket): Promise<void> {
  return new Promise((resolve) =>
    socket.destroyed ? resolve() : socket.on("close", () => resolve())
  );
}
