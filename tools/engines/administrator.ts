import mysql from "mysql2/promise";
import { writeFile } from "node:fs/promises";
import { join } from "node:path";

/** A row that a statement of an administrator brought. */
export type AdministeredRow = Record<string, string | number>;

/** Runs statements one after the other. @returns the rows of the last */
export type Administer = (...statements: string[]) => Promise<AdministeredRow[]>;

/** An account that may do everything on a private database server, and change its settings while it runs. */
export interface Administrator {
  readonly password: string;
  /** The argument by which a server creates it at its start. */
  readonly argument: string;
  /** Its way to a server. */
  on(server: { address: string; port: number }): Administer;
}

/** Milliseconds that a server gets to answer; one that stands still never does. */
const answerMs = 30_000;

/**
 * Makes up an administrator, whose password stands in a file of mode 0600.
 *
 * @param dir which exists already
 * @param password of one that the server has already
 */
export async function createAdministrator(
  dir: string,
  password: string = crypto.randomUUID(),
): Promise<Administrator> {
  const initFile = join(dir, "administrator.sql");
  await writeFile(
    initFile,
    `create user if not exists 'administrator'@'%' identified by '${password}';\n` +
      "grant all privileges on *.* to 'administrator'@'%' with grant option;\n",
    { mode: 0o600 },
  );
  return {
    password,
    argument: `--init-file=${initFile}`,
    on: ({ address, port }) => async (...statements) => {
      const connection = await mysql.createConnection({
        host: address,
        port,
        user: "administrator",
        password,
        connectTimeout: answerMs,
      });
      // A connection that breaks says so to whoever waits for it.
      connection.on("error", () => {});
      try {
        let rows: unknown = [];
        for (const sql of statements) [rows] = await connection.query({ sql, timeout: answerMs });
        return rows as AdministeredRow[];
      } finally {
        connection.destroy();
      }
    },
  };
}
