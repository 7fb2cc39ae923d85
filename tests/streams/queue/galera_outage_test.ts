import assert from "node:assert/strict";
import { freePort } from "../../../tools/engines/free_port.ts";
import { galera } from "../../galera_cluster.ts";
import { assertOutage, refusalOf, withServer } from "./outage_bench.ts";

Deno.test({
  name: "a node of Galera that is not ready (1047) is an outage until it is" +
    (galera.path === undefined ? ` (skipped: ${galera.why})` : ""),
  ignore: galera.path === undefined,
  fn: async () => {
    const port = await freePort();
    const extra = [
      "--wsrep-on=ON",
      `--wsrep-provider=${galera.path}`,
      "--wsrep-cluster-address=gcomm://",
      "--wsrep-new-cluster",
      "--binlog-format=ROW",
      "--innodb-autoinc-lock-mode=2",
      "--wsrep-node-address=127.0.0.1",
      `--wsrep-provider-options=gmcast.listen_addr=tcp://127.0.0.1:${port};gcache.size=16M`,
    ];
    await withServer("outage_galera", extra, async (bench, server, db) => {
      await server.administer("set global wsrep_reject_queries = 'ALL'");
      assert.equal(await refusalOf(db), 1047);
      await assertOutage(bench, "1047");
      assert.equal((await bench.ready()).body.checks.database, "read-only");
      await server.administer("set global wsrep_reject_queries = 'NONE'");
    });
  },
});
