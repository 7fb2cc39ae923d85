/**
 * Charts: a picture that needs no script, which the script replaces by one that can be pointed at.
 *
 * @module
 */

import type { FC } from "hono/jsx";

/** What a chart shows, as assets/charts.js takes it. */
export interface Series {
  kind: "line" | "bars";
  unit: "rate" | "ms" | "count" | "money";
  /** Seconds since 1970. */
  x: number[];
  /** One list a line; null where there is nothing to show. */
  y: (number | null)[][];
  labels: string[];
}

/** Width and height of the picture's own coordinates. */
const width = 600, height = 190;

/**
 * A chart with a heading.
 *
 * @param summary what it says, in a sentence: all that a screen reader tells of it
 */
export const Chart: FC<
  { name: string; title: string; summary: string; series: Series }
> = ({ name, title, summary, series }) => (
  <figure class="card">
    <div class="section-head">
      <h2 id={`chart-${name}`}>{title}</h2>
      <p class="legend">
        {series.labels.length > 1 &&
          series.labels.map((label, index) => (
            <span key={label} class={index === 0 ? "swatch" : "swatch second"}>{label}</span>
          ))}
      </p>
    </div>
    <div
      class="chart"
      data-chart={name}
      data-series={JSON.stringify(series)}
      role="img"
      aria-labelledby={`chart-${name}`}
      aria-describedby={`chart-${name}-summary`}
    >
      <Spark series={series} />
    </div>
    <figcaption class="legend">
      <span id={`chart-${name}-summary`} data-readout={summary}>{summary}</span>
    </figcaption>
  </figure>
);

/** The first line of a chart. */
const Spark: FC<{ series: Series }> = ({ series: { x, y } }) => {
  const values = (y[0] ?? []).map((value) => value ?? 0);
  const most = Math.max(1, ...values) * 1.12;
  const step = width / Math.max(1, x.length - 1);
  const points = values.map((value, index) =>
    `${(index * step).toFixed(1)},${(height - value / most * height).toFixed(1)}`
  ).join(" ");
  return (
    <svg
      class="spark"
      viewBox={`0 0 ${width} ${height}`}
      preserveAspectRatio="none"
      aria-hidden="true"
    >
      <polygon class="area" points={`0,${height} ${points} ${width},${height}`} />
      <polyline class="line" points={points} />
    </svg>
  );
};
