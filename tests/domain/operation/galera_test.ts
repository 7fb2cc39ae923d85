import assert from "node:assert/strict";
import { type GaleraFacts, judgeGalera } from "../../../domain/operation/galera.ts";

const facts: GaleraFacts = {
  autoincrementMode: 2,
  binlogFormat: "ROW",
  maxRows: 0,
  maxBytes: 2_147_483_647,
  schemaMethod: "TOI",
  withoutKey: [],
};

Deno.test("judgeGalera() finds nothing in a sound node, and each fault with what to type", () => {
  const found = (other: Partial<GaleraFacts>) =>
    judgeGalera({ ...facts, ...other }).map(({ level, detail, remedy }) =>
      `${level} ${detail.split(" ")[0]} ${remedy.includes("=") || remedy.startsWith("give")}`
    );
  assert.deepEqual(judgeGalera(facts).map(({ level }) => level), ["ok"]);
  assert.deepEqual(found({ autoincrementMode: 1 }), ["problem innodb_autoinc_lock_mode true"]);
  assert.deepEqual(found({ binlogFormat: "MIXED" }), ["problem binlog_format true"]);
  assert.deepEqual(found({ maxRows: 1_000 }), ["problem wsrep_max_ws_rows true"]);
  assert.deepEqual(found({ maxRows: 131_072 }), ["ok a false"]);
  assert.deepEqual(found({ maxBytes: 65_536 }), ["problem wsrep_max_ws_size true"]);
  assert.deepEqual(found({ schemaMethod: "RSU" }), ["problem wsrep_OSU_method true"]);
  assert.deepEqual(found({ withoutKey: ["reports"] }), ["warning no true"]);
});
