/**
 * What a scenario is.
 *
 * @module
 */

import type { Stage, StageOptions } from "./stage.ts";

/** A way in which things break, and what must hold even so. */
export interface Scenario {
  /** As it is typed; the file has the same name. */
  name: string;
  /** One line: what breaks. */
  summary: string;
  /** How its stage differs from others. */
  stage?: Partial<Pick<StageOptions, "persistence" | "redisConfig" | "env" | "proxied">>;
  /** @throws {Error} when something does not hold */
  run(stage: Stage): Promise<void>;
}
