/**
 * Money given back directly at a provider, for tests: a charge of nobody, which mending gives back.
 *
 * @module
 */

import assert from "node:assert/strict";
import type { ReportLine } from "../commands/provider_report.ts";
import { databaseTime } from "../domain/database_time.ts";
import { proposeMending } from "../services/reconciliation/mend_discrepancies.ts";
import type { RefundNews } from "../services/refunds/take_refund_news.ts";
import type { Gateway, MoneyAnswer, RefundStatusAnswer } from "../streams/payments/gateway.ts";
import * as reconciled from "./reconciled.ts";
import { operator } from "./reconciled.ts";
import type { Workflow } from "./workflow.ts";

/** A provider that answers of one unknown charge of 10.00 EUR, and keeps what it was asked to give back. */
export function aGateway(flow: Workflow) {
  const asked: { key: string; cents: number }[] = [];
  let backCents = 0;
  let status: RefundStatusAnswer = { kind: "refunded" };
  const gateway: Gateway = {
    ...flow.gateway,
    can: { ...flow.gateway.can!, looksUpByName: true },
    refund: (requests) => {
      for (const { idempotencyKey: key, amountCents: cents } of requests) {
        if (!asked.some((one) => one.key === key)) backCents += cents;
        asked.push({ key, cents });
      }
      return Promise.resolve(requests.map(() => ({ kind: "refunded" } as const)));
    },
    refundStatus: (requests) => Promise.resolve(requests.map(() => status)),
    money: (requests) =>
      Promise.resolve(requests.map((): MoneyAnswer => ({
        kind: "found",
        ref: "ch_nobody",
        currency: "EUR",
        tookCents: 1_000,
        refundedCents: backCents,
      }))),
  };
  const cameBack = (cents: number) => {
    backCents -= cents;
    status = { kind: "refused", reason: "account_closed" };
  };
  return { gateway, asked, cameBack, deps: { ...reconciled.depsOf({ flow }), gateway } };
}

/** Holds lines against the books of `simulated`. */
export const hold = (flow: Workflow, lines: Iterable<ReportLine>) =>
  reconciled.hold({ flow, name: "simulated" }, lines);

/** A line of an unknown charge of 10.00 EUR. */
export function aLine(kind: string, change: Partial<Omit<ReportLine, "kind">> = {}): ReportLine {
  const grossCents = change.grossCents ?? 1_000;
  const line = {
    entryId: `txn_${kind}`,
    kind,
    createdUtc: databaseTime(Date.now()),
    chargeId: "ch_nobody",
    refundId: "",
    key: "",
    reference: "",
    feeCents: 0,
    currency: "EUR",
    ...change,
    grossCents,
    netCents: grossCents,
  };
  return line as ReportLine;
}

/** Gives an unknown charge of 10.00 EUR back directly. @returns the discrepancy that it mends */
export async function aMend(flow: Workflow, deps: ReturnType<typeof aGateway>["deps"]) {
  const { discrepancy } = await proposeMending(deps, await aWish(flow), operator);
  assert.equal(discrepancy.state, "mended");
  return discrepancy;
}

/** What the provider says of the refund of a key by itself. */
export function news(key: string, gateway: Gateway, amountCents = 1_000): RefundNews {
  const refund = {
    ref: "re_1",
    state: "refused",
    reason: null,
    amountCents,
    currency: "EUR",
    key,
    chargeRefs: ["ch_nobody"],
  } as const;
  return { provider: "simulated", refund, happenedAt: new Date(), gateway };
}

/** What is open. */
export const open = (flow: Workflow) => reconciled.all({ flow }, "open");

/** Has a report tell of an unknown charge of 10.00 EUR. @returns the wish to mend it */
export async function aWish(flow: Workflow): Promise<{ id: number; note: null }> {
  await hold(flow, [aLine("charge")]);
  const [found] = await open(flow);
  return { id: found!.id, note: null };
}

/** A provider that knows of no charge any more. */
export const knowsNone = (gateway: Gateway): Gateway => ({
  ...gateway,
  money: () => Promise.resolve([{ kind: "unknown" }]),
});

/** A provider that no refund reaches. */
export const neverReached = (gateway: Gateway): Gateway => ({
  ...gateway,
  refund: () => Promise.resolve([{ kind: "away", error: "no answer" }]),
});

/** A provider that refunds, and whose answers are lost. */
export const neverHeardOf = (gateway: Gateway): Gateway => ({
  ...gateway,
  refund: async (requests) => {
    await gateway.refund(requests);
    return [{ kind: "away", error: "no answer" }];
  },
});
