/**
 * Counting the figures anew when somebody asks for it.
 *
 * @module
 */

import { ensureBasis, holdBasis, isOwnBasis } from "../streams/kpis/kpi_basis.ts";
import { rebuildKpis } from "../streams/kpis/kpis_rebuild.ts";
import type { RecoverDeps } from "../streams/recovery/recover.ts";

/**
 * Reads figures that are counted by the settings of this process: anew where that is asked for, or where they
 * were counted by others. Nobody counts them otherwise until they were read.
 *
 * @param options.rebuild count them anew, see {@linkcode rebuildKpis}
 * @throws {WorkflowError} `unavailable` where processes are alive that count by other settings
 */
export async function withOwnKpis<T>(
  deps: RecoverDeps,
  options: { rebuild: boolean },
  read: () => Promise<T>,
): Promise<T> {
  const { rebuild } = options;
  const basis = rebuild || !await isOwnBasis(deps) ? await holdBasis(deps) : undefined;
  try {
    if (rebuild) {
      const { days, orders, refunds, seconds } = await rebuildKpis(deps);
      deps.log.info("kpis rebuilt", { days, orders, refunds, seconds });
    } else await ensureBasis(deps);
    return await read();
  } finally {
    await basis?.release();
  }
}
