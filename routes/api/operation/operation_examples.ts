/**
 * Examples for the OpenAPI document: health, the audit log and verification.
 *
 * @module
 */

import type { z } from "zod";
import type { aliveAnswer, readyAnswer } from "../description/answers.ts";
import type { auditListAnswer, verificationAnswer, verifiedAnswer } from "./operation_answers.ts";

/** A page of the audit log. */
export const auditList = {
  data: [{
    id: 912,
    at: "2026-01-05T10:12:00.000000Z",
    actor: "api:ops",
    via: "session",
    address: "203.0.113.7",
    action: "order.cancel",
    subject: { kind: "order", id: "42" },
    outcome: "done",
    detail: null,
  }],
  next_cursor: null,
} satisfies z.input<typeof auditListAnswer>;

const report = {
  ok: true,
  checked_at: "2026-01-05T10:12:00.000Z",
  seconds: 1.2,
  incremental: false,
  sealed: { orders: 12_480, refunds: 310, proven_since: "2026-01-05T09:58:00.000000Z" },
  checks: [{
    name: "stock",
    ok: true,
    checked: 2_790,
    drift: [],
    drift_count: 0,
    for_people: 0,
  }],
} as const;

/** The last verification. */
export const verificationExample = {
  verification: {
    ...report,
    losses: [],
    checks: report.checks.map((check) => ({ ...check, drift: [] })),
  },
} satisfies z.input<typeof verificationAnswer>;

/** Nothing was to be repaired. */
export const repairAnswerExample = {
  running: false,
  repair: "nothing",
  verification: verificationExample.verification,
} satisfies z.input<typeof verifiedAnswer>;

/** The process lives. */
export const alive = { status: "ok" } satisfies z.input<typeof aliveAnswer>;

/** All parts work. */
export const ready = {
  status: "ok",
  checks: { database: "ok", redis: "ok", migrations: "ok" },
  gateway: "http",
  warnings: [],
} satisfies z.input<typeof readyAnswer>;

/** A part does not. */
export const notReady = {
  status: "unavailable",
  checks: { database: "ok", redis: "no answer", migrations: "ok" },
  gateway: "simulated",
  warnings: ["Payments are simulated: no money is taken or given back (GATEWAY=simulated)"],
} satisfies z.input<typeof readyAnswer>;
