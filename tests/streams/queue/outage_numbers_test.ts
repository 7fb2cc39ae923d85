import assert from "node:assert/strict";
import { type FaultClass, numbersOf } from "../../../db/connection/error_numbers.ts";
import type { Database } from "../../../db/connection/database.ts";
import { openApi } from "../../routes/api.ts";
import { onDatabase } from "./outage_bench.ts";

const kinds: readonly FaultClass[] = [
  "again",
  "connection",
  "wrong_server",
  "time_limit",
  "unprepared",
  "server",
];

Deno.test("no number of the table costs a message a try, and POST /orders answers 503 to each", async () => {
  const api = await openApi("outage_numbers");
  const refuse = (errno: number) => () =>
    Promise.reject(
      Object.assign(new Error(`number ${errno}`), { errno, sqlState: "HY000", code: "ER_X" }),
    );
  let number = 0;
  const sick: Database = {
    ...api.deps.db,
    query: () => refuse(number)(),
    execute: () => refuse(number)(),
    run: () => refuse(number)(),
    runText: () => refuse(number)(),
    transaction: () => refuse(number)(),
    together: () => refuse(number)(),
  };
  const bench = await onDatabase("outage_numbers_of", sick, api.test.databaseUrl);
  try {
    await bench.publishOne(1);
    for (const kind of kinds) {
      for (number of numbersOf(kind)) {
        const done = await bench.turn();
        assert.deepEqual(done, { handled: 0, retried: 0, dead: 0, delayed: 1 }, String(number));
        await bench.due();
        const { status, headers } = await bench.post();
        assert.deepEqual([status, headers.get("retry-after")], [503, "1"], String(number));
      }
    }
    // What was asked is nobody's fault but the asker's.
    number = numbersOf("asked")[0]!;
    assert.equal((await bench.turn()).dead, 0, "it cannot be buried in a database that is sick");
    assert.equal((await bench.post()).status, 500);
  } finally {
    await bench.close();
    await api.close();
  }
});
