/**
 * What all commands of the game share: how one is played, and how a service is asked by a process that may die.
 *
 * @module
 */

import type fc from "fast-check";
import { WorkflowError } from "../../domain/errors.ts";
import { recover } from "../../streams/recovery/recover.ts";
import { fateAfter, mortal } from "../streams/queue/crash.ts";
import type { Model, ModelOrder } from "./order_money.ts";
import { type Aftermath, drainAndCompare, type Shop, suffer } from "./shop.ts";

/** A command of the game. */
export type PlayCommand = fc.AsyncCommand<Model, Shop>;

/** Orders on their way after which everything is drained, whatever a command says. */
const maxOnTheirWay = 4;

/** What a command does; what went before and what comes after is the same for all. */
export interface Play {
  /** Whether there is anything to do it to. */
  can?: (model: Model) => boolean;
  does: (model: Model, shop: Shop) => Promise<void>;
}

/** Makes a command of it. @param name all of it that makes it what it is, for who has to read it */
export function command(play: Play, after: Aftermath, name: unknown[]): PlayCommand {
  return {
    check: (model) => play.can?.(model) ?? true,
    run: async (model, shop) => {
      await play.does(model, shop);
      if (after.mishaps.length > 0 || !after.drain) model.mustExpire = false;
      for (const mishap of after.mishaps) await suffer(shop, mishap);
      if (after.drain || model.onTheirWay.size >= maxOnTheirWay) await drainAndCompare(shop, model);
      shop.played++;
    },
    toString: () =>
      `${name.map((part) => JSON.stringify(part)).join(" ")} ${JSON.stringify(after)}`,
  };
}

/** Units of a product that is created for an order's sake. */
export const firstUnits = 2;

/** What services work with. */
export function depsOf({ flow, rejects }: Shop) {
  const unknownSku = rejects ? "reject" as const : "create" as const;
  return { ...flow, config: { initialStock: firstUnits, unknownSku } };
}

/**
 * Asks a service, perhaps first by a process that dies at some call to an engine: then it is asked again, and what was
 * left unpublished is recovered.
 */
export async function ask<T>(
  shop: Shop,
  dies: number | null,
  service: (deps: ReturnType<typeof depsOf>) => Promise<T>,
): Promise<T | WorkflowError> {
  const deps = depsOf(shop);
  if (dies !== null) {
    const fate = fateAfter(dies);
    const dying = { ...deps, ...mortal(deps, fate, "dying"), stopping: AbortSignal.abort() };
    await service(dying).catch((error) => {
      if (!fate.dead && !(error instanceof WorkflowError)) throw error;
    });
  }
  const answer = await service(deps).catch((error) => {
    if (error instanceof WorkflowError) return error;
    throw error;
  });
  if (dies !== null) await recover(shop.flow);
  return answer;
}

/** Whether nothing is on its way. */
export function isDrained(model: Model): boolean {
  return model.onTheirWay.size === 0;
}

/** One of some orders. */
export function picked(orders: readonly ModelOrder[], pick: number): ModelOrder {
  return orders[pick % orders.length]!;
}
