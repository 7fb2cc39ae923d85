import assert from "node:assert/strict";
import {
  isFatal,
  isRetryable,
  isServerFault,
  isWrongServer,
  unclearFault,
} from "../../../db/connection/faults.ts";
import { type FaultClass, numbersOf } from "../../../db/connection/error_numbers.ts";
import { openDatabase, toInteger } from "../../../db/connection/database.ts";
import { isEngineAway } from "../../../routes/middleware/problem.ts";
import { ownDatabase } from "../../own_engines.ts";

const errorOf = (errno: number, sqlState = "HY000") =>
  Object.assign(new Error(`error ${errno}`), { errno, sqlState, code: `ER_${errno}` });

Deno.test("isServerFault() knows what servers say that can't serve, by number", () => {
  // Read-only, groups, accounts, prepared statements, locks, logs, disks, tables, shutdown.
  // deno-fmt-ignore
  const numbers = [
    1015, 1021, 1030, 1037, 1040, 1045, 1047, 1053, 1114, 1142, 1146, 1180, 1194, 1197, 1203, 1205, 1206,
    1213, 1223, 1226, 1290, 1317, 1461, 1598, 1615, 1637, 1665, 1792, 1812, 1820, 1836, 1862, 1874, 1878,
    1927, 1931, 1969, 3024, 3032, 3100, 3101, 3118, 3159, 3168, 4031, 4150, 4151,
  ];
  for (const number of numbers) {
    assert.equal(isServerFault(errorOf(number)), true, String(number));
    assert.equal(isEngineAway(errorOf(number)), true, String(number));
    assert.equal(unclearFault(errorOf(number)), null, String(number));
  }
  for (const number of [1047, 1290, 1792, 1836, 3100]) {
    assert.equal(isWrongServer(errorOf(number)), true, String(number));
    assert.equal(isRetryable(errorOf(number)), false, "not on the same connection");
  }
  assert.equal(isRetryable(errorOf(3101, "40000")), true, "refused by the other members");
});

Deno.test("every number of the table means what its class says, whatever its SQLSTATE", () => {
  const expected = {
    again: { retryable: true, fatal: false, wrongServer: false, away: true },
    connection: { retryable: true, fatal: true, wrongServer: false, away: true },
    wrong_server: { retryable: false, fatal: false, wrongServer: true, away: true },
    time_limit: { retryable: false, fatal: false, wrongServer: false, away: true },
    unprepared: { retryable: false, fatal: false, wrongServer: false, away: true },
    server: { retryable: false, fatal: false, wrongServer: false, away: true },
    asked: { retryable: false, fatal: false, wrongServer: false, away: false },
  } as const;
  const seen = new Set<number>();
  for (const [kind, words] of Object.entries(expected) as [FaultClass, unknown][]) {
    for (const number of numbersOf(kind)) {
      assert.ok(!seen.has(number), `${number} stands in two classes`);
      seen.add(number);
      const error = errorOf(number);
      assert.deepEqual(
        {
          retryable: isRetryable(error),
          fatal: isFatal(error),
          wrongServer: isWrongServer(error),
          away: isServerFault(error),
        },
        words,
        `${kind} ${number}`,
      );
      assert.equal(unclearFault(error), null, String(number));
    }
  }
  for (const [kind, numbers] of Object.entries(failover) as [FaultClass, number[]][]) {
    const missing = numbers.filter((number) => !numbersOf(kind).includes(number));
    assert.deepEqual(missing, [], kind);
  }
});

/**
 * All that a failover says, by both engines and by what stands before them, as the names of their documents have it: a number in
 * the wrong class is waited for where another server is to be searched for, or the other way round.
 */
