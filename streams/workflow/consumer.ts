/**
 * The consumers of this workflow.
 *
 * @module
 */

import { makeConsumer as makeConsumerOf } from "../queue/consumer.ts";
import type * as queue from "../queue/consumer_state.ts";
import type { WorkflowTypes } from "./handler.ts";
import { workflow } from "./work.ts";

/** What one consumer works with. */
export type ConsumerDeps = queue.ConsumerDeps<WorkflowTypes>;

/** A consumer of one group. */
export type Consumer = queue.Consumer<WorkflowTypes>;

/** How one consumer works. */
export type ConsumerOptions = Omit<queue.ConsumerOptions<WorkflowTypes>, "work">;

/** Makes a consumer; nothing is read yet. */
export function makeConsumer(deps: ConsumerDeps, options: ConsumerOptions): Consumer {
  return makeConsumerOf<WorkflowTypes>(deps, { ...options, work: workflow });
}
