/**
 * What a scenario of several hosts is.
 *
 * @module
 */

import type { ClusterSetup } from "./cluster_setup.ts";
import type { ClusterStage } from "./cluster_stage.ts";

/** A way in which one of several hosts is lost, and what must hold even so. */
export interface ClusterScenario extends ClusterSetup {
  /** As it is typed; the file has the same name. */
  name: string;
  /** One line: what breaks. */
  summary: string;
  /** True where acknowledged orders may be lost, as long as each is counted. */
  mayLose?: boolean;
  /** Breaks and mends, while orders come in. @throws {Error} when something does not hold */
  run(stage: ClusterStage): Promise<void>;
}
