import assert from "node:assert/strict";
import mysql from "mysql2/promise";
import { type Database, openDatabase } from "../../../db/connection/database.ts";
import { migrate } from "../../../db/connection/migrate.ts";
import { readGaleraFacts } from "../../../db/connection/galera_facts.ts";
import { logOrderEnds } from "../../../db/notifications/notifications.ts";
import { WorkflowError } from "../../../domain/errors.ts";
import { judgeGalera } from "../../../domain/operation/galera.ts";
import { requestRefunds } from "../../../services/refunds/request_refunds.ts";
import { until } from "../../../tools/chaos/harness/until.ts";
import { galera, galeraCluster } from "../../galera_cluster.ts";
import type { OwnDatabase } from "../../own_engines.ts";
import { batchesOf, importAtOnce } from "../../parallel_imports.ts";
import { verifyNow } from "../../settled_workflow.ts";
import { withWorkflow, type Workflow } from "../../workflow.ts";

/** What the scenarios work on: the workflow on one node, and another node. */
interface TwoNodes {
  flow: Workflow;
  second: Database;
  nodes: readonly OwnDatabase[];
}

const scenarios: Record<string, (cluster: TwoNodes) => Promise<void>> = {
  "parallel imports on two nodes lose no row": importOnBoth,
  "what is told on two nodes at once is told once": tellOnBoth,
  "refunds that are asked for on two nodes at once stay within what was paid": refundOnBoth,
  "a node that is behind reads nothing old": readBehind,
  "what a node refuses that is not ready goes on at another": goOnElsewhere,
  "a node says what is set wrong": judgeNode,
};

Deno.test({
  name: `Galera${galera.path === undefined ? ` (skipped: ${galera.why})` : ""}`,
  ignore: galera.path === undefined,
  fn: async (t) => {
    await using cluster = await galeraCluster(3);
    const [first, other] = cluster.nodes;
    await migrate(first!.url);
    const second = await openDatabase(other!.url);
    try {
      await withWorkflow("galera", async (flow) => {
        for (const [name, scenario] of Object.entries(scenarios)) {
          await t.step(name, () => scenario({ flow, second, nodes: cluster.nodes }));
        }
      }, { databaseUrl: first!.url });
    } finally {
      await second.close();
    }
  },
});

async function importOnBoth({ flow, second }: TwoNodes): Promise<void> {
  await importAtOnce(flow, [flow.db, second]);
  await flow.drain();
  const report = await verifyNow(flow);
  assert.ok(report.ok, JSON.stringify(report.checks.filter(({ ok }) => !ok)));
}

async function tellOnBoth({ flow, second }: TwoNodes): Promise<void> {
  const ids = (await flow.rows("select id from orders order by id")).map(({ id }) => Number(id));
  await flow.db.run("delete from notification_logs");
  const parts = [...batchesOf(ids, 80)];
  // Each on both, at the same time and in another order.
  await Promise.all([flow.db, flow.db, second, second].map(async (db, at) => {
    for (let turn = 0; turn < parts.length; turn++) {
      const part = parts[(turn + at * 3) % parts.length]!;
      const told = await db.transaction((tx) => logOrderEnds(tx, part));
      assert.equal(told, part.length);
    }
  }));
  const [counts] = await flow.rows(
    "select count(*) as told, count(distinct order_id) as orders from notification_logs",
  );
  assert.deepEqual(counts, { told: ids.length, orders: ids.length });
}

async function refundOnBoth({ flow, second }: TwoNodes): Promise<void> {
  const paid =
    (await flow.rows("select id from orders where status = 'PAID' order by id limit 200"))
      .map(({ id }) => Number(id));
  assert.ok(paid.length > 20);
  const requests = paid.map((orderId) => ({
    orderId,
    amountCents: 150,
    reason: null,
    idempotencyKey: null,
  }));
  let refused = 0;
  for (const request of requests) {
    const results = await Promise.all(
      [flow.db, second].map((db) => requestRefunds(db, [request], "test")),
    );
    refused += results.flat().filter((result) => result instanceof WorkflowError).length;
  }
  const over = await flow.rows(`
    select orders.id
    from orders join refunds on refunds.order_id = orders.id
    group by orders.id, orders.total_cents
    having sum(refunds.amount_cents) > orders.total_cents`);
  assert.deepEqual(over, []);
  assert.equal(refused, paid.length);
}

