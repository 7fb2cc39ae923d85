/**
 * Counting the figures anew when somebody asks for it.
 *
 * @module
 */

import type { Operator } from "../../domain/operation/audit.ts";
import { ensureBasis, holdBasis, isOwnBasis } from "../../streams/kpis/kpi_basis.ts";
import { mendFigures } from "../../streams/verification/mend_figures.ts";
import { rebuildKpis } from "../../streams/kpis/kpis_rebuild.ts";
import type { RecoverDeps } from "../../streams/recovery/recover.ts";
import { auditedBeyond } from "../audited.ts";

/** What it is about, in the audit log. */
const everything = { kind: "system", id: "kpis" } as const;

/**
 * Reads figures that are counted by the settings of this process: anew where that is asked for, or where they
 * were counted by others. Nobody counts them otherwise until they were read.
 *
 * @param options.rebuild who wants them counted anew, see {@linkcode rebuildKpis}; undefined for nobody
 * @param options.recent only what is not sealed is counted anew, see {@linkcode mendFigures}; where the figures were counted by
 * other settings, all are
 * @throws {WorkflowError} `unavailable` where processes are alive that count by other settings
 */
export async function withOwnKpis<T>(
  deps: RecoverDeps,
  options: { rebuild: Operator | undefined; recent?: boolean },
  read: () => Promise<T>,
): Promise<T> {
  const { rebuild: operator } = options;
  const isOwn = await isOwnBasis(deps);
  const basis = operator !== undefined || !isOwn ? await holdBasis(deps) : undefined;
  try {
    if (operator !== undefined && options.recent && isOwn) {
      const about = { operator, action: "kpis.rebuild", subject: everything } as const;
      const mended = await auditedBeyond(deps, about, () => mendFigures(deps));
      deps.log.info("kpis set right", { ...mended });
    } else if (operator !== undefined) {
      const about = { operator, action: "kpis.rebuild", subject: everything } as const;
      const { days, orders, refunds, seconds } = await auditedBeyond(
        deps,
        about,
        () => rebuildKpis(deps),
      );
      deps.log.info("kpis rebuilt", { days, orders, refunds, seconds });
    } else await ensureBasis(deps);
    return await read();
  } finally {
    await basis?.release();
  }
}
