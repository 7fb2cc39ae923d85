/**
 * Refunds: requested over HTTP, then settled.
 *
 * @module
 */

import { freePort } from "../engines/free_port.ts";
import { toInteger } from "../../db/connection/database.ts";
import { runDrain } from "./drain.ts";
import { type Figure, figure, perOrder } from "./figures.ts";
import { loadHttp, postRequest, untilAnswered } from "./http_load.ts";
import { makeOrdersFile, runImport } from "./import.ts";
import { openDeployment, type Stage, startTask } from "./stage.ts";

/**
 * Imports and drains orders, requests two refunds of each paid one by `POST /orders/{id}/refunds` from a
 * `serve` process, the second under an `Idempotency-Key` each, then drains the refunds by a
 * `consume --drain` process.
 */
export async function benchRefunds(stage: Stage): Promise<Figure[]> {
  const file = await makeOrdersFile(stage, { orders: stage.orders });
  const requested: number[] = [], keyed: number[] = [], settled: number[] = [], cpu = [];
  for (let run = 1; run <= stage.runs; run++) {
    stage.log(`refunds, run ${run} of ${stage.runs}`);
    const deployment = await openDeployment(stage);
    await runImport(stage, deployment, file);
    await runDrain(stage, deployment);
    const rows = await deployment.db.query(
      "select id from orders where status = 'PAID' order by id",
    );

    const port = await freePort();
    const url = `http://127.0.0.1:${port}`;
    const serving = {
      ...deployment,
      env: { ...deployment.env, PORT: String(port), RATE_LIMIT: "0" },
    };
    const server = await startTask(serving, "serve", []);
    try {
      await untilAnswered(`${url}/livez`);
      for (const [rates, withKeys] of [[requested, false], [keyed, true]] as const) {
        const requests = rows.map((row) => {
          const id = toInteger(row.id);
          const headers: Record<string, string> = withKeys
            ? { "idempotency-key": `bench-${id}` }
            : {};
          return postRequest(url, `/orders/${id}/refunds`, { amount_cents: 100 }, headers);
        });
        const { seconds, statuses } = await loadHttp(url, requests);
        if (statuses.get(202) !== rows.length) {
          throw new Error(`Refunds were answered with ${JSON.stringify([...statuses])}`);
        }
        rates.push(rows.length / seconds);
      }
    } finally {
      await server.stop();
    }
    const drain = await runDrain(stage, deployment);
    settled.push(2 * rows.length / drain.seconds);
    cpu.push(perOrder(drain.cpu, 2 * rows.length));
    await deployment.close();
  }
  return [
    figure("refunds over HTTP", "requests/s", requested),
    figure("refunds over HTTP, with keys", "requests/s", keyed),
    figure("refunds settled", "refunds/s", settled, cpu),
  ];
}
