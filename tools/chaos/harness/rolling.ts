/**
 * Several versions of the product side by side, and orders that come in all the time through whichever of them takes
 * them, as by a proxy with all their addresses.
 *
 * @module
 */

import type { Database } from "../../../db/connection/database.ts";
import { freePort } from "../../engines/free_port.ts";
import type { Process } from "./process.ts";
import type { Stage } from "./stage.ts";
import { pauseMs, until } from "./until.ts";
import { equal } from "./verification.ts";

/** Longest wait for a process that begins, or for a command, in milliseconds. */
const maxMs = 120_000;

/** Orders that are sent at once. */
const senders = 4;

/** A process that serves the API. */
export interface Service {
  url: string;
  process: Process;
}

/** Starts `start` of a version, and waits until it is ready. */
export async function openService(
  stage: Stage,
  dir: string,
  env: Record<string, string> = {},
): Promise<Service> {
  const port = await freePort();
  const process = await stage.start("start", [], { ...env, PORT: String(port) }, { dir });
  const url = `http://127.0.0.1:${port}`;
  await until(`start in ${dir} is ready`, maxMs, async () => {
    const answer = await fetch(`${url}/readyz`, { signal: AbortSignal.timeout(5_000) });
    const text = await answer.text();
    return answer.ok || `${text} ${process.messages.at(-1) ?? "nothing is logged"}`;
  });
  return { url, process };
}

/** Runs a task of a version to its end. @throws unless it succeeds */
export async function runIn(
  stage: Stage,
  dir: string,
  task: string,
  { args = [], env = {} }: { args?: string[]; env?: Record<string, string> } = {},
): Promise<string> {
  const process = await stage.start(task, args, env, { dir });
  const { code, stdout } = await process.endedWithin(maxMs);
  if (code === 0) return stdout;
  const tail = [...process.messages.slice(-5), stdout.slice(-2_000)].join("\n");
  throw new Error(`${task} in ${dir} ended with ${code}:\n${tail}`);
}

/** Orders that come in. */
export interface Load {
  /** Those that were taken, by what the shop calls them. */
  taken: ReadonlySet<string>;
  /** The longest that one of them took since this was asked before, in milliseconds. */
  slowestMs(): number;
  /** Ends it. @throws where an order was refused for another reason than an absence */
  stop(): Promise<void>;
}

/**
 * Sends orders until it is stopped, each to the next service of the list; one that is gone or answers 503 is passed over, and
 * the order goes to the one after it.
 *
 * @param services may change meanwhile
 */
export function sendOrders(services: readonly Service[]): Load {
  const taken = new Set<string>();
  let slowest = 0, number = 0, stopped = false;
  const send = async (): Promise<void> => {
    while (!stopped) {
      const name = `rolling-${++number}`;
      const startedAt = performance.now();
      for (let turn = number;; turn++) {
        const status = await post(services[turn % services.length]!, name);
        if (status === 202 || status === 200) break;
        if (status !== 503 && status !== null) throw new Error(`POST /orders is ${status}`);
        if (performance.now() - startedAt > maxMs) throw new Error(`nobody takes ${name}`);
        await pauseMs(5);
      }
      slowest = Math.max(slowest, performance.now() - startedAt);
      taken.add(name);
      await pauseMs(10);
    }
  };
  const sending = Promise.all(Array.from({ length: senders }, send));
  sending.catch(() => {});
  return {
    taken,
    slowestMs: () => {
      const ms = slowest;
      slowest = 0;
      return ms;
    },
    stop: async () => {
      stopped = true;
      await sending;
    },
  };
}

/** @returns the status; null where nobody answers */
async function post({ url }: Service, name: string): Promise<number | null> {
  try {
    const response = await fetch(`${url}/orders`, {
      method: "POST",
      headers: { "content-type": "application/json" },
      body: JSON.stringify({
        external_order_id: name,
        placed_at: "2026-01-05T10:00:00Z",
        currency: "GBP",
        customer: { external_id: "load", email: "load@example.com", name: "Load" },
        items: [{ sku: "SKU-000011", name: "Tea towel", unit_price_cents: 250, qty: 2 }],
      }),
      signal: AbortSignal.timeout(60_000),
    });
    await response.body?.cancel();
    return response.status;
  } catch {
    return null;
  }
}

/** Waits until so many more orders were taken. */
export async function untilTaken({ taken }: Load, more: number): Promise<void> {
  const wanted = taken.size + more;
  await until(`${wanted} orders are taken`, maxMs, () => {
    return taken.size >= wanted || `${taken.size} are`;
  });
}

/** How many steps of orders the consumers of a process took, from a moment of the database on. */
export async function stepsBy(
  db: Database,
  { pid }: Process,
  since = "2000-01-01",
): Promise<number> {
  const [row] = await db.query(
    `
    select count(*) as steps
    from order_events
    where actor regexp ? and event in ('reserved', 'paid', 'failed') and created_at > ?`,
    [`:${pid}:`, since],
  );
  return Number(row!.steps);
}

/** Waits until the consumers of each of some processes have worked on further orders. */
export async function untilAllWork(db: Database, processes: readonly Process[]): Promise<void> {
  const [start] = await db.query("select current_timestamp(6) as at");
  for (const process of processes) {
    await until(`process ${process.pid} works`, maxMs, async () => {
      return await stepsBy(db, process, String(start!.at)) > 0 || "it has not";
    });
  }
}

/** Every order that was taken is there, and finished; nothing died. */
export async function expectAllFinished(db: Database, { taken }: Load): Promise<void> {
  const rows = await db.query(
    "select external_order_id as name, status from orders where external_order_id like 'rolling-%'",
  );
  const found = new Map(rows.map(({ name, status }) => [String(name), String(status)]));
  equal("orders that were taken and are gone", [...taken].filter((name) => !found.has(name)), []);
  equal("orders that are not paid", [...found].filter(([, status]) => status !== "PAID"), []);
  const [dead] = await db.query("select count(*) as n from dead_letters");
  equal("dead letters", Number(dead!.n), 0);
}
