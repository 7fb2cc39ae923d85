/**
 * A file as a shop system exports it, through its profile: read, settled, mapped and taken.
 *
 * @module
 */

import { type Figure, figure, perOrder } from "./figures.ts";
import { type ImportRun, runImport } from "./import.ts";
import { type BenchForm, makeShopFile, shopForm } from "./shop_files.ts";
import { openDeployment, type Stage } from "./stage.ts";

/** Imports of a shop's file whose profile is named. */
export async function benchProfiles(
  stage: Stage,
  { form }: { form: BenchForm },
): Promise<Figure[]> {
  const { name, settings = [] } = shopForm(form);
  const file = await makeShopFile(stage, form);
  const said = settings.map((one) => `--set=${one}`);
  const runs: ImportRun[] = [];
  for (let run = 1; run <= stage.runs; run++) {
    stage.log(`import by a profile, run ${run} of ${stage.runs}`);
    const deployment = await openDeployment(stage);
    runs.push(await runImport(stage, deployment, file, [`--profile=${form}`, "--yes", ...said]));
    await deployment.close();
  }
  const scenario = `import, ${name}`;
  return [
    figure(
      scenario,
      "rows/s",
      runs.map(({ seconds }) => file.rows / seconds),
      runs.map(({ cpu }) => perOrder(cpu, file.orders)),
    ),
    figure(scenario, "peak MB", runs.map(({ peakBytes }) => peakBytes / 1e6)),
  ];
}
