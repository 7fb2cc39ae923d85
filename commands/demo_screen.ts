/**
 * The screen of the demonstration: lines that stay, one that moves, and nothing wider than the terminal.
 *
 * @module
 */

import { writeSync } from "node:fs";
import { isatty } from "node:tty";
import { groupedAmount, namedAmount } from "../domain/money.ts";
import { formatCount } from "../domain/text/format_count.ts";
import type { GroupStatus } from "../streams/workflow/queue_status.ts";
import { print } from "./print.ts";
import { terminalColumns } from "./table.ts";

/** Characters of the bar. */
const barWidth = 10;

let isShown = false;

/** A line that stays. */
export function say(line: string): void {
  if (isShown) writeSync(1, "\r\x1b[K");
  isShown = false;
  print(line);
}

/** A line that the next one replaces; only a terminal shows it. */
export function show(line: string): void {
  if (!isatty(1)) return;
  writeSync(1, `\r\x1b[K${line.slice(0, terminalColumns() - 1)}`);
  isShown = true;
}

/** Steps that a message of each group is away from the end of its order. */
const stepsLeft: Readonly<Record<string, number>> = {
  orders: 3,
  payments: 2,
  notifications: 1,
  refunds: 2,
};

/**
 * How far the orders are, what waits in each group, and the money in it, in one line: what does not fit is left out,
 * the least needed first.
 *
 * @param orders how many there were at first
 * @param width columns that the line may take
 */
export function progressLine(
  status: readonly Pick<GroupStatus, "group" | "length" | "scheduled" | "money">[],
  orders: number,
  width: number,
): string {
  const waits = status.map(({ group, length, scheduled }) => ({
    group,
    messages: length + scheduled,
  }));
  const left = waits.reduce((sum, { group, messages }) => sum + messages * stepsLeft[group]!, 0);
  const share = Math.min(Math.max(1 - left / Math.max(orders * stepsLeft.orders!, 1), 0), 1);
  const filled = Math.floor(share * barWidth);
  const bar = "█".repeat(filled) + "░".repeat(barWidth - filled);
  const percent = `${Math.floor(share * 100)}%`.padStart(4);
  const groups = waits.map(({ group, messages }) => `${group} ${formatCount(messages)}`).join("  ");
  const money = totals(status).map(([currency, cents]) => namedAmount(cents, currency)).join("  ");
  const lines = [
    [bar, percent, groups, money],
    [bar, percent, groups],
    [percent, groups],
  ].map((parts) => `  ${parts.filter((part) => part !== "").join("  ")}`);
  return lines.find((line) => line.length <= width) ?? lines.at(-1)!.slice(0, width);
}

/** The money that waits, by currency. */
function totals(status: readonly Pick<GroupStatus, "money">[]): [string, number][] {
  const sums = new Map<string, number>();
  for (const { currency, amountCents } of status.flatMap(({ money }) => money)) {
    sums.set(currency, (sums.get(currency) ?? 0) + amountCents);
  }
  return [...sums];
}

/** Names of people and amounts below each other, where names may be long. */
export function placeRow(rank: number, name: string, cents: number, currency: string): string[] {
  return [String(rank), cut(name, 40), groupedAmount(cents, currency)];
}

/** Text of no more characters than that. */
export function cut(text: string, length: number): string {
  const characters = [...text];
  return characters.length <= length ? text : `${characters.slice(0, length - 1).join("")}…`;
}
