/**
 * Has the messages of a batch handled, and finds out whose fault it is where that fails.
 *
 * @module
 */

import { messageOf } from "../../domain/errors.ts";
import { laneName } from "../../domain/messages/lane.ts";
import { decideRedelivery } from "../../domain/messages/retry.ts";
import { traceIdOf, tracing } from "../telemetry/tracing.ts";
import { isOutage, type Result } from "./complete.ts";
import type { ConsumerOptions } from "./consumer_state.ts";
import {
  enginesTakeWrites,
  isUnclear,
  noteSuccess,
  unclearOf,
  weighFailures,
} from "./engine_doubt.ts";
import type { Share } from "./share_out.ts";
import type { Delivery, Entry, Handler, Outcome, QueueTypes, Work } from "./work.ts";

/** A message that was handled, and by whom. */
interface Ran<T extends QueueTypes> extends Result<T> {
  delivery: Delivery<T["message"]>;
  handle: Handler<T>;
}

/** Has the messages of a batch handled, each by its handler. */
export async function execute<T extends QueueTypes>(
  deps: T["deps"],
  { group, work, maxDeliveries }: ConsumerOptions<T>,
  shares: readonly Share<T>[],
  entries: ReadonlyMap<string, Entry>,
): Promise<Result<T>[]> {
  let trial: Promise<boolean> | undefined;
  const isWell = () => trial ??= enginesTakeWrites(deps, work.store);
  const ran: Ran<T>[] = [];
  for (const { handle, deliveries } of shares) {
    const outcomes = await runHalving(deps, work, { handle, deliveries }, isWell);
    deliveries.forEach((delivery, index) => {
      const { id, message } = delivery;
      const outcome = outcomes[index]!;
      ran.push({ entry: entries.get(id)!, message, delivery, outcome, handle });
    });
  }
  if (!ran.some(({ outcome }) => isUnclear(outcome))) {
    if (ran.some(({ outcome }) => outcome.kind === "done")) noteSuccess(deps.redis, group);
    return ran;
  }
  const weighed = ran.map(({ delivery: { id }, outcome }) => ({
    id: laneName(deps.lane, id),
    outcome,
  }));
  const outcomes = await weighFailures(deps, group, weighed, {
    isWell,
    isLast: (index) => {
      const { deliveries, errors } = ran[index]!.entry;
      return decideRedelivery(deliveries + 1, errors + 1, maxDeliveries) === "dead_letter";
    },
    again: async (index) => {
      const { handle, delivery } = ran[index]!;
      return (await runHalving(deps, work, { handle, deliveries: [delivery] }, isWell))[0]!;
    },
  });
  return ran.map(({ entry, message }, index) => ({ entry, message, outcome: outcomes[index]! }));
}

/**
 * Has a batch handled. A batch that fails is halved until the culprits stand alone, so that one bad
 * message never fails its neighbours; where an engine is at fault there is no culprit to look for.
 *
 * @param isWell whether the engines take changes
 */
async function runHalving<T extends QueueTypes>(
  deps: T["deps"],
  work: Work<T>,
  { handle, deliveries }: Share<T>,
  isWell: () => Promise<boolean>,
): Promise<Outcome<T["message"], T["event"]>[]> {
  try {
    const outcomes = await handle(deps, deliveries);
    const outages = outcomes.filter((outcome) => outcome.kind === "outage");
    if (outages.length > 0) {
      deps.log.warn("engine away", { error: outages[0]!.error, messages: outages.length });
    }
    return outcomes;
  } catch (error) {
    const text = messageOf(error);
    const unclear = unclearOf(work.store, error);
    if (isOutage(work.store, error) || (unclear !== undefined && !await isWell())) {
      deps.log.warn("engine away", { error: text, messages: deliveries.length });
      return deliveries.map(() => ({ kind: "outage", error: text }));
    }
    if (deliveries.length === 1) {
      const { id, message, attempt } = deliveries[0]!;
      deps.log.warn("message failed", {
        id,
        ...work.codec.logFacts(message),
        consumer: deps.consumer,
        attempt,
        error: text,
        trace_id: tracing ? traceIdOf(id) : undefined,
      });
      return [{ kind: "retry", error: text, unclear }];
    }
    const middle = Math.ceil(deliveries.length / 2);
    const first = { handle, deliveries: deliveries.slice(0, middle) };
    const second = { handle, deliveries: deliveries.slice(middle) };
    return [
      ...await runHalving(deps, work, first, isWell),
      ...await runHalving(deps, work, second, isWell),
    ];
  }
}
