/**
 * Charts: a picture that needs no script, which the script replaces by one that can be pointed at.
 *
 * @module
 */

import type { FC } from "hono/jsx";
import { formatCount, formatDay, formatDuration, formatRate } from "./format.ts";

/** What a chart shows, as assets/charts.js takes it. */
export interface Series {
  kind: "line" | "bars";
  unit: "rate" | "ms" | "count" | "money";
  /** Seconds since 1970. */
  x: number[];
  /** One list a line; null where there is nothing to show. */
  y: (number | null)[][];
  labels: string[];
  /** Of money: the digits after the point of its currency. */
  digits?: number;
}

/** Width and height of the picture's own coordinates. */
const width = 600, height = 174;

/** From so many points on, a line is drawn without dots. */
const mostDots = 30;

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

/** The picture, and in words the ends of its axes. */
const Spark: FC<{ series: Series }> = ({ series: { kind, unit, x, y, digits = 0 } }) => {
  const values = y.flat().map((value) => value ?? 0);
  const most = Math.max(10 ** digits, ...values) * 1.12;
  const least = Math.min(0, ...values) * 1.12;
  const heightOf = (value: number) => height - (value - least) / (most - least) * height;
  const write = (value: number) => written[unit](value / 10 ** digits);
  const dated = x.length === 1 || x[1]! - x[0]! >= 86_400;
  const when = (seconds: number) => {
    const iso = new Date(seconds * 1_000).toISOString();
    return dated ? formatDay(iso.slice(0, 10)) : iso.slice(11, 16);
  };
  return (
    <>
      <svg
        class="spark"
        viewBox={`0 0 ${width} ${height}`}
        preserveAspectRatio="none"
        aria-hidden="true"
      >
        {y.map((line, index) => (
          kind === "bars"
            ? <Bars key={index} line={line} index={index} zero={heightOf(0)} heightOf={heightOf} />
            : (
              <Line
                key={index}
                line={line}
                spansGaps={unit === "ms"}
                index={index}
                zero={heightOf(0)}
                heightOf={heightOf}
              />
            )
        ))}
        {least < 0 && <path class="zero" d={`M0 ${heightOf(0).toFixed(1)}h${width}`} />}
      </svg>
      {x.length > 0 && (
        <>
          {values.some((value) => value > 0) && (
            <span class="spark-end most">{write(Math.max(...values))}</span>
          )}
          {least < 0 && <span class="spark-end least">{write(Math.min(...values))}</span>}
          <span class="spark-end first">{when(x[0]!)}</span>
          <span class="spark-end last">{when(x.at(-1)!)}</span>
        </>
      )}
    </>
  );
};

/** Values of a chart as text; money in whole units of its currency. */
const written: Readonly<Record<Series["unit"], (value: number) => string>> = {
  rate: formatRate,
  ms: formatDuration,
  count: (value) => formatCount(Math.round(value)),
  money: (value) => formatCount(Math.round(value)),
};

/** What {@linkcode Spark} draws of one list of values. */
interface Drawn {
  line: (number | null)[];
  /** Of the list among the chart's. */
  index: number;
  /** Where zero is, from the top. */
  zero: number;
  heightOf: (value: number) => number;
}

/** A line, broken where there is nothing to show unless it spans gaps. */
const Line: FC<Drawn & { spansGaps: boolean }> = (
  { line, spansGaps, index, zero, heightOf },
) => {
  const step = width / Math.max(1, line.length - 1);
  const points = line.map((value, at): [x: string, y: string] | null =>
    value === null ? null : [(at * step).toFixed(1), heightOf(value).toFixed(1)]
  );
  const known = points.filter((point) => point !== null);
  // A value without another beside it would not be seen.
  const dots = known.length < mostDots ? known : [];
  const second = index === 0 ? "" : " second";
  return (
    <>
      {pieces(spansGaps ? known : points).map((piece, at) => {
        const path = piece.map((point) => point.join()).join(" ");
        const ends = `${piece.at(-1)![0]},${zero.toFixed(1)} ${piece[0]![0]},${zero.toFixed(1)}`;
        return (
          <g key={at}>
            {index === 0 && <polygon class="area" points={`${path} ${ends}`} />}
            <polyline class={`line${second}`} points={path} />
          </g>
        );
      })}
      <path class={`dots${second}`} d={dots.map(([x, y]) => `M${x} ${y}h0`).join("")} />
    </>
  );
};

/** The parts of a list that lie between nulls. */
function pieces<T>(list: readonly (T | null)[]): T[][] {
  const found: T[][] = [[]];
  for (const one of list) {
    if (one === null) found.push([]);
    else found.at(-1)!.push(one);
  }
  return found.filter((piece) => piece.length > 0);
}

const Bars: FC<Drawn> = ({ line, index, zero, heightOf }) => {
  const step = width / Math.max(1, line.length);
  const path = line.map((value, at) =>
    `M${((at + 0.15) * step).toFixed(1)} ${zero.toFixed(1)}` +
    `V${heightOf(value ?? 0).toFixed(1)}h${(step * 0.7).toFixed(1)}V${zero.toFixed(1)}z`
  ).join("");
  return <path class={index === 0 ? "bar" : "bar second"} d={path} />;
};
