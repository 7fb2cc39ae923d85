/**
 * Keeps `import` and `stock` to the sockets and certificates that the service may use. They may read and write any file,
 * because their arguments may name any; without this, settings would do for them with which nothing else starts.
 *
 * @module
 */

import { readFileSync } from "node:fs";
import { relative, resolve } from "node:path";
import { fileURLToPath } from "node:url";
import type { Config } from "../config/config.ts";
import { readDatabaseUrl, readRedisUrls } from "../config/engine_url.ts";
import { WorkflowError } from "../domain/errors.ts";
import { mayStartPrograms } from "../runtime/permissions.ts";

const root = new URL("../", import.meta.url);

/**
 * Refuses what the settings name outside of the permission set `app`. Who may start programs as well was not started by a
 * task, and may do what the permissions say.
 *
 * @throws {WorkflowError} `bad_settings` naming the first such path
 */
export function refuseOtherPlaces(config: Pick<Config, "databaseUrl" | "redisUrl">): void {
  if (mayStartPrograms()) return;
  const named = [...pathsIn(config)];
  if (named.length === 0) return;
  const { permissions } = JSON.parse(readFileSync(new URL("deno.json", root), "utf8"));
  const places: string[] = permissions.app.read;
  for (const [setting, path] of named) {
    const isOurs = places.some((place) =>
      isWithin(resolve(fileURLToPath(root), place), resolve(path))
    );
    if (isOurs) continue;
    throw new WorkflowError(
      "bad_settings",
      `Bad settings: ${setting} names ${path}, which the service may not use: link a socket into ` +
        "/run/orders, put a certificate into /etc/orders, or add the path to the permissions in deno.json",
    );
  }
}

function* pathsIn(
  { databaseUrl, redisUrl }: Pick<Config, "databaseUrl" | "redisUrl">,
): Generator<[setting: string, path: string]> {
  const named = [
    ["DATABASE_URL", [readDatabaseUrl(databaseUrl).address]],
    ["REDIS_URL", readRedisUrls(redisUrl).address],
  ] as const;
  for (const [setting, addresses] of named) {
    for (const { socket, tls, ...own } of addresses) {
      const { ca, cert, key } = tls ?? {};
      const passwordFile = "passwordFile" in own ? own.passwordFile : undefined;
      for (const path of [socket, ca, cert, key, passwordFile]) {
        if (path !== undefined) yield [setting, path];
      }
    }
  }
}

function isWithin(folder: string, path: string): boolean {
  const way = relative(folder, path);
  return way !== ".." && !way.startsWith("../");
}
