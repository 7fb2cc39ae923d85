/**
 * Orders that somebody waits for, while a file drains and while others flood the API.
 *
 * @module
 */

import type { Database } from "../../db/connection/database.ts";
import { groups } from "../../domain/messages/messages.ts";
import { tokenHash } from "../../domain/operation/api_token.ts";
import type { IncomingOrder } from "../../domain/order/incoming_order.ts";
import { isDrained } from "../../streams/run_consumers.ts";
import { freePort } from "../engines/free_port.ts";
import { syntheticOrder } from "../orders/orders_file.ts";
import { exactQuantile, type Figure, figure } from "./figures.ts";
import { readFinalRows, runFloor } from "./floor.ts";
import { openConnection, postRequest, untilAnswered } from "./http_load.ts";
import { makeOrdersFile, type OrdersFile, runImport } from "./import.ts";
import { type Deployment, expectVerified, openDeployment, type Stage, startTask } from "./stage.ts";

/** Web orders a second while a file drains. */
const webPerSecond = 20;

/** Web orders at the beginning that are not counted: a process that just started is slower. */
const warmUpOrders = 20;

/** Products that file and web orders share in the second part. */
const hotProducts = 100;

/** How often to look whether the file is drained. */
const lookMs = 50;

/** Longest wait for the last web orders after that. */
const waitMs = 10_000;

/** Tokens that flood the API, and for how many seconds. */
const floodTokens = 100, floodSeconds = 10;

/** Requests of each that are on their way at once: together, more than one transaction takes. */
const floodAtOnce = 5;

/** What web orders beside a file wait, as a share of what it takes: holds on any machine. Behind it they wait for most. */
export const laneRatio = "p99 × the file's time";

/**
 * Measures a file that drains in the process that also serves the API: alone, then with web orders beside it, which have
 * a thousand products or a hundred to share with the file.
 */
export async function benchLanes(stage: Stage): Promise<Figure[]> {
  const figures: Figure[] = [];
  for (const products of [1_000, hotProducts]) {
    figures.push(...await benchFile(stage, products));
  }
  return figures;
}

async function benchFile(stage: Stage, products: number): Promise<Figure[]> {
  const of = products === hotProducts ? `, ${hotProducts} products` : "";
  const file = await makeOrdersFile(stage, { orders: stage.orders, products });
  const alone: number[] = [], beside: number[] = [], floors: number[] = [];
  const posts: number[][] = [], settles: number[][] = [];
  for (let run = 1; run <= stage.runs; run++) {
    stage.log(`web orders beside a file${of}, run ${run} of ${stage.runs}`);
    for (const withWeb of [false, true]) {
      const deployment = await openDeployment(stage);
      await runImport(stage, deployment, file);
      const { seconds, web } = await drainAndServe(deployment, file, withWeb ? products : 0);
      (withWeb ? beside : alone).push(file.orders / seconds);
      if (withWeb) {
        posts.push(web.map(({ postMs }) => postMs));
        settles.push(web.map(({ toldMs }) => toldMs));
      }
      await expectVerified(deployment);
      const rows = withWeb ? null : await readFinalRows(deployment);
      await deployment.close();
      if (rows !== null) floors.push(file.orders / (await runFloor(stage, rows)).seconds);
    }
  }
  const quantiles = (runs: number[][], share: number) =>
    runs.map((times) => exactQuantile(times, share));
  const waits = quantiles(settles, 0.99);
  return [
    figure(`floor${of}`, "orders/s", floors),
    figure(`file alone${of}`, "orders/s", alone),
    figure(`file beside web orders${of}`, "orders/s", beside),
    figure(`file beside web orders${of}`, "× alone", beside.map((rate, at) => rate / alone[at]!)),
    figure(`web orders beside a file${of}`, "POST p50 ms", quantiles(posts, 0.5)),
    figure(`web orders beside a file${of}`, "POST p99 ms", quantiles(posts, 0.99)),
    figure(`web orders beside a file${of}`, "to told p50 ms", quantiles(settles, 0.5)),
    figure(`web orders beside a file${of}`, "to told p99 ms", waits),
    figure(
      `web orders beside a file${of}`,
      laneRatio,
      waits.map((ms, run) => ms / 1_000 / (file.orders / beside[run]!)),
    ),
  ];
}

