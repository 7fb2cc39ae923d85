/**
 * Holding a provider's books against ours: the one way for the API, the dashboard and the command line.
 *
 * @module
 */

import type { Config } from "../../config/config.ts";
import type { Queryable } from "../../db/connection/database.ts";
import { listProviders } from "../../db/payments/payments.ts";
import {
  readReconciliation,
  type ReconciliationRow,
} from "../../db/reconciliation/reconciliations.ts";
import { WorkflowError } from "../../domain/errors.ts";
import type { Operator } from "../../domain/operation/audit.ts";
import type { ReportProfile } from "../../domain/reconciliation/report_profile.ts";
import { cutText } from "../../domain/text/cut_text.ts";
import { allGateways, gatewayNamed } from "../../streams/payments/gateway.ts";
import { begin, runReconciliation } from "../../streams/reconciliation/hold_against.ts";
import type { CoveredPeriod, LineSource } from "../../streams/reconciliation/line_source.ts";
import { auditedBeyond } from "../audited.ts";
import { goOnMending } from "./mend_discrepancies.ts";
import type { MendingDeps } from "./mending_step.ts";

/** What is to be held against our books. */
export interface ReconcileRequest {
  /** As `payments.provider` has it. */
  provider: string;
  /** Its report; without one its own list is asked for. */
  report?: {
    source: ReadableStream<Uint8Array>;
    name: string;
    profile?: ReportProfile;
    /** Of a workbook, by its name or its place from 1. */
    sheet?: string;
  };
  period: CoveredPeriod;
  operator: Operator;
  signal?: AbortSignal;
  onProgress?: (lines: number) => void;
}

/** What reconciling works with. */
export interface ReconcileDeps extends MendingDeps {
  config:
    & MendingDeps["config"]
    & Partial<Pick<Config, "furtherGateways">>;
}

/** A reconciliation that has begun. */
export interface BegunReconciliation {
  id: number;
  /** Resolves when it is finished; rejects with why it is not. */
  finished: Promise<ReconciliationRow>;
}

/**
 * Reads the report, or makes ready to ask for the list, and begins: what follows goes on by itself. Nothing is begun of a
 * report that can't be read.
 *
 * @param options.inTransaction is called once it has begun
 * @throws {WorkflowError} `invalid` for a report that can't be read, a provider that nobody knows, or one without a list
 */
export async function beginReconciling(
  deps: ReconcileDeps,
  request: ReconcileRequest,
): Promise<BegunReconciliation> {
  const { provider, operator } = request;
  await requireProvider(deps, provider);
  const source = await openSource(deps, request);
  try {
    const id = await begin(deps.db, source, {
      provider,
      actor: operator.actor,
      feesWait: deps.config.reconciliationApprovals > 1,
    });
    // Nothing goes on of which the audit log does not tell.
    const told = Promise.withResolvers<void>();
    const finished = run(deps, request, source, { id, begun: told.resolve });
    await Promise.race([told.promise, finished]);
    return { id, finished };
  } catch (error) {
    source.close();
    throw error;
  }
}

/**
 * Holds a provider's books against ours, to the end; see {@linkcode beginReconciling}. What was approved before goes on
 * afterwards, because our books or the provider's may have come to it by now.
 *
 * @throws what beginning throws, and what reading the lines throws
 */
export async function reconcile(
  deps: ReconcileDeps,
  request: ReconcileRequest,
): Promise<ReconciliationRow> {
  return await (await beginReconciling(deps, request)).finished;
}

async function run(
  deps: ReconcileDeps,
  { provider, operator, signal, onProgress }: ReconcileRequest,
  source: LineSource,
  { id, begun }: { id: number; begun: () => void },
): Promise<ReconciliationRow> {
  const about = {
    operator,
    action: "reconciliation.start",
    subject: { kind: "system", id: cutText(`reconciliation ${id}`, 64) },
  } as const;
  try {
    return await auditedBeyond(deps, about, async () => {
      begun();
      await runReconciliation(deps.db, id, source, {
        provider,
        actor: operator.actor,
        graceDays: deps.config.reconciliationDays,
        ...(signal === undefined ? {} : { signal }),
        ...(onProgress === undefined ? {} : { onProgress }),
      });
      await goOnMending(deps, operator);
      return (await readReconciliation(deps.db, id))!;
    }, ({ lines, found }) => `${lines} lines, ${found} discrepancies`);
  } finally {
    source.close();
  }
}

async function openSource(
  deps: ReconcileDeps,
  { provider, report, period, signal }: ReconcileRequest,
): Promise<LineSource> {
  // What reads files of any form takes some megabytes, which a service has no use for until somebody brings one.
  const { listedLines, openReport, refuseDaysToCome } = await import(
    "../../streams/reconciliation/line_source.ts"
  );
  refuseDaysToCome(period);
  if (report === undefined) {
    return listedLines(gatewayNamed(deps, provider)?.provider, provider, period, new Date());
  }
  const { source, name, profile, sheet } = report;
  return await openReport(source, {
    name,
    period,
    ...(profile === undefined ? {} : { profile }),
    ...(sheet === undefined ? {} : { sheet }),
    ...(signal === undefined ? {} : { signal }),
  });
}

/** @throws {WorkflowError} `invalid` for a name that is no provider's of ours: all of its money would be missing */
async function requireProvider(
  deps: ReconcileDeps & { db: Queryable },
  name: string,
): Promise<void> {
  const known = new Set([
    ...allGateways(deps).map((gateway) => gateway.name),
    ...await listProviders(deps.db),
  ]);
  if (known.has(name)) return;
  throw new WorkflowError(
    "invalid",
    `There is no money of the provider ${JSON.stringify(name)} here, but of ${
      [...known].join(", ")
    }`,
  );
}
