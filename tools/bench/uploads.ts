/**
 * Previews of a large file as a shop exports it, and an order that is much too large, sent to a process that serves.
 *
 * @module
 */

import { readFile } from "node:fs/promises";
import { freePort } from "../engines/free_port.ts";
import { peakMemoryOf } from "./cpu.ts";
import { type Figure, figure } from "./figures.ts";
import { untilAnswered } from "./http_load.ts";
import type { OrdersFile } from "./import.ts";
import { type BenchForm, makeShopFile } from "./shop_files.ts";
import { type Deployment, openDeployment, runTask, type Stage, startTask } from "./stage.ts";

/** Megabytes that both plan with, unless the environment says others: what a small container has. */
const memoryMb = Deno.env.get("MEMORY_MB") ?? "512";

/** What one upload took. */
interface UploadRun {
  seconds: number;
  /** The most memory that the process which serves ever had. */
  peakBytes: number;
}

/**
 * Sends the file once to each of three processes that just began, so that their memory is that of one upload. A dry run of
 * the same file by the command is what reading it takes.
 */
export async function benchUploads(
  stage: Stage,
  { form }: { form: BenchForm },
): Promise<Figure[]> {
  const file = await makeShopFile(stage, form);
  const large = await makeShopFile(stage, form, { asOne: true });
  const reading: number[] = [];
  const runs: Record<"api" | "page" | "one", UploadRun[]> = { api: [], page: [], one: [] };
  for (let run = 1; run <= stage.runs; run++) {
    stage.log(`uploads of ${file.rows} rows, run ${run} of ${stage.runs}`);
    const opened = await openDeployment(stage);
    const deployment = { ...opened, env: { ...opened.env, MEMORY_MB: memoryMb } };
    const dryRun = ["--dry-run", "--json", `--profile=${form}`];
    const { stdout } = await runTask(deployment, "import", [file.path, ...dryRun]);
    reading.push(JSON.parse(stdout.trim().split("\n").at(-1)!).seconds);
    runs.api.push(
      await upload(deployment, `/imports?preview=true&profile=${form}`, file, isPlanned),
    );
    runs.page.push(await upload(deployment, "/dashboard/imports?preview=1", file, isPage));
    runs.one.push(
      await upload(deployment, `/imports?preview=true&profile=${form}`, large, isRefused),
    );
    await deployment.close();
  }
  const peaks = (name: "api" | "page" | "one") =>
    runs[name].map(({ peakBytes }) => peakBytes / 1e6);
  const times = (name: "api" | "page") =>
    runs[name].map(({ seconds }, index) => seconds / reading[index]!);
  return [
    figure("dry run of the command", "s", reading),
    figure("preview over HTTP", "× reading", times("api")),
    figure("preview over HTTP", "peak MB", peaks("api")),
    figure("preview on the page", "× reading", times("page")),
    figure("preview on the page", "peak MB", peaks("page")),
    figure("one order of all rows", "peak MB", peaks("one")),
  ];
}

/** Sends a file in a form, as a browser does, to a process that serves nobody else. */
async function upload(
  deployment: Deployment,
  path: string,
  file: OrdersFile,
  isRight: (answer: string) => boolean,
): Promise<UploadRun> {
  const port = await freePort();
  const url = `http://127.0.0.1:${port}`;
  const env = { ...deployment.env, PORT: String(port), RATE_LIMIT: "0" };
  const server = await startTask({ ...deployment, env }, "serve", []);
  try {
    await untilAnswered(`${url}/livez`);
    // A form that says its length, as browsers send it: of a body in chunks without one, Deno 2.9.6 keeps up to half.
    const form = new FormData();
    form.set("file", new File([await readFile(file.path)], "shop.csv", { type: "text/csv" }));
    const startedAt = performance.now();
    const answer = await fetch(url + path, {
      method: "POST",
      headers: { "origin": url, "sec-fetch-site": "same-origin" },
      body: form,
    });
    const text = await answer.text();
    const seconds = (performance.now() - startedAt) / 1000;
    if (!isRight(text)) {
      throw new Error(`POST ${path} was answered with ${answer.status}: ${text.slice(0, 500)}`);
    }
    return { seconds, peakBytes: await peakMemoryOf(server.pid) ?? 0 };
  } finally {
    await server.stop();
  }
}

/** The answer of a file that can be imported as it is. */
function isPlanned(answer: string): boolean {
  return /"plan":"[0-9a-f]{64}"/.test(answer.replaceAll(/\s/g, ""));
}

function isPage(answer: string): boolean {
  return answer.includes('name="plan"');
}

/** The answer of a file none of whose orders can be taken. */
function isRefused(answer: string): boolean {
  return answer.includes('"orders_rejected":1') || answer.includes('"orders_rejected": 1');
}
