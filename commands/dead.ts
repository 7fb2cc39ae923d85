/**
 * `deno task dead`: the dead letters.
 *
 * @module
 */

import { groups } from "../domain/messages/work.ts";
import {
  type DeadLetterFilter,
  type DeadLetterRow,
  listDeadLetters,
} from "../db/dead_letters/dead_letters.ts";
import { readOrders } from "../db/orders/orders.ts";
import { causeOf, type DeadLetterCause } from "../domain/messages/dead_letter_causes.ts";
import { WorkflowError } from "../domain/errors.ts";
import { groupedAmount } from "../domain/money.ts";
import { formatCount } from "../domain/text/format_count.ts";
import { isSettled } from "../domain/order/order.ts";
import {
  type Decided,
  discardDeadLetters,
  retryDeadLetters,
} from "../services/operation/decide_dead_letters.ts";
import { guardDatabase } from "../streams/recovery/database_guard.ts";
import { refuseBesideOlder } from "../streams/workflow/hold_older.ts";
import { typed } from "../runtime/typed.ts";
import { type Command, groupArgument, integerArgument, readOptions, usage } from "./command.ts";
import { type Context, withContext } from "./context.ts";
import { tellIfNobodyWorks } from "./nobody_works.ts";
import { operatorIn } from "./operator.ts";
import { print, printError } from "./print.ts";
import { formatTable, right } from "./table.ts";

/** Letters that the list shows without `--all`. */
const shown = 50;

/** Letters that are read at a time. */
const pageSize = 1_000;

/** Characters of an error in the list. */
const errorWidth = 80;

const command: Command = {
  summary: "Lists, retries or discards messages that no handler could finish.",
  // Put together for whoever reads it, as the list's format takes megabytes.
  get help() {
    return `
Usage: deno task dead [list|retry|discard] [--group=NAME] [--id=ID] [--all]

  list          show what waits for a decision, oldest first (the default)
  retry         publish the messages again, with all their tries before them
  discard       give them up
  --group=NAME  only those of ${
      new Intl.ListFormat("en-GB", { type: "disjunction" }).format(groups)
    }
  --id=ID       only this one
  --all         all of them; the list shows ${shown} without it

retry and discard need --id or --all. Discarding ends a message, not its order: an order that is not
finished is published anew by the next sweep, unless it is cancelled.`;
  },
  async run(args, env) {
    const options = readOptions(args, {
      boolean: ["all"],
      string: ["group", "id"],
      positionals: [0, 1],
    });
    const verb = options.positionals[0] ?? "list";
    if (verb !== "list" && verb !== "retry" && verb !== "discard") {
      throw usage(`There is no "dead ${verb}"; there are list, retry and discard`);
    }
    const name = options.text("group");
    const group = name === undefined ? undefined : groupArgument(name);
    const rawId = options.text("id");
    const id = rawId === undefined
      ? undefined
      : integerArgument("--id", rawId, 1, Number.MAX_SAFE_INTEGER);
    const all = options.flag("all");
    if (id !== undefined && all) throw usage("Give --id or --all, not both");
    if (verb !== "list" && id === undefined && !all) {
      throw usage(`dead ${verb} needs --id or --all`);
    }
    const filter: DeadLetterFilter = { group, id };
    const operator = operatorIn(env);

    return await withContext(env, async (context) => {
      if (verb === "list") return await list(context, filter, all);
      await guardDatabase(context);
      await refuseBesideOlder(context);
      const decided = verb === "retry"
        ? await retryDeadLetters(context, filter, operator)
        : await discardDeadLetters(context, filter, operator);
      if (id !== undefined && decided.letters.length + decided.refused.length === 0) {
        throw new WorkflowError("not_found", `No dead letter ${id} waits for a decision`);
      }
      const code = await report(context, verb, decided);
      if (verb === "retry" && decided.letters.length > 0) await tellIfNobodyWorks(context);
      return code;
    });
  },
};

export default command;

async function list({ db }: Context, filter: DeadLetterFilter, all: boolean): Promise<number> {
  const letters: DeadLetterRow[] = [];
  for (let afterId = 0;;) {
    const page = await listDeadLetters(db, filter, afterId, all ? pageSize : shown + 1);
    letters.push(...page);
    if (!all || page.length < pageSize) break;
    afterId = page.at(-1)!.id;
  }
  if (letters.length === 0) {
    print("No dead letters");
    return 0;
  }
  print(formatTable(
    [
      right("id"),
      { heading: "group" },
      right("order"),
      right("refund"),
      right("amount"),
      { heading: "" },
      right("tries"),
      { heading: "died at (UTC)" },
      { heading: "error" },
    ],
    letters.slice(0, all ? undefined : shown).map((letter) => [
      String(letter.id),
      letter.group,
      String(letter.orderId ?? "-"),
      String(letter.refundId ?? "-"),
      letter.currency === null ? "-" : groupedAmount(letter.amountCents, letter.currency),
      letter.currency ?? "",
      String(letter.attempts),
      letter.diedAt.slice(0, 19).replace("T", " "),
      shorten(letter.error),
    ]),
  ));
  explain(letters.slice(0, all ? undefined : shown));
  if (!all && letters.length > shown) print("… and more; --all shows them");
  return 0;
}

/** What their causes mean and what is right, each cause once. */
function explain(letters: readonly DeadLetterRow[]): void {
  const byCause = new Map<string, { cause: DeadLetterCause; ids: number[] }>();
  for (const letter of letters) {
    const cause = causeOf(letter);
    const known = byCause.get(cause.name) ?? { cause, ids: [] };
    known.ids.push(letter.id);
    byCause.set(cause.name, known);
  }
  for (const { cause: { title, says, check, action }, ids } of byCause.values()) {
    const named = ids.slice(0, idsNamed).join(", ") + (ids.length > idsNamed ? ", …" : "");
    print("");
    print(`${title} (${named})`);
    print(`  ${says}`);
    print(`  Check: ${check}`);
    print(`  Then: ${advice[action]}`);
  }
}

/** Ids that are named beside a cause. */
const idsNamed = 8;

const advice: Readonly<Record<DeadLetterCause["action"], string>> = {
  retry: typed("dead retry --id=ID"),
  discard: typed("dead discard --id=ID"),
  look: "decide about the order on the dashboard, and discard what is settled then",
};

async function report(
  { db }: Context,
  verb: "retry" | "discard",
  { letters, refused }: Decided,
): Promise<number> {
  for (const { letter, reason } of refused) {
    printError(`Cannot retry dead letter ${letter.id}: ${reason}; it can only be discarded`);
  }
  const done = verb === "retry" ? "Retried" : "Discarded";
  print(`${done} ${formatCount(letters.length)} dead letters`);
  if (verb === "discard") {
    const ids = [...new Set(letters.flatMap(({ orderId }) => orderId ?? []))];
    let open = 0;
    for (let from = 0; from < ids.length; from += pageSize) {
      const orders = await readOrders(db, ids.slice(from, from + pageSize));
      for (const { status } of orders.values()) if (!isSettled(status)) open++;
    }
    if (open > 0) {
      print(
        `${formatCount(open)} of their orders are not finished: cancel them, or the next sweep ` +
          "publishes them anew",
      );
    }
  }
  return refused.length === 0 ? 0 : 1;
}

function shorten(error: string): string {
  const line = error.replace(/\s+/g, " ");
  return [...line].length > errorWidth ? `${[...line].slice(0, errorWidth - 1).join("")}…` : line;
}