/** What became of one order over HTTP, in milliseconds since it was sent. */
interface WebOrder {
  /** Until it was answered. */
  postMs: number;
  /** Until its customer's notification, a stage after it was settled. */
  toldMs: number;
}

/** @param products of the web orders; 0 for none */
async function drainAndServe(
  deployment: Deployment,
  file: OrdersFile,
  products: number,
): Promise<{ seconds: number; web: WebOrder[] }> {
  const { server, url } = await startServer(deployment, {});
  try {
    await server.logged("consumers started");
    const start = performance.now();
    const ended = new AbortController();
    const sending = products === 0
      ? Promise.resolve([])
      : sendPaced(url, webPerSecond, ended.signal, (number) =>
        syntheticOrder(number, { orders: file.orders, seed: 2, products, declinedShare: 0 }));
    while (!await isFileDrained(deployment)) await sleep(lookMs);
    const seconds = (performance.now() - start) / 1_000;
    ended.abort();
    const sent = await sending;
    return { seconds, web: (await toldOf(deployment, sent)).slice(warmUpOrders) };
  } finally {
    await server.stop();
  }
}

/** Whether nothing of the bulk lane is left. */
async function isFileDrained({ redis, keys }: Deployment): Promise<boolean> {
  const left = await Promise.all(groups.map((group) => redis.xlen(keys.stream(group, "bulk"))));
  return left.every((count) => count === 0);
}

/** Measures one order a second while tokens flood the API, in the process that also has the consumers. */
export async function benchFlood(stage: Stage): Promise<Figure[]> {
  const posts: number[][] = [], told: number[][] = [], rates: number[] = [], floods: number[] = [];
  for (let run = 1; run <= stage.runs; run++) {
    stage.log(`${floodTokens} tokens flood the API, run ${run} of ${stage.runs}`);
    const deployment = await openDeployment(stage);
    const names = ["slow", ...Array.from({ length: floodTokens }, (_, at) => `flood${at}`)];
    const entries = names.map((name) => `${name}:${tokenHash(secretOf(name))}:orders`);
    const { server, url } = await startServer(deployment, { API_TOKENS: entries.join(",") });
    try {
      await server.logged("consumers started");
      const ended = new AbortController();
      const flooding = flood(url, ended.signal);
      const sending = sendPaced(
        url,
        1,
        ended.signal,
        (number) =>
          syntheticOrder(number, { orders: 1_000, seed: 3, declinedShare: 0, products: 900 }),
        secretOf("slow"),
      );
      await sleep(floodSeconds * 1_000);
      ended.abort();
      const flooded = await flooding;
      rates.push(flooded.length / floodSeconds);
      floods.push(exactQuantile(flooded, 0.5));
      const web = await toldOf(deployment, await sending);
      posts.push(web.slice(1).map(({ postMs }) => postMs));
      told.push(web.slice(1).map(({ toldMs }) => toldMs));
      while (!await isDrained(deployment, groups)) await sleep(lookMs);
    } finally {
      await server.stop();
    }
    await expectVerified(deployment);
    await deployment.close();
  }
  const most = (runs: number[][]) => runs.map((times) => Math.max(...times));
  const scenario = `1 order/s beside ${floodTokens} flooding tokens`;
  return [
    figure(`${floodTokens} flooding tokens`, "orders/s taken", rates),
    figure(`${floodTokens} flooding tokens`, "POST p50 ms", floods),
    figure(scenario, "POST p50 ms", posts.map((times) => exactQuantile(times, 0.5))),
    figure(
      scenario,
      floodRatio,
      posts.map((times, run) => exactQuantile(times, 0.5) / floods[run]!),
    ),
    figure(scenario, "POST most ms", most(posts)),
    figure(scenario, "to told most ms", most(told)),
  ];
}

/** What a slow token waits, as a share of what each flooding one does: holds on any machine. As they come, all wait alike. */
const floodRatio = "POST p50 × a flooding token's";

const secretOf = (name: string) => `bench-secret-${name}-0123456789abcdef`;

