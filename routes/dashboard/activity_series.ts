/**
 * What the consumers did in the last hour, as charts.
 *
 * @module
 */

import {
  batchSizeBounds,
  handlerMsBounds,
  type Histogram,
  quantile,
  settleMsBounds,
  sumHistograms,
} from "../../domain/operation/histogram.ts";
import { type Group, groups } from "../../domain/messages/messages.ts";
import {
  type ActivityCounts,
  type ActivityHour,
  slotSeconds,
} from "../../streams/kpis/activity.ts";
import type { Series } from "./chart.tsx";
import { counted, formatDuration, formatRate } from "./format.ts";

/** A chart's data and what it says in words. */
export interface ChartData {
  series: Series;
  summary: string;
}

/** Slots that make a minute. */
const slotsPerMinute = 60 / slotSeconds;

/**
 * What is said where nothing was settled: Redis knows of the last hour, or of less where it came back empty.
 *
 * @param beganAt since when Redis has what it holds, ISO 8601; null where nobody knows
 */
function nothingSettled(times: readonly number[], beganAt: string | null): string {
  const isShort = beganAt !== null && times.length > 0 && Date.parse(beganAt) > times[0]! * 1_000;
  return isShort
    ? `No order was settled since ${
      beganAt.slice(11, 16)
    }, when Redis began empty; what was settled ` +
      "before is not shown here"
    : "No order was settled in the last hour";
}

/** Orders that came to their end, a second. */
export function settledRate(
  { times, groups: byGroup }: ActivityHour,
  beganAt: string | null,
): ChartData {
  const rates = times.map((_, at) =>
    groups.reduce((sum, group) => sum + byGroup[group][at]!.paid + byGroup[group][at]!.failed, 0) /
    slotSeconds
  );
  return chartData("rate", times, [rates], ["orders/s"], () => {
    const max = Math.max(0, ...rates);
    if (max === 0) return nothingSettled(times, beganAt);
    const now = minuteBefore(rates);
    return `${formatRate(now)} orders/s in the last minute, ${formatRate(max)} at most`;
  });
}

/** From an order's arrival to its end. */
export function settleLatency(
  { times, groups: byGroup }: ActivityHour,
  beganAt: string | null,
): ChartData {
  const histograms = times.map((_, at) =>
    sumHistograms(groups.map((group) => byGroup[group][at]!.settleMs))
  );
  return latency(times, settleMsBounds, histograms, nothingSettled(times, beganAt));
}

/** Messages that a group finished, a second. */
export function groupRate({ times, groups: byGroup }: ActivityHour, group: Group): ChartData {
  const rates = byGroup[group].map(({ handled }) => handled / slotSeconds);
  return chartData("rate", times, [rates], ["messages/s"], () => {
    const max = Math.max(0, ...rates);
    if (max === 0) return "No message was handled in the last hour";
    return `${formatRate(minuteBefore(rates))} messages/s in the last minute, ` +
      `${formatRate(max)} at most`;
  });
}

/** How long a group's batches take. */
export function groupHandlerMs(hour: ActivityHour, group: Group): ChartData {
  const histograms = hour.groups[group].map(({ handlerMs }) => handlerMs);
  return latency(hour.times, handlerMsBounds, histograms, "No batch was handled in the last hour");
}

/** How many messages a group's batches hold. */
export function groupBatchSize({ times, groups: byGroup }: ActivityHour, group: Group): ChartData {
  const sizes = byGroup[group].map(({ sumBatch, batches }) =>
    batches === 0 ? null : sumBatch / batches
  );
  return chartData("count", times, [sizes], ["messages a batch"], () => {
    const half = quantile(
      batchSizeBounds,
      sumHistograms(byGroup[group].map(({ batchSize }) => batchSize)),
      0.5,
    );
    return half === null
      ? "No batch was handled in the last hour"
      : `Half of the batches have up to ${counted(Math.round(half), "message")}`;
  });
}

/** What a group finished in the last minute, a second. */
export function lastMinuteRate(counts: readonly ActivityCounts[]): number {
  return minuteBefore(counts.map(({ handled }) => handled / slotSeconds));
}

/** The mean of the last minute; the slot that is not over yet counts as far as it goes. */
function minuteBefore(rates: readonly number[]): number {
  return rates.slice(-slotsPerMinute).reduce((sum, rate) => sum + rate, 0) / slotsPerMinute;
}

function latency(
  times: number[],
  bounds: readonly number[],
  histograms: readonly Histogram[],
  nothing: string,
): ChartData {
  const half = histograms.map((histogram) => quantile(bounds, histogram, 0.5));
  const high = histograms.map((histogram) => quantile(bounds, histogram, 0.95));
  return chartData("ms", times, [half, high], ["median", "95 %"], () => {
    const all = sumHistograms(histograms);
    const median = quantile(bounds, all, 0.5);
    if (median === null) return nothing;
    return `Half within ${formatDuration(median)}, 95 % within ${
      formatDuration(quantile(bounds, all, 0.95)!)
    }`;
  });
}

function chartData(
  unit: Series["unit"],
  x: number[],
  y: (number | null)[][],
  labels: string[],
  summary: () => string,
): ChartData {
  const rounded = y.map((values) =>
    values.map((value) => value === null ? null : Math.round(value * 100) / 100)
  );
  return { series: { kind: "line", unit, x, y: rounded, labels }, summary: summary() };
}
