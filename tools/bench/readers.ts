/**
 * The same file in the importer's own columns through both readers: the own one, and the one that all other files take.
 *
 * @module
 */

import { type Figure, figure, perOrder } from "./figures.ts";
import { type ImportRun, makeOrdersFile, runImport } from "./import.ts";
import { openDeployment, type Stage } from "./stage.ts";

/** What the own reader has to gain, or it goes: docs/CONTRIBUTING.md, "Libraries or our own code". */
const readers = [
  { name: "import, own reader", more: [] },
  // With a profile that somebody names nothing is left to the own reader: csv-parse, and columns by the profile.
  { name: "import, reader of other files", more: ["--profile=native", "--yes"] },
];

/** Imports by turns, so that whatever slows the machine down slows both. */
export async function benchReaders(stage: Stage): Promise<Figure[]> {
  const file = await makeOrdersFile(stage, { orders: stage.orders });
  const kinds = readers.map((reader) => ({ ...reader, runs: [] as ImportRun[] }));
  for (let run = 1; run <= stage.runs; run++) {
    stage.log(`both readers, run ${run} of ${stage.runs}`);
    for (const { more, runs } of kinds) {
      const deployment = await openDeployment(stage);
      runs.push(await runImport(stage, deployment, file, more));
      await deployment.close();
    }
  }
  const [own, other] = kinds.map(({ runs }) => runs);
  return [
    ...kinds.map(({ name, runs }) =>
      figure(
        name,
        "rows/s",
        runs.map(({ seconds }) => file.rows / seconds),
        runs.map(({ cpu }) => perOrder(cpu, file.orders)),
      )
    ),
    figure(
      kinds[0]!.name,
      "× other reader",
      own!.map(({ seconds }, run) => other![run]!.seconds / seconds),
    ),
  ];
}
