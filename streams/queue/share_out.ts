/**
 * Divides a batch among handlers.
 *
 * @module
 */

import type { Delivery, Handler, QueueTypes } from "./work.ts";

/** The messages of a batch that one handler takes. */
export interface Share<T extends QueueTypes> {
  handle: Handler<T>;
  deliveries: Delivery<T["message"]>[];
}

/** Divides a batch of any types. */
export type ShareOut<T extends QueueTypes> = (
  deliveries: readonly Delivery<T["message"]>[],
) => Share<T>[];

/**
 * Divides batches by a table of handlers, in its order; types of one handler are handled together. A message of a
 * type without a handler ends at once as a dead letter that names the type.
 */
export function shareOutBy<T extends QueueTypes>(
  handlers: Readonly<Record<string, Handler<T>>>,
): ShareOut<T> {
  const refuseUnknown: Handler<T> = (_, deliveries) =>
    Promise.resolve(deliveries.map(({ message: { type } }) => ({
      kind: "dead",
      error: `no handler takes messages of the type "${type}"`,
    })));
  const inOrder = [...new Set([...Object.values(handlers), refuseUnknown])];
  return (deliveries) => {
    const shares = Map.groupBy(
      deliveries,
      ({ message: { type } }) => Object.hasOwn(handlers, type) ? handlers[type]! : refuseUnknown,
    );
    return inOrder.flatMap((handle) => {
      const own = shares.get(handle);
      return own === undefined ? [] : [{ handle, deliveries: own }];
    });
  };
}
