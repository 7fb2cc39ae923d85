/**
 * Gives up connections whose opening takes long where another host takes changes meanwhile.
 *
 * @module
 */

import type { Socket } from "node:net";
import type mysql from "mysql2/promise";
import type { DatabaseHost } from "../../config/engine_url.ts";
import { type HostChoice, isSameHost } from "./host_choice.ts";

/** How long the chosen host is waited for before others are asked, in milliseconds. */
const patienceMs = 1_000;

/** By what the driver keeps of a connection from its first moment to its last. */
const openings = new WeakMap<object, ReturnType<typeof setInterval>>();

/** Watches a connection to the chosen host until {@linkcode noteOpened}, or its end. */
export function watchOpening(
  choice: HostChoice,
  host: DatabaseHost,
  { socket, config }: { socket: Socket; config: object },
): void {
  const isChosen = () => isSameHost(choice.current(), host);
  const look = async () => {
    if (isChosen()) {
      choice.doubt(host);
      await choice.search().catch(() => {});
    }
    if (isChosen()) return;
    const error = new Error("Another host takes changes, and this one does not answer");
    socket.destroy(Object.assign(error, { code: "ETIMEDOUT", syscall: "connect" }));
  };
  const timer = setInterval(() => void look(), patienceMs);
  timer.unref();
  socket.once("close", () => clearInterval(timer));
  openings.set(config, timer);
}

/** Is told of a connection that is ready for use. */
export function noteOpened(connection: mysql.Connection): void {
  const { connection: { config } } = connection as unknown as { connection: { config: object } };
  clearInterval(openings.get(config));
  openings.delete(config);
}
