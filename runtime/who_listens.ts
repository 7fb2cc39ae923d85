/**
 * Finds out what kind of server is on a port that does not answer as it should.
 *
 * @module
 */

/** Kinds of servers that can be told by what they say. */
export type Listener = "redis" | "database" | "web";

/** How long a server may take for its first word, and for its answer, in milliseconds. */
const waitMs = 500;

/** What Redis answers, and a web server refuses. */
const question = "PING\r\n\r\n";

/**
 * Listens to what a server says by itself, and else to its answer. Nothing is asked of it that changes anything.
 *
 * @returns undefined where nobody is there, or what is said is of no known kind
 */
export async function whoListens(host: string, port: number): Promise<Listener | undefined> {
  const { connect } = await import("node:net");
  const socket = connect(port, host);
  let said = "";
  const done = Promise.withResolvers<void>();
  socket.setEncoding("latin1");
  socket.on("data", (text: string) => {
    said += text;
    if (said.length >= 5) done.resolve();
  });
  socket.on("error", () => done.resolve());
  socket.on("close", () => done.resolve());
  const ask = setTimeout(() => socket.write(question), waitMs);
  const end = setTimeout(done.resolve, 2 * waitMs);
  await done.promise;
  clearTimeout(ask);
  clearTimeout(end);
  socket.destroy();
  if (/^HTTP\//.test(said)) return "web";
  if (/^(\+PONG|-[A-Z]+ )/.test(said)) return "redis";
  // Three bytes of length, the number 0, and version 10 of the protocol or the mark of an error.
  if (/^[\s\S]{3}\0[\n\xff]/.test(said)) return "database";
}