// deno-fmt-ignore
const failover: Partial<Record<FaultClass, readonly number[]>> = {
  again: [
    // CHECKREAD, LOCK_WAIT_TIMEOUT, LOCK_DEADLOCK, USER_LOCK_DEADLOCK, LOCK_NOWAIT
    1020, 1205, 1213, 3058, 3572,
    // ERROR_DURING_COMMIT, TABLE_DEF_CHANGED, AUTOINC_READ_FAILED, XA_RBTIMEOUT, XA_RBDEADLOCK, ROLLBACK_ONLY
    1180, 1412, 1467, 1613, 1614, 4060,
    // TRANSACTION_ROLLBACK_DURING_COMMIT, GR_HOLD_WAIT_TIMEOUT, GRP_TRX_CONSISTENCY_AFTER_ON_TRX_BEGIN,
    // OPERATION_NOT_ALLOWED_WHILE_PRIMARY_CHANGE_IS_RUNNING
    3101, 3781, 3798, 4094,
  ],
  connection: [
    // CON_COUNT, SERVER_SHUTDOWN, NORMAL_SHUTDOWN, SHUTDOWN_COMPLETE, FORCING_CLOSE, CONNECTION_KILLED
    1040, 1053, 1077, 1079, 1080, 1927,
    // SERVER_OFFLINE_MODE, SERVER_ISNT_AVAILABLE, SESSION_WAS_KILLED, CLIENT_INTERACTION_TIMEOUT
    3032, 3168, 3169, 4031,
    // CONNECTION, CONN_HOST, UNKNOWN_HOST, SERVER_GONE, SERVER_HANDSHAKE, SERVER_LOST, SSL_CONNECTION, SERVER_LOST_EXTENDED
    2002, 2003, 2005, 2006, 2012, 2013, 2026, 2055,
    // ProxySQL, to which nobody answers any more.
    9001, 9002,
  ],
  wrong_server: [
    // UNKNOWN_COM (of Galera), OPTION_PREVENTS_STATEMENT, CANT_EXECUTE_IN_READ_ONLY_TRANSACTION, READ_ONLY_MODE, INNODB_READ_ONLY,
    // SCHEMA_READ_ONLY
    1047, 1290, 1792, 1836, 1874, 3989,
    // RUN_HOOK, GR_HOLD_KILLED, GR_HOLD_MEMBER_STATUS, GRP_TRX_CONSISTENCY_NOT_ALLOWED, …_BEFORE, …_BEGIN_NOT_ALLOWED
    3100, 3782, 3783, 3796, 3797, 3799,
  ],
};

Deno.test("classes of SQLSTATE speak for numbers that no list knows", () => {
  assert.equal(isServerFault(errorOf(9901, "08S01")), true);
  assert.equal(isServerFault(errorOf(9902, "28000")), true);
  assert.equal(isRetryable(errorOf(9903, "40001")), true);
  assert.equal(isServerFault(errorOf(9904, "22001")), false);
  assert.equal(unclearFault(errorOf(9905)), 9905);
  // Deadlocks and the like are known; what was asked is nobody's fault but the asker's.
  for (const error of [errorOf(9904, "22001"), errorOf(1062, "23000"), errorOf(1054, "42S22")]) {
    assert.equal(unclearFault(error), null, error.message);
  }
  for (const number of [1364, 1366, 3819, 4025]) {
    assert.equal(unclearFault(errorOf(number)), null, String(number));
  }
  for (const error of [null, undefined, "text", new Error("plain"), new TypeError("x")]) {
    assert.equal(unclearFault(error), null);
  }
  assert.equal(isEngineAway(errorOf(9905)), true, "who asks over HTTP may ask again");
});

Deno.test("isFatal() takes no file of this machine for a connection to a server", async () => {
  const dir = await Deno.makeTempDir();
  try {
    const missing = await Deno.open(`${dir}/nowhere/file`).catch((error) => error);
    assert.equal(missing.code, "ENOENT");
    assert.equal(isFatal(missing), false);
    for (const code of ["EROFS", "ENOSPC", "EACCES", "EMFILE", "ENOENT", "EDQUOT"]) {
      const error = Object.assign(new Error(`${code}: open '/tmp/x'`), { code, syscall: "open" });
      assert.equal(isServerFault(error), false, code);
      assert.equal(isEngineAway(error), false, code);
    }
    for (const code of ["ECONNREFUSED", "ECONNRESET", "EPIPE", "ETIMEDOUT", "EHOSTUNREACH"]) {
      assert.equal(isFatal(Object.assign(new Error(code), { code })), true, code);
    }
    const noSocket = Object.assign(new Error("connect ENOENT /run/db.sock"), {
      code: "ENOENT",
      syscall: "connect",
    });
    assert.equal(isFatal(noSocket), true);
  } finally {
    await Deno.remove(dir, { recursive: true });
  }
});

Deno.test("statements go as text while a server can't prepare any", async () => {
  await using server = await ownDatabase();
  const db = await openDatabase(server.url, { connections: 2 });
  try {
    await db.run("create table notes (id int primary key, note varchar(20)) engine = innodb");
    await server.administer("set global max_prepared_stmt_count = 0");
    const bytes = new TextEncoder().encode("it's");
    await db.transaction(async (tx) => {
      assert.equal((await tx.run("insert into notes values (?, ?)", [1, bytes])).affectedRows, 1);
      assert.equal((await tx.run("insert into notes values (?, ?)", [2, null])).affectedRows, 1);
    });
    const rows = await db.execute("select id, note from notes where id < ? order by id", [3]);
    assert.deepEqual(rows.map((row) => ({ ...row })), [
      { id: 1, note: "it's" },
      { id: 2, note: null },
    ]);
    const [{ sum }] = await db.execute("select sum(id) as sum from notes") as [{ sum: string }];
    assert.equal(toInteger(sum), 3);
  } finally {
    await db.close();
  }
});
