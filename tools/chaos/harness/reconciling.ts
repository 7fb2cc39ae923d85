/**
 * Holds the faulty provider's report against the books, and mends what differs as a person would: by what is offered.
 *
 * @module
 */

import { join } from "node:path";
import {
  type DiscrepancyRow,
  listDiscrepancies,
} from "../../../db/reconciliation/discrepancies.ts";
import { readTrialBalance } from "../../../db/ledger/ledger_list.ts";
import { lanes } from "../../../domain/messages/lane.ts";
import type { BookedCharge } from "./faulty_books.ts";
import type { ProviderProcess } from "./provider_process.ts";
import type { Stage } from "./stage.ts";
import { pauseMs } from "./until.ts";
import { equal, settled } from "./verification.ts";

/** Longest wait for a command, and for the end of all work, in milliseconds. */
const commandMs = 60_000, settleBoundMs = 90_000;

/** Rounds of mending: what is asked about twice, given back, and told of by a later report takes some. */
const maxRounds = 8;

/** More than there ever are. */
const maxDiscrepancies = 1_000;

/** What a discrepancy is and of which charge, as `KIND CHARGE`. */
export function nameOf({ kind, chargeRef }: DiscrepancyRow): string {
  return `${kind} ${chargeRef}`;
}

/** All discrepancies, or those that are open. */
export function discrepanciesOf({ db }: Stage, state?: "open"): Promise<DiscrepancyRow[]> {
  const filter = state === undefined ? {} : { state };
  return listDiscrepancies(db, { filter, afterId: 0, limit: maxDiscrepancies });
}

/** Waits until all work is done; what is scheduled to be asked about again later is asked about now. */
export async function settleAll(stage: Stage): Promise<void> {
  const { client, keys } = stage;
  const stop = stage.repeat(async () => {
    for (const lane of lanes) {
      for (const group of ["payments", "refunds"] as const) {
        const key = keys.scheduled(group, lane);
        for (const member of await client.zrange(key, "0", "-1")) {
          await client.zadd(key, "XX", 0, member);
        }
      }
    }
    await pauseMs(500);
  });
  try {
    await settled(stage, settleBoundMs);
  } finally {
    await stop();
  }
}

/**
 * Holds the provider's report of these days against the books.
 *
 * @returns what is open
 */
export async function reconcile(
  stage: Stage,
  provider: ProviderProcess,
  env: Record<string, string>,
): Promise<DiscrepancyRow[]> {
  const file = join(stage.dir, "report.csv");
  await Deno.writeTextFile(file, await provider.report());
  const day = (days: number) => new Date(Date.now() + days * 86_400_000).toISOString().slice(0, 10);
  const args = [file, "--provider=http", `--from=${day(-1)}`, `--to=${day(1)}`];
  const { code, stdout } = await (await stage.start("reconcile", args, env))
    .endedWithin(commandMs);
  // It is 1 where something is open.
  if (code !== 0 && code !== 1) throw new Error(`reconcile ended with ${code}: ${stdout}`);
  return await discrepanciesOf(stage, "open");
}

/**
 * Mends everything by the first action that is offered for it, until nothing is open and a new report agrees.
 *
 * @returns rounds that it took
 */
export async function mend(
  stage: Stage,
  provider: ProviderProcess,
  env: Record<string, string>,
): Promise<number> {
  let left: DiscrepancyRow[] = [];
  for (let round = 1; round <= maxRounds; round++) {
    await (await stage.start("reconcile", ["--mend=all"], env)).endedWithin(commandMs);
    await settleAll(stage);
    left = await reconcile(stage, provider, env);
    if (left.length === 0) return round;
  }
  const open = left.map((row) => `${nameOf(row)}: ${row.answer ?? row.action}`);
  throw new Error(`after ${maxRounds} rounds are open: ${open.join("; ")}`);
}

/** What the provider keeps, the orders, the figures and the ledger say is the same to the cent, in all and of each order. */
export async function agreeToTheCent(
  { db, client }: Stage,
  charges: readonly BookedCharge[],
): Promise<void> {
  const kept = new Map<string, number>();
  for (const { reference, status, amountCents, refundedCents } of charges) {
    if (status !== "succeeded") continue;
    kept.set(reference, (kept.get(reference) ?? 0) + amountCents - refundedCents);
  }
  const rows = await db.query(`
    select external_order_id as reference,
      case status when 'PAID' then total_cents - refunded_cents else 0 end as cents
    from orders`);
  const ours = new Map(rows.map(({ reference, cents }) => [String(reference), Number(cents)]));
  const differing = [...new Set([...kept.keys(), ...ours.keys()])]
    .map((reference) => [reference, kept.get(reference) ?? 0, ours.get(reference) ?? 0] as const)
    .filter(([, theirs, own]) => theirs !== own);
  equal("orders of which provider and books keep other money", differing, []);
  let figure = 0;
  for (const key of await client.keys("kpi:*:revenue_cents")) {
    figure += Number(await client.get(key));
  }
  const all = [...kept.values()].reduce((sum, cents) => sum + cents, 0);
  equal("the revenue in Redis", figure, all);
  // What the provider keeps for itself is booked by its reports.
  const atProvider = (await readTrialBalance(db))
    .filter(({ account }) => account === "clearing" || account === "fees")
    .reduce((sum, { balanceCents }) => sum + balanceCents, 0n);
  equal("what the ledger has at the provider, before fees", Number(atProvider), all);
}
