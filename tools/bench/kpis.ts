/**
 * `GET /kpis` as a share of what a bare Hono route does in the same process: one behind the same middleware,
 * so that the share tells what the figures cost, and one past all of it, so that the middleware shows too.
 *
 * @module
 */

import { freePort } from "../engines/free_port.ts";
import { type Figure, figure } from "./figures.ts";
import { getRequest, loadHttp, untilAnswered } from "./http_load.ts";
import { type Deployment, openDeployment, type Stage } from "./stage.ts";

/** Requests to each route and run. */
const requests = 20_000;

const paths = ["/past", "/bare", "/kpis"] as const;

/** Measures the routes in turns, after a turn of each that does not count. */
export async function benchKpis(stage: Stage): Promise<Figure[]> {
  stage.log("GET /kpis beside bare routes");
  const deployment = await openDeployment(stage);
  const port = await freePort();
  const url = `http://127.0.0.1:${port}`;
  const server = startServer(deployment, port);
  const rates: Record<typeof paths[number], number[]> = { "/past": [], "/bare": [], "/kpis": [] };
  try {
    await untilAnswered(`${url}/bare`);
    for (let run = 0; run <= stage.runs; run++) {
      for (const path of paths) {
        const request = getRequest(url, path);
        const { seconds, statuses } = await loadHttp(url, Array(requests).fill(request));
        if (statuses.get(200) !== requests) {
          throw new Error(`GET ${path} was answered with ${JSON.stringify([...statuses])}`);
        }
        if (run > 0) rates[path].push(requests / seconds);
      }
    }
  } finally {
    server.kill("SIGTERM");
    await server.status;
    await deployment.close();
  }
  const shareOf = (path: "/past" | "/bare") =>
    rates["/kpis"].map((rate, run) => 100 * rate / rates[path][run]!);
  return [
    figure("GET /kpis", "requests/s", rates["/kpis"]),
    figure("a bare route", "requests/s", rates["/bare"]),
    figure("a bare route past all middleware", "requests/s", rates["/past"]),
    figure("GET /kpis", "% of a bare route", shareOf("/bare")),
    figure("GET /kpis", "% of one past all middleware", shareOf("/past")),
  ];
}

function startServer(deployment: Deployment, port: number): Deno.ChildProcess {
  return new Deno.Command(Deno.execPath(), {
    args: ["run", "--allow-all", new URL("./kpis_server.ts", import.meta.url).pathname],
    env: { ...deployment.env, PORT: String(port), RATE_LIMIT: "0", LOG_LEVEL: "warn" },
    stdin: "null",
  }).spawn();
}
