/**
 * One of several database servers that hold the same orders.
 *
 * @module
 */

import { join } from "node:path";
import {
  type Administer,
  type Administrator,
  createAdministrator,
} from "../../../engines/administrator.ts";
import {
  type DatabaseEngine,
  type DatabaseServerOptions,
  startDatabase,
} from "../../../engines/database.ts";
import { here, type Place } from "../../../engines/place.ts";
import type { EngineName } from "../../../engines/programs.ts";

/** A database server with its administrator. */
export interface DatabaseNode extends DatabaseEngine {
  readonly name: string;
  administer: Administer;
}

/** Database servers that hold the same orders. */
export interface DatabaseNodes {
  readonly nodes: readonly DatabaseNode[];
  /** Starts a node again that was killed, and waits until it has everything that the others have. */
  rejoin(node: DatabaseNode): Promise<void>;
  stop(): Promise<void>;
}

/** Where the servers of a cluster lie. */
export interface ClusterFolder {
  /** Of all of them, a folder each. */
  dir: string;
  /** One for each server; fewer or none: the rest run on this machine itself. */
  places?: readonly Place[];
}

/** What all servers of a cluster are copies of: data that have the accounts. */
export interface SeedDatabase {
  engine: EngineName;
  dir: string;
  administrator: Administrator;
}

/** Small and quick: nothing here outlives the scenario. */
const small = { durable: false, bufferPoolMb: 64, temporary: true } as const;

/** Makes the data that servers of a cluster begin with. */
export async function makeSeed(
  engine: EngineName,
  parent: string,
  extra: string[] = [],
): Promise<SeedDatabase> {
  const dir = join(parent, "seed");
  await Deno.mkdir(dir, { recursive: true });
  const administrator = await createAdministrator(dir);
  const server = await startDatabase({
    engine,
    dir,
    ...small,
    extra: [administrator.argument, ...extra],
  });
  await server.stop();
  return { engine, dir, administrator };
}

/** What a server must not have from the one that it is a copy of. */
const ownOfServer = ["auto.cnf", "galera.cache", "gvwstate.dat"];

/**
 * Starts a server on a copy of the seed's data.
 *
 * @param options.number from 1 on
 */
export async function startNode(
  seed: SeedDatabase,
  folder: ClusterFolder,
  options: { name: string; number: number } & Partial<DatabaseServerOptions>,
): Promise<DatabaseNode> {
  const { name, number, ...server } = options;
  const dir = join(folder.dir, name);
  const copied = await new Deno.Command("cp", { args: ["-a", seed.dir, dir] }).output();
  if (!copied.success) throw new Error(new TextDecoder().decode(copied.stderr));
  for (const file of ownOfServer) await Deno.remove(join(dir, "data", file)).catch(() => {});
  const place = folder.places?.[number - 1] ?? here;
  const engine = await startDatabase({ engine: seed.engine, dir, ...small, ...server, place });
  const administer = seed.administrator.on(engine);
  // As it is: the id of its process changes with a restart.
  return Object.assign(engine, { name, administer });
}

/** A URL by which the product finds whichever of them takes changes, the one at `first` first. */
export function urlOfNodes(nodes: readonly DatabaseNode[], first = 0): string {
  const [node, ...others] = [...nodes.slice(first), ...nodes.slice(0, first)];
  const hosts = [node!, ...others].map(({ address, port }) => `${address}:${port}`);
  return node!.url.replace(/@[^/]+\//, `@${hosts.join(",")}/`);
}

/** Ends all servers, frozen ones too, at the same time. */
export async function stopNodes(nodes: readonly DatabaseNode[]): Promise<void> {
  await Promise.all(nodes.map(async (node) => {
    // Nobody needs its data, and a member of a cluster that is left alone may wait for the others.
    node.kill("SIGKILL");
    await node.stop();
  }));
}
