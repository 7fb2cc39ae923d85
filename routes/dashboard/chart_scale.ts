/**
 * Where values lie on a chart. The pages and the benchmark's picture are drawn with it; the rest of them differs,
 * because a page's chart takes its colours and its words from the page, and the picture stands by itself.
 *
 * @module
 */

/** Spreads the values of a range evenly over coordinates; the second range may run backwards. */
export function linearScale(
  [low, high]: readonly [number, number],
  [start, end]: readonly [number, number],
): (value: number) => number {
  return (value) => start + (value - low) / (high - low) * (end - start);
}

/** A coordinate: a tenth of a unit is finer than any screen. */
export function coordinate(value: number): string {
  return value.toFixed(1);
}

/** Points as `polyline` and `polygon` take them. */
export function pointList(points: readonly (readonly [x: number, y: number])[]): string {
  return points.map((point) => point.map(coordinate).join()).join(" ");
}
