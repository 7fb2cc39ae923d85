/**
 * How far an import is, as one line that is drawn over itself.
 *
 * @module
 */

import { writeSync } from "node:fs";
import { formatCount } from "../domain/text/format_count.ts";
import { counted } from "../domain/text/plural.ts";
import type { ImportProgress } from "../streams/imports/orders_import.ts";

/** Milliseconds between two drawings. */
const redrawMs = 100;

/** Characters of the bar. */
const barWidth = 24;

/** Draws on standard error, which should be a terminal. */
export interface ProgressBar {
  draw(progress: ImportProgress): void;
  /** Removes the line. */
  clear(): void;
}

/**
 * @param sourceBytes size of the file; undefined if unknown: then there is no bar while reading
 */
export function importProgressBar(sourceBytes: number | undefined): ProgressBar {
  let drawnAt = -Infinity;
  let phase: ImportProgress["phase"] | undefined;
  let phaseSince = 0;
  let isDrawn = false;
  const write = (text: string) => writeSync(2, text);
  return {
    draw(progress) {
      const now = performance.now();
      if (progress.phase !== phase) {
        phase = progress.phase;
        phaseSince = now;
      } else if (now - drawnAt < redrawMs) return;
      drawnAt = now;
      isDrawn = true;
      write(`\r\x1b[2K${importProgressLine(progress, sourceBytes, now - phaseSince)}`);
    },
    clear() {
      if (isDrawn) write("\r\x1b[2K");
      isDrawn = false;
    },
  };
}

/**
 * The line: what happens, bar and percent where the end is known, rows, rows per second, time left.
 *
 * @param elapsedMs since the phase began
 */
export function importProgressLine(
  progress: ImportProgress,
  sourceBytes: number | undefined,
  elapsedMs: number,
): string {
  const isReading = progress.phase === "reading";
  const rows = isReading ? progress.rowsRead : progress.rowsDone;
  const done = isReading
    ? (sourceBytes === undefined ? undefined : progress.bytesRead / Math.max(sourceBytes, 1))
    : progress.rowsDone / Math.max(progress.rowsRead, 1);
  const parts = [counted(rows, "row")];
  // What began this moment has no speed yet.
  if (elapsedMs >= 1) parts.push(`${formatCount(Math.round(rows / elapsedMs * 1000))} rows/s`);
  if (done === undefined) {
    const spinner = "|/-\\"[Math.floor(elapsedMs / redrawMs) % 4];
    return [`Reading   ${spinner}`, ...parts].join("  ");
  }
  if (progress.waitingFor !== undefined) {
    const word = `Waiting for ${progress.waitingFor}`;
    return [word, `${Math.floor(Math.min(done, 1) * 100)}% done`, counted(rows, "row")].join("  ");
  }
  const share = Math.min(done, 1);
  const filled = Math.floor(share * barWidth);
  const bar = "█".repeat(filled) + "░".repeat(barWidth - filled);
  if (share > 0 && share < 1) parts.push(`${duration((1 / share - 1) * elapsedMs)} left`);
  const percent = `${Math.floor(share * 100)}%`.padStart(4);
  return [isReading ? "Reading  " : "Importing", bar, percent, ...parts].join("  ");
}

function duration(ms: number): string {
  const seconds = Math.ceil(ms / 1000);
  if (seconds < 60) return `${seconds} s`;
  const minutes = Math.floor(seconds / 60);
  if (minutes < 60) return `${minutes} min ${seconds % 60} s`;
  return `${Math.floor(minutes / 60)} h ${minutes % 60} min`;
}
