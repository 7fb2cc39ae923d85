import assert from "node:assert/strict";
import {
  judgeClock,
  judgeDatabase,
  judgeRedis,
  judgeSentinels,
  judgeVersion,
  type SentinelState,
} from "../../../domain/operation/diagnosis.ts";

const database = {
  flushLogAtCommit: 1,
  syncBinlog: 1,
  logsStatements: false,
  charset: "utf8mb4",
  maxConnections: 151,
  maxPacketBytes: 64 * 1_048_576,
  bufferPoolBytes: 1_024 * 1_048_576,
};

Deno.test("judgeVersion() knows the oldest version of each engine", () => {
  const levels = (
    [
      ["mysql", "8.0.0"],
      ["mysql", "9.7.4"],
      ["mysql", "5.7.44"],
      ["mariadb", "10.6.1-MariaDB"],
      ["mariadb", "11.0.2-MariaDB-1:ubu"],
      ["mariadb", "10.5.29-MariaDB"],
      ["redis", "6.2.0"],
      ["redis", "6.0.16"],
      ["valkey", "9.1.2"],
      ["valkey", "7.1.0"],
    ] as const
  ).map(([engine, version]) => judgeVersion(engine, version).level);
  const expected = "ok ok problem ok ok problem ok problem ok problem";
  assert.deepEqual(levels, expected.split(" "));
});

Deno.test("judgeDatabase() finds nothing in a sound server and each fault in one that is not", () => {
  const levels = (facts: Partial<typeof database> | { syncBinlog: null }, connections = 10) =>
    judgeDatabase({ ...database, ...facts }, connections).map(({ level }) => level).join(" ");
  assert.equal(levels({}), "ok ok ok ok ok ok");
  assert.equal(levels({ syncBinlog: null }), "ok ok ok ok ok ok");
  assert.equal(levels({ flushLogAtCommit: 2 }), "warning ok ok ok ok ok");
  assert.equal(levels({ syncBinlog: 0 }), "warning ok ok ok ok ok");
  assert.equal(levels({ charset: "latin1" }), "ok ok warning ok ok ok");
  assert.equal(levels({}, 142), "ok ok ok problem ok ok");
  assert.equal(levels({ logsStatements: true }), "ok problem ok ok ok ok");
  assert.equal(levels({ maxPacketBytes: 1_048_576 }), "ok ok ok ok warning ok");
  assert.equal(levels({ maxPacketBytes: 524_288 }), "ok ok ok ok problem ok");
  assert.equal(levels({ bufferPoolBytes: 134_217_728 }), "ok ok ok ok ok warning");
});

Deno.test("judgeRedis() insists on noeviction and, in a cluster, on a hash tag", () => {
  const sound = { evictionPolicy: "noeviction", appendOnly: true, isClusterNode: false };
  const levels = (facts: Partial<typeof sound>, prefix = "") =>
    judgeRedis({ ...sound, ...facts }, prefix).map(({ level }) => level).join(" ");
  assert.equal(levels({}), "ok ok");
  assert.equal(levels({ evictionPolicy: "allkeys-lru" }), "problem ok");
  assert.equal(levels({ appendOnly: false }), "ok warning");
  assert.equal(levels({ isClusterNode: true }), "ok ok problem");
  assert.equal(levels({ isClusterNode: true }, "{orders}:"), "ok ok ok");
});

Deno.test("judgeRedis() says what a server does not tell, and how few connections there are", () => {
  const facts = { evictionPolicy: "unknown", appendOnly: null, isClusterNode: false };
  const judge = (maxClients: number | null) =>
    judgeRedis({ ...facts, maxClients }, "").map(({ level, what }) => `${level} ${what}`).join();
  assert.equal(judge(null), "warning redis eviction,warning redis persistence");
  assert.match(judge(29), /,warning redis connections$/);
  assert.match(judge(30), /,ok redis connections$/);
});

Deno.test("judgeSentinels() names them, the master and the quorum, and what a failover would want for", () => {
  const sound = { master: "10.0.0.1:6379", quorum: 2, sentinels: 3, replicas: 1, fault: "" };
  const judge = (...states: Partial<SentinelState>[]) =>
    judgeSentinels(
      "main",
      states.map((state, index) => ({ name: `s${index}`, ...sound, ...state })),
    );
  assert.deepEqual(judge({}, {}, {}), {
    level: "ok",
    what: "redis sentinels",
    detail: "s0, s1, s2: main is 10.0.0.1:6379, quorum 2 of 3, replicas: 1",
    remedy: "",
  });
  const away = judge({}, { master: null, why: "connect ECONNREFUSED" });
  assert.equal(away.level, "warning");
  assert.match(away.detail, /^s0: main .*; s1 is away \(connect ECONNREFUSED\)$/);
  assert.match(judge({}, { master: "10.0.0.2:6379" }).detail, /do not agree$/);
  assert.equal(judge({}, { master: "10.0.0.2:6379" }).level, "problem");
  assert.match(judge({ replicas: 0 }).detail, /no replica could take over$/);
  assert.match(judge({ fault: "NOQUORUM 1" }).detail, /no failover would come about: NOQUORUM 1$/);
  assert.match(judge({ master: null, why: "gone" }).detail, /^s0 is away \(gone\)$/);
});

Deno.test("judgeClock() takes the time of asking into account", () => {
  const judge = (serverMs: number) => judgeClock("redis", serverMs, 100_000, 103_000);
  assert.equal(judge(101_000).level, "ok");
  assert.equal(judge(99_100).level, "ok");
  assert.deepEqual(judge(98_500), {
    level: "warning",
    what: "redis clock",
    detail: "1.5 s behind this machine's",
    remedy: "let all machines follow one time server",
  });
  assert.equal(judge(105_000).detail, "2.0 s ahead of this machine's");
  assert.equal(judge(134_000).level, "problem");
});
