/**
 * Judges a node of Galera.
 *
 * @module
 */

import { type Finding, fine, problem, warning } from "./diagnosis.ts";

/** Settings of a node that can be as they should not. */
export interface GaleraFacts {
  /** `innodb_autoinc_lock_mode`. */
  autoincrementMode: number;
  /** For everybody. */
  binlogFormat: string;
  /** Most rows that a transaction may change, `wsrep_max_ws_rows`; 0 for any number. */
  maxRows: number;
  /** Most bytes that it may change, `wsrep_max_ws_size`. */
  maxBytes: number;
  /** How changes of the schema reach other nodes, `wsrep_OSU_method`. */
  schemaMethod: string;
  /** Tables that have no primary key. */
  withoutKey: readonly string[];
}

/** Rows that the largest transactions change: batches of 1,000 orders, steps of migrations of 5,000 rows. */
const neededRows = 65_536;

/** Bytes of the largest of them, with room to spare. */
const neededBytes = 64 * 1_048_576;

/** Judges the settings of a node; one finding where all are right. */
export function judgeGalera(facts: GaleraFacts): Finding[] {
  const what = "database galera";
  const findings: Finding[] = [];
  if (facts.autoincrementMode !== 2) {
    findings.push(problem(
      what,
      `innodb_autoinc_lock_mode is ${facts.autoincrementMode}: nodes that insert at once end each other's transactions`,
      "set innodb_autoinc_lock_mode=2 in the configuration of every node, and restart them one by one",
    ));
  }
  if (facts.binlogFormat !== "ROW") {
    findings.push(problem(
      what,
      `binlog_format is ${facts.binlogFormat}: nodes would not have the same rows`,
      "set binlog_format=ROW in the configuration of every node",
    ));
  }
  if (facts.maxRows > 0 && facts.maxRows < neededRows) {
    findings.push(problem(
      what,
      `wsrep_max_ws_rows is ${facts.maxRows}: batches with more rows fail at their end`,
      "type on every node: SET GLOBAL wsrep_max_ws_rows = 0",
    ));
  }
  if (facts.maxBytes < neededBytes) {
    findings.push(problem(
      what,
      `wsrep_max_ws_size is ${
        Math.floor(facts.maxBytes / 1_024)
      } KB: larger batches fail at their end`,
      `type on every node: SET GLOBAL wsrep_max_ws_size = ${neededBytes} or more (2147483647 is the default)`,
    ));
  }
  if (facts.schemaMethod !== "TOI") {
    findings.push(problem(
      what,
      `wsrep_OSU_method is ${facts.schemaMethod}: migrations would reach one node alone`,
      "type on every node: SET GLOBAL wsrep_OSU_method = TOI",
    ));
  }
  if (facts.withoutKey.length > 0) {
    findings.push(warning(
      what,
      `no primary key has ${
        facts.withoutKey.join(", ")
      }: nodes may have its rows in another order, and delete none`,
      "give it one; the product's own tables have theirs",
    ));
  }
  return findings.length > 0
    ? findings
    : [fine(what, "a node of a cluster; what others took is waited for")];
}
