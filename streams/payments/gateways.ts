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
import { unrealMoneyWarning } from "../../domain/payment/unreal_money.ts";
import { carefulGateway } from "./careful_gateway.ts";
import type { Gateway, Gateways } from "./gateway.ts";
import { canHold } from "./held_money.ts";
import { httpGateway } from "./providers/http.ts";
import { simulatedGateway } from "./providers/simulated.ts";
import { stripeProvider } from "./providers/stripe.ts";

/** How each provider that the settings may name is made from them. */
const gateways: Readonly<Record<Config["gateway"], (config: Config) => Gateway>> = {
  simulated: (config) =>
    simulatedGateway({
      delayMs: config.gatewayDelayMs,
      get secrets() {
        return config.gatewaySecrets;
      },
    }),
  http: (config) =>
    httpGateway({
      url: config.gatewayUrl,
      get token() {
        return config.gatewayToken;
      },
      timeoutMs: config.gatewayTimeoutMs,
      get secrets() {
        return config.gatewaySecrets;
      },
    }),
  stripe: (config) =>
    carefulGateway(stripeProvider({
      secretKey: config.stripeSecretKey,
      get webhookSecrets() {
        return config.stripeWebhookSecrets;
      },
      returnUrl: config.stripeReturnUrl,
      timeoutMs: config.gatewayTimeoutMs,
      url: config.stripeUrl,
    })),
};

/** What the settings say of providers. */
export type ProviderSettings = Pick<Config, "gateway" | "furtherGateways">;

/** The names of the providers that the settings name, the one that charges first. */
export function configuredProviders({ gateway, furtherGateways }: ProviderSettings): string[] {
  return [...new Set<string>([gateway, ...furtherGateways])];
}

/**
 * The payment providers that the settings name.
 *
 * @throws {WorkflowError} `bad_settings` where money is to be taken later by one that takes it at once
 */
export function gatewaysOf(config: Config): Required<Gateways> {
  const further = new Set(config.furtherGateways.filter((name) => name !== config.gateway));
  const made = {
    gateway: gateways[config.gateway](config),
    otherGateways: [...further].map((name) => gateways[name](config)),
    routes: config.gatewayRoutes,
  };
  if (config.capture === "later") expectHolding(made);
  return made;
}

/** Whoever may not take money before something is shipped is not helped by one that takes it all the same. */
function expectHolding({ gateway, otherGateways, routes }: Required<Gateways>): void {
  const charging = new Set([gateway.name, ...routes.map(({ provider }) => provider)]);
  const unable = [gateway, ...otherGateways].filter((one) =>
    charging.has(one.name) && !canHold(one)
  );
  if (unable.length === 0) return;
  throw new WorkflowError(
    "bad_settings",
    `CAPTURE is later, but ${
      unable.map(({ name }) => `"${name}"`).join(" and ")
    } can't hold money: ` +
      "set CAPTURE=at_once, or charge by a provider that can",
  );
}

/** Says that no money moves, where somebody could think that it does. */
export function warnOfUnrealMoney({ config, log }: { config: Config; log: Log }): void {
  const warning = unrealMoneyWarning(config);
  if (warning !== null) log.warn(warning);
}

/**
 * Finds out whether the database holds payments of providers that are not configured: a process that charged and refunded
 * through another one would book money that never moved. Payments that were made at the source are no reason: what this
 * process can't give back, a person does. Costs a few look-ups by index.
 *
 * @throws {WorkflowError} `bad_settings` naming them
 */
export async function refuseUnknownProviders(
  { config, db }: { config: ProviderSettings; db: Queryable },
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
  settings: ProviderSettings,
): Promise<string[]> {
  const configured = configuredProviders(settings);
  const names = await listProviders(db);
  const atSource = await readSourceProviders(
    db,
    names.filter((name) => !configured.includes(name)),
  );
  return names.filter((name) => !atSource.has(name));
}

/**
 * What is wrong with the settings for a database that holds payments of these providers; undefined where nothing is.
 *
 * @param providers of {@linkcode chargingProviders}
 */
export function providerFault(
  settings: ProviderSettings,
  providers: readonly string[],
): string | undefined {
  const configured = configuredProviders(settings);
  const others = providers.filter((name) => !configured.includes(name));
  if (others.length === 0) return undefined;
  return `GATEWAY is ${settings.gateway}, but the books hold payments of ` +
    `${others.map((name) => `"${name}"`).join(" and ")}, which only that provider can give back; ` +
    `set GATEWAY=${others[0]}, or use another database, or name it in FURTHER_GATEWAYS`;
}
