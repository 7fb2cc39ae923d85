/**
 * Divides batches among the workflow's handlers, for tests that put something before them.
 *
 * @module
 */

import { handlers } from "../../../streams/handlers/handlers.ts";
import { shareOutBy } from "../../../streams/queue/share_out.ts";
import type { WorkflowTypes } from "../../../streams/workflow/handler.ts";

/** The messages of a batch by their handlers. */
export const shareOut = shareOutBy<WorkflowTypes>(handlers);
