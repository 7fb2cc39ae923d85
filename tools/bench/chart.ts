/**
 * The picture of what an order costs by the size of the tables.
 *
 * It is scaled as the dashboard's charts are, and drawn otherwise: a file that stands by itself needs its colours, the
 * words of its axes and a grid inside, and its sizes lie logarithmically.
 *
 * @module
 */

import { formatCount } from "../../domain/text/format_count.ts";
import { coordinate, linearScale, pointList } from "../../routes/dashboard/chart_scale.ts";

/** Costs at one size of the tables. */
export interface CostPoint {
  /** Orders in the tables. */
  size: number;
  /** CPU time to an order, in microseconds. */
  importUs: number;
  drainUs: number;
}

const width = 640, height = 320, left = 56, right = 36, top = 56, bottom = 36;

/** Draws what an order costs by the size of the tables, as an SVG of its own. */
export function costChart(unsorted: readonly CostPoint[]): string {
  const points = unsorted.toSorted((a, b) => a.size - b.size);
  const largest = Math.max(...points.map(({ size }) => size));
  const smallest = Math.min(...points.map(({ size }) => size));
  const max = Math.max(...points.map(({ importUs, drainUs }) => Math.max(importUs, drainUs)));
  const step = niceStep(max / 4);
  const ceiling = Math.ceil(max / step) * step;
  // Logarithmic across: the sizes go from thousands to millions.
  const across = linearScale([Math.log(smallest), Math.log(largest)], [left, width - right]);
  const x = (size: number) => across(Math.log(size));
  const y = linearScale([0, ceiling], [height - bottom, top]);
  const line = (of: (point: CostPoint) => number) =>
    pointList(points.map((point) => [x(point.size), y(of(point))]));
  const text = (at: [number, number], content: string, anchor = "middle") =>
    `<text x="${coordinate(at[0])}" y="${
      coordinate(at[1])
    }" text-anchor="${anchor}">${content}</text>`;

  const grid = [];
  for (let us = 0; us <= ceiling; us += step) {
    grid.push(
      `<path class="grid" d="M${left} ${coordinate(y(us))}H${width - right}"/>`,
      text([left - 8, y(us) + 4], String(us), "end"),
    );
  }
  for (const { size } of points) {
    // Every label would run into its neighbour.
    if (Math.log10(size) % 1 === 0) {
      grid.push(text([x(size), height - bottom + 18], formatCount(size)));
    }
  }
  return `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${width} ${height}" role="img" aria-label="CPU time an order costs, by orders in the tables">
<style>
  svg { background: #fff; font: 12px system-ui, sans-serif; fill: #333 }
  .grid { stroke: #ddd }
  polyline { fill: none; stroke-width: 2 }
  .drain { stroke: #1d4ed8 } .import { stroke: #b45309 }
</style>
${text([width / 2, 18], "CPU time to an order (µs, all processes) by orders in the tables")}
${grid.join("\n")}
<polyline class="drain" points="${line(({ drainUs }) => drainUs)}"/>
<polyline class="import" points="${line(({ importUs }) => importUs)}"/>
<path class="drain" stroke-width="2" d="M${left + 8} 34h18"/>${
    text([left + 32, 38], "drain", "start")
  }
<path class="import" stroke-width="2" d="M${left + 88} 34h18"/>${
    text([left + 112, 38], "import", "start")
  }
</svg>
`;
}

/** 1, 2 or 5 times a power of ten, at least `min`. */
function niceStep(min: number): number {
  const power = 10 ** Math.floor(Math.log10(min));
  return [1, 2, 5, 10].map((factor) => factor * power).find((step) => step >= min)!;
}
