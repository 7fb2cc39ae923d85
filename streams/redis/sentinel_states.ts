/**
 * Asks every sentinel what it knows, for those who look after them.
 *
 * @module
 */

import type { Redis } from "ioredis";
import { readRedisUrls } from "../../config/engine_url.ts";
import { messageOf } from "../../domain/errors.ts";
import type { SentinelState } from "../../domain/operation/diagnosis.ts";
import { makeSentinelClient } from "./redis_client.ts";

/** Only sentinels know it. */
const command = "SENTINEL";

/**
 * What each sentinel of the URL says of the master.
 *
 * @param url as `REDIS_URL`
 * @returns null where it names no sentinels
 */
export async function readSentinelStates(
  url: string,
): Promise<{ master: string; states: SentinelState[] } | null> {
  const nodes = readRedisUrls(url).address;
  const master = nodes[0]!.sentinel?.master;
  if (master === undefined) return null;
  const states = await Promise.all(nodes.map(async (node): Promise<SentinelState> => {
    const name = `${node.host}:${node.port}`;
    const client = makeSentinelClient(node);
    client.on("error", () => {});
    try {
      await client.connect();
      return { name, ...await askOne(client, master) };
    } catch (error) {
      const why = messageOf(error);
      return { name, master: null, why, quorum: 0, sentinels: 0, replicas: 0, fault: "" };
    } finally {
      client.disconnect();
    }
  }));
  return { master, states };
}

async function askOne(client: Redis, master: string): Promise<Omit<SentinelState, "name">> {
  const told = await client.call(command, "MASTER", master) as string[];
  const field = (name: string) => told[told.indexOf(name) + 1] ?? "";
  const fault = await client.call(command, "CKQUORUM", master).then(() => "", messageOf);
  return {
    master: `${field("ip")}:${field("port")}`,
    quorum: Number(field("quorum")),
    sentinels: Number(field("num-other-sentinels")) + 1,
    replicas: Number(field("num-slaves")),
    fault,
  };
}
