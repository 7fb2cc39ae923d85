/**
 * The numbers of errors that servers and what stands before them send, and what each of them means: one table, from
 * the messages of MySQL 8.0 to 9.7, of MariaDB 10.6 to 12, and of MySQL Router, MaxScale and ProxySQL.
 *
 * @module
 */

/** What an error means for whoever meets it; none of these but `asked` costs a message one of its tries. */
export type FaultClass =
  /** The same transaction may succeed if it is run again, on the same connection. */
  | "again"
  /** The server is going or gone, or this connection has ended: the transaction is run again on another one. */
  | "connection"
  /** The server takes no changes now; another one may stand behind the same address, or is among several hosts. */
  | "wrong_server"
  /** A statement took longer than its connection was told; a new connection may be told another limit. */
  | "time_limit"
  /** The statement could not be prepared, and was not run: as text it may be. */
  | "unprepared"
  /** The server can't serve now, or is not set up as it should be. */
  | "server"
  /** About what was asked: trying again changes nothing. Only those whose SQLSTATE does not say so. */
  | "asked";

// deno-fmt-ignore
const table: Readonly<Record<FaultClass, readonly number[]>> = {
  again: [
    // A record that has changed (MariaDB), lock wait time-out (it rolls back the statement only, so the whole is rolled
    // back here), deadlock (a failed certification of Galera says the same), locks of users and of services, NOWAIT.
    1020, 1205, 1213, 3058, 3132, 3572,
    // A table that was altered meanwhile, a deadlock over an auto-increment counter, a branch that was rolled back, a
    // commit that failed (a transaction that gave way to another member's says so).
    1180, 1412, 1467, 1613, 1614, 4060,
    // Group Replication: a transaction that the other members refused; a new primary that still applies what the old one
    // left; statements that wait while a primary is chosen.
    3101, 3781, 3798, 4094,
  ],
  connection: [
    // No connection left, a server that ends or was told to take nobody (offline mode), a connection that was killed.
    1040, 1053, 1077, 1079, 1080, 1203, 1927, 3032, 3168, 3169, 4031, 4312, 4313,
    // What was sent or read broke off.
    1152, 1158, 1159, 1160, 1161, 1184,
    // Numbers of clients, which routers and proxies send on: nobody behind them, or no more.
    2002, 2003, 2005, 2006, 2012, 2013, 2026, 2055, 4311, 9001, 9002, 9004, 9006,
  ],
  wrong_server: [
    // Galera: a node without quorum, or one that is not synced.
    1047,
    // A replica, or a primary that was demoted and lives on: read_only, a session or a server that only reads (Aurora's
    // readers say 1836), InnoDB that only reads, a schema that does.
    1290, 1792, 1836, 1874, 3989,
    // Group Replication: a member that can't commit, that failed while a new primary was chosen, that has not the state
    // for its level of consistency, that is behind for too long or left while a transaction waited for it, that leaves.
    3100, 3782, 3783, 3796, 3797, 3799,
  ],
  time_limit: [1969, 3024],
  unprepared: [1243, 1295, 1461, 1615],
  server: [
    // Disks, files and memory.
    1015, 1021, 1023, 1024, 1026, 1028, 1030, 1034, 1036, 1037, 1038, 1041, 1043, 1114, 1135, 1194, 1195, 1812,
    1814, 1817, 1877, 1878, 1931, 1932,
    // Who may come, and what they may do.
    1044, 1045, 1049, 1119, 1129, 1130, 1142, 1143, 1146, 1226, 1227, 1251, 1275, 1370, 1524, 1698, 1820, 1862, 1873,
    3118, 3159, 3955, 4150, 4151,
    // Commits and logs that fail, or take no such statement; a write set that is too large for its group.
    1181, 1197, 1206, 1223, 1297, 1317, 1374, 1378, 1399, 1436, 1534, 1587, 1595, 1598, 1637, 1661, 1662, 1663,
    1664, 1665, 1666, 1667, 1668, 1705, 1785, 1950, 1964, 1986, 1998, 3098, 3170, 3231,
  ],
  asked: [1265, 1364, 1366, 1411, 3819, 4025],
};

const classes: ReadonlyMap<number, FaultClass> = new Map(
  (Object.entries(table) as [FaultClass, readonly number[]][]).flatMap(([kind, numbers]) =>
    numbers.map((number): [number, FaultClass] => [number, kind])
  ),
);

/** What a number means; undefined for one that the table does not have. */
export function classOfNumber(errno: number): FaultClass | undefined {
  return classes.get(errno);
}

/** The numbers of a class, for tests. */
export function numbersOf(kind: FaultClass): readonly number[] {
  return table[kind];
}
