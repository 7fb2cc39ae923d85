/**
 * The service as a browser meets it: HTTP and all consumers, with a month of real orders.
 *
 * @module
 */

import { groups } from "../../domain/messages/messages.ts";
import { rebuildKpis } from "../../streams/kpis/kpis_rebuild.ts";
import { serveHttp } from "../../routes/server.ts";
import { importOrders } from "../../streams/imports/orders_import.ts";
import { isDrained, runConsumers } from "../../streams/run_consumers.ts";
import { type Api, openApi } from "../routes/api.ts";

/** A running service. */
export interface Service extends Api {
  url: string;
}

/** Orders of a British gift retailer; tools/samples/README.md says where they are from. */
const sample = new URL("../../tools/samples/online-retail-2010-12.csv.gz", import.meta.url);

/** The last day of the sample. */
const lastDay = "2010-12-23";

/** Starts the service on a free port; `name` as in `testContext`. */
export async function startService(
  name: string,
  settings: Record<string, string> = {},
): Promise<Service> {
  const api = await openApi(name, {
    BASE_CURRENCY: "GBP",
    INITIAL_STOCK: "20000",
    GATEWAY_DELAY_MS: "200",
    PORT: "0",
    ...settings,
  });
  const stop = new AbortController();
  const listening = Promise.withResolvers<string>();
  const parts = [
    serveHttp(api.deps, stop.signal, { onListening: listening.resolve }),
    runConsumers(api.deps, { groups: [], batchSize: 500, drain: false }, stop.signal),
  ];
  const url = await listening.promise;
  return {
    ...api,
    url,
    close: async () => {
      stop.abort();
      await Promise.all(parts);
      await api.close();
    },
  };
}

/**
 * Imports the sample and has it settled, then moves its days so that the last one is today: charts and
 * comparisons with yesterday show what was really bought.
 */
export async function bringMonth({ deps }: Service): Promise<void> {
  const file = await Deno.open(sample);
  await importOrders(deps, file.readable, {
    name: "online-retail-2010-12.csv.gz",
    initialStock: deps.config.initialStock,
  });
  await untilDrained({ deps });
  await deps.db.query(
    `
    update orders
    set created_at = created_at + interval datediff(placed_at, ?) day,
      reserved_time = reserved_time
        + interval case when reserved_at is null then 0 else datediff(placed_at, ?) end day,
      settled_time = settled_time
        + interval case when settled_at is null then 0 else datediff(placed_at, ?) end day`,
    [lastDay, lastDay, lastDay],
  );
  await deps.db.query(
    "update orders set placed_at = placed_at + interval datediff(utc_date(), ?) day",
    [lastDay],
  );
  await rebuildKpis(deps);
}

/** Imports the orders of the sample once more, under other ids, and does not wait for them. */
export async function bringAgain({ deps }: Service): Promise<void> {
  const file = await Deno.open(sample);
  const text = await new Response(file.readable.pipeThrough(new DecompressionStream("gzip")))
    .text();
  const [head, ...rows] = text.split("\n");
  const renamed = rows.map((row) => row === "" ? row : row.replace(/^("?)/, "$1again-"));
  await importOrders(
    deps,
    ReadableStream.from([new TextEncoder().encode([head, ...renamed].join("\n"))]),
    {
      name: "the-same-month-again.csv",
      initialStock: deps.config.initialStock,
    },
  );
}

/** Waits until no group has anything left to do. */
export async function untilDrained({ deps }: Pick<Api, "deps">): Promise<void> {
  while (!await isDrained(deps, groups)) await new Promise((resolve) => setTimeout(resolve, 50));
}