/** Sends orders of each token one after the other until the signal aborts. @returns how long each took that was taken, in ms */
async function flood(url: string, signal: AbortSignal): Promise<number[]> {
  const taken: number[] = [];
  const client = async (token: number, lane: number) => {
    using connection = await openConnection(url);
    for (let number = 0; !signal.aborted; number++) {
      const order = syntheticOrder(number, { orders: 1_000_000, seed: 1_000 + token * 10 + lane });
      const headers = { Authorization: `Bearer ${secretOf(`flood${token}`)}` };
      const start = performance.now();
      const status = await connection.send(postRequest(url, "/orders", bodyOf(order), headers));
      if (status !== 202 && status !== 429) throw new Error(`A flooding POST got ${status}`);
      if (status === 202) taken.push(performance.now() - start);
      else await sleep(100);
    }
  };
  await Promise.all(
    Array.from(
      { length: floodTokens * floodAtOnce },
      (_, at) => client(Math.floor(at / floodAtOnce), at % floodAtOnce),
    ),
  );
  return taken;
}

/** An order that was sent. */
interface Sent {
  externalOrderId: string;
  /** Milliseconds since 1970. */
  sentAt: number;
  postMs: number;
}

/** Sends orders at a steady rate until the signal aborts, however long each takes. */
async function sendPaced(
  url: string,
  perSecond: number,
  signal: AbortSignal,
  orderOf: (number: number) => IncomingOrder,
  secret?: string,
): Promise<Sent[]> {
  const sent: Promise<Sent>[] = [];
  const begin = performance.now();
  for (let number = 0; !signal.aborted; number++) {
    await sleep(begin + number * 1_000 / perSecond - performance.now());
    const order = orderOf(number);
    const sentAt = Date.now();
    const start = performance.now();
    sent.push(
      post(url, order, secret).then(({ status }) => {
        if (status !== 202) throw new Error(`An order was answered with ${status}`);
        const postMs = performance.now() - start;
        return { externalOrderId: order.externalOrderId, sentAt, postMs };
      }),
    );
  }
  return await Promise.all(sent);
}

async function post(
  url: string,
  order: IncomingOrder,
  secret?: string,
): Promise<{ status: number }> {
  const answer = await fetch(`${url}/orders`, {
    method: "POST",
    headers: {
      "content-type": "application/json",
      ...(secret === undefined ? {} : { authorization: `Bearer ${secret}` }),
    },
    body: JSON.stringify(bodyOf(order)),
  });
  await answer.body?.cancel();
  return answer;
}

function bodyOf({ externalOrderId, placedAt, currency, customer, items }: IncomingOrder) {
  return {
    external_order_id: externalOrderId,
    placed_at: `${placedAt.replace(" ", "T")}Z`,
    currency,
    customer: { external_id: customer.externalId, email: customer.email, name: customer.name },
    items: items.map(({ sku, name, unitPriceCents, qty }) => ({
      sku,
      name,
      unit_price_cents: unitPriceCents,
      qty,
    })),
  };
}

/** Waits until the customers of all these orders were notified. */
async function toldOf({ db }: Deployment, sent: readonly Sent[]): Promise<WebOrder[]> {
  const deadline = performance.now() + waitMs;
  for (;;) {
    const told = await toldAt(db, sent.map(({ externalOrderId }) => externalOrderId));
    if (told.size === sent.length) {
      return sent.map(({ externalOrderId, sentAt, postMs }) => ({
        postMs,
        toldMs: told.get(externalOrderId)! - sentAt,
      }));
    }
    if (performance.now() > deadline) throw new Error(`${told.size} of ${sent.length} were told`);
    await sleep(lookMs);
  }
}

async function toldAt(db: Database, ids: readonly string[]): Promise<Map<string, number>> {
  const rows = await db.query(
    `
    select orders.external_order_id as id,
      cast(unix_timestamp(min(notification_logs.sent_at)) * 1000 as double) as told_at
    from json_table(?, '$[*]' columns (id varchar(64) character set utf8mb4 collate utf8mb4_bin path '$')) j
    join orders on orders.external_order_id = j.id
    join notification_logs on notification_logs.order_id = orders.id
    group by orders.id, orders.external_order_id`,
    [JSON.stringify(ids)],
  );
  return new Map(rows.map((row) => [String(row.id), Number(row.told_at)]));
}

async function startServer(deployment: Deployment, env: Record<string, string>) {
  const port = await freePort();
  const url = `http://127.0.0.1:${port}`;
  const serving = {
    ...deployment,
    env: { ...deployment.env, PORT: String(port), RATE_LIMIT: "0", ...env },
  };
  const server = await startTask(serving, "start", []);
  await untilAnswered(`${url}/livez`);
  return { server, url };
}

function sleep(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, Math.max(0, ms)));
}
