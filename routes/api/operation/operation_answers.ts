/**
 * What the routes of the operation answer with, as schemas.
 *
 * @module
 */

import { z } from "zod";
import {
  auditActionNames,
  auditOutcomes,
  auditSubjectKinds,
  operatorDoors,
} from "../../../domain/operation/audit.ts";
import type { Repairing } from "../../../streams/recovery/repair.ts";
import { count, id, time } from "../description/schema_parts.ts";

/** A page of the audit log. */
export const auditListAnswer = z.object({
  data: z.array(z.object({
    id,
    at: time,
    actor: z.string().meta({
      description:
        "`api:NAME` of a token, `cli:USER@HOST` of a command, `dashboard` where nobody signs in",
    }),
    via: z.enum(operatorDoors),
    address: z.string().nullable().meta({
      description: "Where the request came from, trusted proxies passed over; null for commands",
    }),
    action: z.enum(auditActionNames),
    subject: z.object({ kind: z.enum(auditSubjectKinds), id: z.string() }),
    outcome: z.enum(auditOutcomes),
    detail: z.string().nullable(),
  })),
  next_cursor: z.string().nullable(),
}).meta({ id: "AuditList" });

const report = z.object({
  ok: z.boolean(),
  checked_at: time,
  seconds: z.number(),
  incremental: z.boolean().optional().meta({
    description: "Whether only what is not sealed was looked at",
  }),
  sealed: z.object({
    orders: count,
    refunds: count,
    proven_since: time.nullable().meta({
      description: "Each seal was looked at since then; null where there are none",
    }),
  }).optional().meta({ description: "Orders and refunds of closed days, each with a checksum" }),
  ledger: z.object({
    complete: z.boolean().meta({ description: "Whether all that happened before it is booked" }),
    booked_up_to: count.meta({ description: "Orders up to this id are" }),
    waiting: count.meta({ description: "Movements of a version before, to be booked in minutes" }),
    closed_day: z.string().nullable().meta({
      description: "`YYYY-MM-DD`, UTC: on days up to this one nothing is booked any more",
    }),
  }).optional().meta({ description: "How far the ledger is" }),
  losses: z.array(z.string()).optional().meta({
    description: "What the database has lost, in words, until somebody has reconciled it",
  }),
  checks: z.array(z.object({
    name: z.enum(["stock", "money", "kpis", "notifications", "homes", "ledger", "provider"]),
    ok: z.boolean(),
    checked: count,
    drift: z.array(z.object({
      subject: z.string(),
      what: z.string(),
      expected: z.union([z.string(), z.number()]).nullable(),
      found: z.union([z.string(), z.number()]).nullable(),
    })).meta({ description: "The first differences" }),
    drift_count: count,
    for_people: count.optional().meta({ description: "Of them no repair can mend so many" }),
  })),
});

/** The last verification. */
export const verificationAnswer = z.object({
  verification: report.nullable().meta({ description: "Null until the first one is made" }),
}).meta({ id: "Verification" });

const results = [
  "nothing",
  "resting",
  "busy",
  "mended",
  "not_mended",
] as const satisfies readonly Repairing[];

/** What came of a verification or a repair that somebody asked for. */
export const verifiedAnswer = z.object({
  running: z.boolean().meta({
    description: "It takes longer than a request should: GET /verification has it later",
  }),
  repair: z.enum(results).nullable()
    .meta({ description: "`nothing` to repair, `resting` after one that did not help" }),
  verification: report.nullable(),
}).meta({ id: "Verified" });
