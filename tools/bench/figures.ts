/**
 * What a benchmark finds out, and how it is shown.
 *
 * @module
 */

import { formatTable, right } from "../../commands/table.ts";
import type { CpuSeconds } from "./cpu.ts";

/** What a figure must reach, and whether it does. */
export interface Target {
  /** A rate or a share must not be less, a time or an amount of memory not be more. */
  bound: "least" | "most";
  value: number;
  met: boolean;
}

/** One figure: the median of several runs. */
export interface Figure {
  /** Such as `drain`. */
  scenario: string;
  /** Such as `orders/s`. */
  what: string;
  /** Median of the runs. */
  value: number;
  /** Each run's, in their order. */
  runs: number[];
  /** Share of the floor of the same benchmark; only for rates of orders. */
  floorRatio?: number;
  /** CPU time of each part to an order, in microseconds; medians too. */
  cpuUsPerOrder?: CpuSeconds;
  target?: Target;
}

/** Puts the measurements of several runs together. */
export function figure(
  scenario: string,
  what: string,
  runs: number[],
  cpuUsPerOrder: CpuSeconds[] = [],
): Figure {
  return {
    scenario,
    what,
    value: median(runs),
    runs,
    ...(cpuUsPerOrder.length === 0 ? {} : {
      cpuUsPerOrder: {
        deno: median(cpuUsPerOrder.map(({ deno }) => deno)),
        database: median(cpuUsPerOrder.map(({ database }) => database)),
        redis: median(cpuUsPerOrder.map(({ redis }) => redis)),
      },
    }),
  };
}

/** CPU seconds of a run as microseconds to an order. */
export function perOrder(cpu: CpuSeconds, orders: number): CpuSeconds {
  const us = (seconds: number) => seconds * 1e6 / orders;
  return { deno: us(cpu.deno), database: us(cpu.database), redis: us(cpu.redis) };
}

/** The value in the middle; of an even number of values the mean of the two in the middle. */
export function median(values: readonly number[]): number {
  return exactQuantile(values, 0.5);
}

/**
 * The value below which a share of the values lies, between two neighbours in proportion.
 *
 * @param share 0…1
 */
export function exactQuantile(values: readonly number[], share: number): number {
  const sorted = [...values].sort((a, b) => a - b);
  const place = (sorted.length - 1) * share;
  const below = sorted[Math.floor(place)]!;
  const above = sorted[Math.ceil(place)]!;
  return below + (above - below) * (place - Math.floor(place));
}

/**
 * Adds the share of the floor to every rate of orders.
 *
 * @param figures of one scenario, which measured its own floor or none
 * @param what of the figures that can be compared with the floor
 */
export function compareWithFloor(figures: Figure[], what = "orders/s"): void {
  const floor = figures.find(({ scenario }) => scenario === "floor");
  if (floor === undefined) return;
  for (const figure of figures) {
    if (figure.what === what) figure.floorRatio = figure.value / floor.value;
  }
}

/** The figures as a table for people. */
export function formatFigures(figures: readonly Figure[]): string {
  return formatTable(
    [
      { heading: "scenario" },
      { heading: "" },
      ...[
        "median",
        "least",
        "most",
        "target",
        "",
        "of floor",
        "µs CPU an order: deno",
        "db",
        "redis",
      ]
        .map(right),
    ],
    figures.map(({ scenario, what, value, runs, floorRatio, cpuUsPerOrder, target }) => [
      scenario,
      what,
      formatNumber(value),
      formatNumber(Math.min(...runs)),
      formatNumber(Math.max(...runs)),
      target === undefined ? "" : `${target.bound === "least" ? "≥" : "≤"} ${target.value}`,
      target === undefined ? "" : target.met ? "met" : "MISSED",
      floorRatio === undefined ? "" : floorRatio.toFixed(2),
      ...(cpuUsPerOrder === undefined ? ["", "", ""] : [
        formatNumber(cpuUsPerOrder.deno),
        formatNumber(cpuUsPerOrder.database),
        formatNumber(cpuUsPerOrder.redis),
      ]),
    ]),
  );
}

function formatNumber(value: number): string {
  const digits = value >= 100 ? 0 : value >= 10 ? 1 : 2;
  return value.toLocaleString("en", {
    minimumFractionDigits: digits,
    maximumFractionDigits: digits,
  });
}
