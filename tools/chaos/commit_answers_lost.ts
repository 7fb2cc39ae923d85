/**
 * The database commits, and the answer never arrives: nobody knows whether it counted.
 *
 * @module
 */

import { freePort } from "../engines/free_port.ts";
import { bringOrders, feed } from "./harness/feed.ts";
import { equal, settled, verifyNow } from "./harness/verification.ts";
import type { Scenario } from "./harness/scenario.ts";
import type { Stage } from "./harness/stage.ts";
import { pauseMs, until } from "./harness/until.ts";

/** Refund requests of which each loses its answer. */
const refundRequests = 25;

const refundCents = 10;

/** Orders that wait to be refunded. */
const orderCount = 200;

const scenario: Scenario = {
  name: "commit_answers_lost",
  summary: "commits whose answers are lost, of consumers and of refund requests",
  stage: { proxied: true, env: { BATCH_SIZE: "40" } },
  async run(stage) {
    const { random, figures, databaseProxy } = stage;
    const port = await freePort();
    const server = await stage.start("start", [], { PORT: String(port) });
    await server.logged("consumers started");
    const consumers = [server, await stage.startConsumer()];

    const refunded = await bringOrders(stage, orderCount);
    await settled(stage);
    const refundedCents = await refundWithoutAnswers(stage, `http://127.0.0.1:${port}`);

    const orders = feed(stage, { backlog: 600, from: orderCount });
    const end = performance.now() + stage.seconds * 1_000;
    while (performance.now() < end) {
      databaseProxy.loseCommitAnswers(1);
      await pauseMs(random.integer(20, 200));
    }
    databaseProxy.loseCommitAnswers(0);
    await orders.stop();
    figures.faults += databaseProxy.lost;
    await verifyNow(stage, consumers, { orders: [...refunded, ...orders.orders], refundedCents });
  },
};

export default scenario;

/**
 * Requests a refund of each of some orders, without an idempotency key, while the answer to the commit of
 * each request is lost; consumers, which commit at the same time, lose none.
 *
 * @returns cents that were asked for, each once
 */
async function refundWithoutAnswers(stage: Stage, api: string): Promise<number> {
  const { db, databaseProxy } = stage;
  const paid = await db.query(
    "select id from orders where status = 'PAID' order by id limit ?",
    [refundRequests],
  );
  for (const { id } of paid) {
    const lostBefore = databaseProxy.lost;
    databaseProxy.loseCommitAnswers(1, "insert into refunds");
    const response = await fetch(`${api}/orders/${id}/refunds`, {
      method: "POST",
      headers: { "content-type": "application/json" },
      body: JSON.stringify({ amount_cents: refundCents }),
    });
    equal(`the answer to the refund of order ${id}`, response.status, 202);
    await response.body?.cancel();
    equal("the answers that were lost", databaseProxy.lost, lostBefore + 1);
  }
  databaseProxy.loseCommitAnswers(0);
  const [row] = await db.query("select count(*) as requests from refunds");
  equal("the refunds that were requested", Number(row!.requests), paid.length);
  await until("the refunds are processed", 20_000, async () => {
    const [open] = await db.query("select count(*) as n from refunds where status = 'REQUESTED'");
    return Number(open!.n) === 0 || `${open!.n} are open`;
  });
  return paid.length * refundCents;
}
