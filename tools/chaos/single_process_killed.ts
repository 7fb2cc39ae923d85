/**
 * `kill -9` of the single process while it takes and processes refunds.
 *
 * @module
 */

import { freePort } from "../engines/free_port.ts";
import { bringOrders } from "./harness/feed.ts";
import { settled, verifyNow } from "./harness/verification.ts";
import type { Process } from "./harness/process.ts";
import type { Scenario } from "./harness/scenario.ts";
import { pauseMs, until } from "./harness/until.ts";

/** Orders, of which the paid ones are refunded in parts. */
const orderCount = 2_000;

/** Clients that ask for refunds at the same time. */
const clientCount = 8;

/** Longest wait for an answer, in milliseconds. */
const answerMs = 5_000;

const scenario: Scenario = {
  name: "single_process_killed",
  summary: "kill -9 of the single process while it takes and processes refunds",
  stage: { env: { BATCH_SIZE: "20" } },
  async run(stage) {
    const { random, figures, db } = stage;
    const port = await freePort();
    const startServer = async () => {
      const server = await stage.start("start", [], { PORT: String(port) });
      await server.logged("consumers started");
      return server;
    };
    let server: Process = await startServer();
    const consumer = await stage.startConsumer();
    const orders = await bringOrders(stage, orderCount);
    await settled(stage);

    const paid = await db.query("select id, total_cents from orders where status = 'PAID'");
    const left = paid.map(({ id, total_cents }) => ({
      id: Number(id),
      cents: Number(total_cents),
    }));
    const end = performance.now() + stage.seconds * 1_000;
    let refundedCents = 0;
    let requests = 0;
    const client = async () => {
      while (performance.now() < end) {
        const order = random.pick(left);
        const cents = Math.min(order.cents, random.integer(1, 500));
        if (cents === 0) continue;
        // Taken off first: two clients at once must not promise each other's cents.
        order.cents -= cents;
        await refundSurely(port, order.id, cents);
        refundedCents += cents;
        requests++;
      }
    };
    const clients = Array.from({ length: clientCount }, client);
    while (performance.now() < end) {
      await pauseMs(random.integer(500, 2_000));
      server.kill("SIGKILL");
      const killedAt = performance.now();
      figures.faults++;
      server = await startServer();
      await until("the API answers again", 15_000, async () => {
        const { status, body } = await fetch(`http://127.0.0.1:${port}/readyz`);
        await body?.cancel();
        return status === 200 || `readyz says ${status}`;
      });
      stage.recovered(performance.now() - killedAt);
    }
    await Promise.all(clients);
    figures.notes.push(`${requests} refunds of ${refundedCents} cents`);
    await verifyNow(stage, [server, consumer], { orders, refundedCents });
    const [row] = await db.query("select count(*) as n from refunds where status = 'PROCESSED'");
    if (Number(row!.n) !== requests) {
      throw new Error(`${requests} refunds were asked for and ${row!.n} were processed`);
    }
  },
};

export default scenario;

/** Asks for a refund under one key until an answer comes. */
async function refundSurely(port: number, orderId: number, cents: number): Promise<void> {
  const key = crypto.randomUUID();
  await until(`order ${orderId} is refunded`, 90_000, async () => {
    const response = await fetch(`http://127.0.0.1:${port}/orders/${orderId}/refunds`, {
      method: "POST",
      headers: { "content-type": "application/json", "idempotency-key": key },
      body: JSON.stringify({ amount_cents: cents }),
      signal: AbortSignal.timeout(answerMs),
    });
    const text = await response.text();
    return response.status === 202 || `the answer is ${response.status} ${text}`;
  });
}
