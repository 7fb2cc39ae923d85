/**
 * Charts: a picture that needs no script, which the script replaces by one that can be pointed at.
 *
 * @module
 */

import type { FC } from "hono/jsx";
import { coordinate, linearScale, pointList } from "./chart_scale.ts";
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

/** So much larger than its largest value a chart is. */
const headroom = 1.12;

/** From so many points on, a line is drawn without dots. */
const maxDots = 30;

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

/** How a value of a series is drawn, and what it is called. */
interface Axis {
  max: number;
  min: number;
  /** From the top, in the picture's own coordinates. */
  heightOf: (value: number) => number;
  write: (value: number) => string;
}

function axisOf({ unit, y, digits = 0 }: Series): Axis {
  const values = y.flat().map((value) => value ?? 0);
  const max = Math.max(...values);
  const min = Math.min(...values);
  const ends = [Math.min(0, min) * headroom, Math.max(10 ** digits, max) * headroom] as const;
  return {
    max,
    min,
    heightOf: linearScale(ends, [height, 0]),
    write: (value) => written[unit](value / 10 ** digits),
  };
}

/** The picture, and in words the ends of its axes. */
const Spark: FC<{ series: Series }> = ({ series }) => {
  const { kind, unit, y } = series;
  const axis = axisOf(series);
  const { min, heightOf } = axis;
  const zero = heightOf(0);
  return (
    <>
      <svg
        class="spark"
        viewBox={`0 0 ${width} ${height}`}
        preserveAspectRatio="none"
        aria-hidden="true"
      >
        {y.map((line, index) => {
          const drawn = { line, index, zero, heightOf };
          return kind === "bars"
            ? <Bars key={index} {...drawn} />
            : <Line key={index} {...drawn} spansGaps={unit === "ms"} />;
        })}
        {min < 0 && <path class="zero" d={`M0 ${coordinate(zero)}h${width}`} />}
      </svg>
      {series.x.length > 0 && <Ends x={series.x} axis={axis} />}
    </>
  );
};

/** What the ends of both axes are, in words. */
const Ends: FC<{ x: readonly number[]; axis: Axis }> = ({ x, axis: { max, min, write } }) => {
  const dated = x.length === 1 || x[1]! - x[0]! >= 86_400;
  const when = (seconds: number) => {
    const iso = new Date(seconds * 1_000).toISOString();
    return dated ? formatDay(iso.slice(0, 10)) : iso.slice(11, 16);
  };
  return (
    <>
      {max > 0 && <span class="spark-end most">{write(max)}</span>}
      {min < 0 && <span class="spark-end least">{write(min)}</span>}
      <span class="spark-end first">{when(x[0]!)}</span>
      <span class="spark-end last">{when(x.at(-1)!)}</span>
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
  const points = line.map((value, at): [x: number, y: number] | null =>
    value === null ? null : [at * step, heightOf(value)]
  );
  const known = points.filter((point) => point !== null);
  // A value without another beside it would not be seen.
  const dots = known.length < maxDots ? known : [];
  const second = index === 0 ? "" : " second";
  return (
    <>
      {pieces(spansGaps ? known : points).map((piece, at) => {
        const ends = [[piece.at(-1)![0], zero], [piece[0]![0], zero]] as const;
        return (
          <g key={at}>
            {index === 0 && <polygon class="area" points={pointList([...piece, ...ends])} />}
            <polyline class={`line${second}`} points={pointList(piece)} />
          </g>
        );
      })}
      <path
        class={`dots${second}`}
        d={dots.map(([x, y]) => `M${coordinate(x)} ${coordinate(y)}h0`).join("")}
      />
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
  const ground = coordinate(zero);
  const path = line.map((value, at) =>
    `M${coordinate((at + 0.15) * step)} ${ground}` +
    `V${coordinate(heightOf(value ?? 0))}h${coordinate(step * 0.7)}V${ground}z`
  ).join("");
  return <path class={index === 0 ? "bar" : "bar second"} d={path} />;
};

/** A part of a whole, as a bar below a figure. */
export const ShareBar: FC<{ share: number }> = ({ share }) => (
  <svg class="bar" viewBox="0 0 100 4" preserveAspectRatio="none" aria-hidden="true">
    <rect width="100" height="4" rx="2" />
    <rect width={String(Math.max(0, Math.round(share * 100)))} height="4" rx="2" />
  </svg>
);