async function readBehind({ flow, second, nodes }: TwoNodes): Promise<void> {
  const [{ id }] = await flow.rows("select max(id) as id from orders") as [{ id: number }];
  const behind = await holdBack(nodes[1]!);
  try {
    await flow.db.run("update orders set recipient_name = 'new' where id = ?", [id]);
    const read = second.query("select recipient_name from orders where id = ?", [id]);
    const changed = second.run(
      "update orders set recipient_name = 'newer' where id = ? and recipient_name = 'new'",
      [id],
    );
    const locked = second.transaction((tx) =>
      tx.query("select recipient_name from orders where id = ? for update", [id])
    );
    await behind.waits(3);
    await behind.release();
    const [row] = await read;
    assert.match(String(row!.recipient_name), /^newe?r?$/);
    assert.equal((await changed).affectedRows, 1);
    assert.match(String((await locked)[0]!.recipient_name), /^newe?r?$/);
  } finally {
    await behind.release();
  }
}

async function goOnElsewhere({ nodes }: TwoNodes): Promise<void> {
  const [first, other] = nodes;
  const db = await openDatabase(
    first!.url.replace(/\/orders$/, `,127.0.0.1:${other!.port}/orders`),
    { connections: 2 },
  );
  const refuse = (node: OwnDatabase, what: "ALL" | "NONE") =>
    node.administer(`set global wsrep_reject_queries = ${what}`);
  const portOf = async (sql = "select @@port as port from products limit 1") =>
    Number((await db.query(sql))[0]!.port);
  const used = await portOf();
  const [here, there] = used === first!.port ? [first!, other!] : [other!, first!];
  try {
    await refuse(here, "ALL");
    assert.equal(await portOf(), there.port);
    await refuse(here, "NONE");
    await refuse(there, "ALL");
    assert.equal(
      (await db.run("update orders set updated_at = updated_at where id = 0")).affectedRows,
      0,
    );
    assert.equal(await portOf(), here.port);
  } finally {
    for (const node of [here, there]) await refuse(node, "NONE");
    await db.close();
  }
}

/** Has a node apply nothing of the others until it is released. */
async function holdBack(node: OwnDatabase) {
  const connection = await mysql.createConnection({
    host: "127.0.0.1",
    port: node.port,
    user: "administrator",
    password: node.administratorPassword,
  });
  await connection.query("flush tables with read lock");
  let isReleased = false;
  return {
    /** Waits until so many statements of the service do. */
    waits: (count: number) =>
      until(`${count} statements wait`, 10_000, async () => {
        const rows = await node.administer(
          "select state from information_schema.processlist where user = 'orders' and command <> 'Sleep'",
        );
        return rows.length === count || JSON.stringify(rows);
      }),
    release: async () => {
      if (isReleased) return;
      isReleased = true;
      await connection.end();
    },
  };
}

async function judgeNode({ flow, nodes }: TwoNodes): Promise<void> {
  const judged = async () =>
    judgeGalera((await readGaleraFacts(flow.db))!).map(({ level, detail }) => [level, detail]);
  assert.deepEqual(await judged(), [[
    "ok",
    "a node of a cluster; what others took is waited for",
  ]]);
  await nodes[0]!.administer("set global wsrep_max_ws_rows = 1000");
  await flow.db.run("create table reports (n int)");
  const found = (await judged()).map(([, detail]) => detail);
  assert.match(found[0]!, /^wsrep_max_ws_rows is 1000/);
  assert.match(found[1]!, /^no primary key has reports:/);
  await nodes[0]!.administer("set global wsrep_max_ws_rows = 0");
  await flow.db.run("drop table reports");
}
