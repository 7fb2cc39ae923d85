/**
 * Makes sure that whoever types our id of an order does not mean the shop's.
 *
 * @module
 */

import type { Database, Queryable } from "../db/connection/database.ts";
import { readCharges } from "../db/orders/orders.ts";
import { readOrdersByReference } from "../db/reconciliation/named_money.ts";
import { visibleText } from "../domain/text/visible_text.ts";
import { asksAtTerminal } from "../runtime/terminal.ts";
import { usage } from "./command.ts";
import { printError } from "./print.ts";

/**
 * Ids of orders are ours, whatever the shop calls its own. Where it calls another order by what was typed this is said on standard error
 * before anything is done, and somebody at a terminal is asked: money that goes to another customer does not come back by itself.
 *
 * @param ids as they were typed
 * @param isSure asks; undefined where nobody can be asked, and what was typed is done
 * @throws {WorkflowError} `bad_usage` where another order was meant
 */
export async function askIfMeant(
  { db }: { db: Database },
  ids: readonly string[],
  isSure: ((question: string) => boolean) | undefined = asksAtTerminal(),
): Promise<void> {
  const said = await namesakes(db, ids);
  if (said.length === 0) return;
  for (const one of said) printError(one);
  if (isSure === undefined || isSure("Go on by our ids?")) return;
  throw usage("Nothing was done: name the order by our id");
}

/** What is said of each id by which the shop calls another order. */
async function namesakes(db: Queryable, ids: readonly string[]): Promise<string[]> {
  const theirs = await readOrdersByReference(db, ids);
  const some = ids.filter((id) => theirs.has(id) && theirs.get(id) !== Number(id));
  const ours = await readCharges(db, some.map(Number));
  return some.map((id) => {
    const of = ours.get(Number(id));
    const own = of === undefined ? "" : `, and our ${id} is the shop's ${of.externalOrderId}`;
    return visibleText(`What the shop calls ${id} is our order ${theirs.get(id)}${own}`);
  });
}
