/**
 * The payment providers that the settings name, and whether they suit the database.
 *
 * @module
 */

import { listProviders, repairProviders } from "../../db/payments/payments.ts";
import { readSourceProviders } from "../../db/payments/source_payments.ts";
import type { Queryable } from "../../db/connection/database.ts";
import type { Config } from "../../config/config.ts";
import { WorkflowError } from "../../domain/errors.ts";
import type { Log } from "../../domain/operation/log.ts";
import { type Gateway, simulatedGateway } from "./gateway.ts";
import { httpGateway } from "./http_gateway.ts";

/** What is said wherever somebody may take the simulated provider for a real one. */
export const simulatedWarning =
  "Payments are simulated: no money is taken or given back (GATEWAY=simulated)";

/** How each provider that `GATEWAY` may name is made from the settings. */
const gateways: Readonly<Record<Config["gateway"], (config: Config) => Gateway>> = {
  simulated: ({ gatewayDelayMs }) => simulatedGateway({ delayMs: gatewayDelayMs }),
  http: ({ gatewayUrl, gatewayToken, gatewayTimeoutMs }) =>
    httpGateway({ url: gatewayUrl, token: gatewayToken, timeoutMs: gatewayTimeoutMs }),
};

/** The payment provider that the settings name. */
export function gatewayOf(config: Config): Gateway {
  return gateways[config.gateway](config);
}

/** Says that payments are simulated, where they are. */
export function warnOfSimulation({ config, log }: { config: Config; log: Log }): void {
  if (config.gateway === "simulated") log.warn(simulatedWarning);
}

/**
 * Finds out whether the database holds payments of providers that are not configured: a process that charged and refunded
 * through another one would book money that never moved. Payments that were made at the source are no reason: what this
 * process can't give back, a person does. Costs a few look-ups by index.
 *
 * @throws {WorkflowError} `bad_settings` naming them
 */
export async function refuseUnknownProviders(
  { config, db }: { config: Pick<Config, "gateway">; db: Queryable },
): Promise<void> {
  await repairProviders(db);
  const fault = providerFault(config, await chargingProviders(db, config));
  if (fault !== undefined) throw new WorkflowError("bad_settings", fault);
}

/**
 * The providers that took money for us, or were asked for some, by what the database holds: those of payments that were made
 * at the source are left out, as far as they are not configured.
 */
export async function chargingProviders(
  db: Queryable,
  { gateway }: Pick<Config, "gateway">,
): Promise<string[]> {
  const names = await listProviders(db);
  const atSource = await readSourceProviders(db, names.filter((name) => name !== gateway));
  return names.filter((name) => !atSource.has(name));
}

/**
 * What is wrong with the settings for a database that holds payments of these providers; undefined where nothing is.
 *
 * @param providers of {@linkcode chargingProviders}
 */
export function providerFault(
  { gateway }: Pick<Config, "gateway">,
  providers: readonly string[],
): string | undefined {
  const others = providers.filter((name) => name !== gateway);
  if (others.length === 0) return undefined;
  return `GATEWAY is ${gateway}, but the books hold payments of ` +
    `${others.map((name) => `"${name}"`).join(" and ")}, which only that provider can give back; ` +
    `set GATEWAY=${others[0]}, or use another database`;
}
