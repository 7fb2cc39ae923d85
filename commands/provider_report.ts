/**
 * The report of the simulated payment provider, in the native form, and the lies that it can be made to tell: for trials
 * and tests of `reconcile`.
 *
 * @module
 */

import { createHash } from "node:crypto";
import { databaseTime } from "../domain/database_time.ts";
import { nativeColumns } from "../domain/reconciliation/shipped/native.ts";
import type { DiscrepancyKind } from "../domain/reconciliation/discrepancy.ts";

/** A line of the report. */
export interface ReportLine {
  entryId: string;
  kind: "charge" | "refund" | "payout";
  /** UTC, `YYYY-MM-DD HH:MM:SS.fff`. */
  createdUtc: string;
  chargeId: string;
  /** Empty for a charge. */
  refundId: string;
  key: string;
  reference: string;
  /** Signed as it changes the balance. */
  grossCents: number;
  feeCents: number;
  netCents: number;
  currency: string;
}

/** The ten lies, and as what each has to be found. */
export const reportLies = {
  charge_left_out: "missing_with_them",
  refund_left_out: "missing_with_them",
  charge_invented: "missing_with_us",
  other_amount: "amount_differs",
  other_currency: "currency_differs",
  other_fee: "fee_differs",
  charge_doubled: "twice",
  refund_invented: "refund_without_refund",
  of_another_installation: "other_installation",
  days_late: "late",
} as const satisfies Record<string, DiscrepancyKind>;

/** One of {@linkcode reportLies}. */
export type ReportLie = keyof typeof reportLies;

/** A lie that was told. */
export interface ToldLie {
  lie: ReportLie;
  /** The provider's name of the charge that it is about. */
  chargeId: string;
  /** The line that says it; empty for one that was left out. */
  entryId: string;
}

/** What the provider keeps of a charge: 1.5 % and a quarter of a unit. */
export function feeOf(amountCents: number): number {
  return Math.min(amountCents, Math.round(amountCents * 0.015) + 25);
}

/** A line with its id and what comes out. */
export function reportLine(
  line: Omit<ReportLine, "entryId" | "netCents">,
): ReportLine {
  const { kind, chargeId, refundId, grossCents, feeCents } = line;
  const entryId = `txn_${digest(`${kind} ${chargeId} ${refundId}`)}`;
  return { entryId, ...line, netCents: grossCents - feeCents };
}

/** The report as CSV: its header, then its lines. */
export function* reportCsv(lines: Iterable<ReportLine>): Generator<string> {
  yield `${nativeColumns.join(",")}\n`;
  for (const line of lines) yield `${reportFields(line).map(quoted).join(",")}\n`;
}

/** A line's fields, by the columns of the native form. */
export function reportFields(line: ReportLine): (string | number)[] {
  return [
    line.entryId,
    line.kind,
    line.createdUtc,
    line.chargeId,
    line.refundId,
    line.key,
    line.reference,
    line.grossCents,
    line.feeCents,
    line.netCents,
    line.currency,
  ];
}

function quoted(field: string | number): string {
  const text = String(field);
  return /[",\r\n]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text;
}

/** Days by which a line that is too late is. */
const daysLate = 70;

/**
 * Has a report lie: so many lies, as many of each kind as there are lines for, each about a charge of its own. The same
 * seed tells the same lies about the same lines.
 *
 * @param lines stay as they are
 */
export function lyingReport(
  lines: readonly ReportLine[],
  { seed, lies }: { seed: number; lies: number },
): { lines: ReportLine[]; told: ToldLie[] } {
  const places = drawn(lines, seed);
  const used = new Set<string>();
  const told: ToldLie[] = [];
  const changed = new Map<number, ReportLine[]>();
  const kinds = Object.keys(reportLies) as ReportLie[];
  const next = (kind: ReportLine["kind"]) => {
    const at = places[kind].findIndex((place) => !used.has(lines[place]!.chargeId));
    if (at < 0) return undefined;
    const [place] = places[kind].splice(at, 1);
    used.add(lines[place!]!.chargeId);
    return place!;
  };
  for (let n = 0, tries = 0; told.length < lies && tries < lies * 3; n++, tries++) {
    const lie = kinds[n % kinds.length]!;
    const place = next(lie === "refund_left_out" ? "refund" : "charge");
    if (place === undefined) continue;
    const { said, about } = toldInstead(lie, lines[place]!, `${seed} ${told.length}`);
    changed.set(place, said);
    told.push({ lie, chargeId: about.chargeId, entryId: about.entryId });
  }
  return { lines: lines.flatMap((line, place) => changed.get(place) ?? [line]), told };
}

/** Places of lines in an order that the seed draws; the last lines of all are left alone, which end what is covered. */
function drawn(
  lines: readonly ReportLine[],
  seed: number,
): Record<ReportLine["kind"], number[]> {
  const places = lines.slice(0, -1).map((_, place) => place)
    .map((place) => ({ place, rank: digest(`${seed} ${lines[place]!.entryId}`) }))
    .sort((a, b) => a.rank < b.rank ? -1 : 1)
    .map(({ place }) => place);
  const of = (kind: ReportLine["kind"]) => places.filter((place) => lines[place]!.kind === kind);
  return { charge: of("charge"), refund: of("refund"), payout: [] };
}

/** What is said in the place of a true line, and which line it is about. */
function toldInstead(
  lie: ReportLie,
  line: ReportLine,
  salt: string,
): { said: ReportLine[]; about: { chargeId: string; entryId: string } } {
  const other = (change: Partial<ReportLine>): ReportLine => ({ ...line, ...change });
  const added = (change: Partial<ReportLine>) => {
    const made = other({ entryId: `txn_${digest(`${lie} ${salt}`)}`, ...change });
    return { said: [line, made], about: made };
  };
  const instead = (made: ReportLine) => ({ said: [made], about: made });
  switch (lie) {
    case "charge_left_out":
    case "refund_left_out":
      return { said: [], about: { chargeId: line.chargeId, entryId: "" } };
    case "charge_invented":
      return added({
        chargeId: `ch_${digest(`invented ${salt}`)}`,
        key: "",
        reference: `invented-${digest(salt).slice(0, 12)}`,
      });
    case "other_amount":
      return instead(other({ grossCents: line.grossCents + 100, netCents: line.netCents + 100 }));
    case "other_currency":
      return instead(other({ currency: line.currency === "SEK" ? "NOK" : "SEK" }));
    case "other_fee":
      return instead(other({ feeCents: line.feeCents + 7 }));
    case "charge_doubled":
      return added({});
    case "refund_invented":
      return added({
        kind: "refund",
        refundId: `re_${digest(`invented ${salt}`)}`,
        key: `refund_${digest(salt)}`,
        grossCents: -1,
        feeCents: 0,
        netCents: -1,
      });
    case "of_another_installation":
      return added({
        chargeId: `ch_${digest(`another ${salt}`)}`,
        key: `charge_${digest(`another ${salt}`).repeat(2).slice(0, 40)}`,
      });
    case "days_late":
      return instead(other({ createdUtc: later(line.createdUtc) }));
  }
}

function later(time: string): string {
  const ms = Date.parse(`${time.replace(" ", "T")}Z`) + daysLate * 86_400_000;
  return databaseTime(ms);
}

function digest(text: string): string {
  return createHash("sha256").update(text).digest("hex").slice(0, 24);
}
