/**
 * `deno task customer`: a person's data, or its erasure.
 *
 * @module
 */

import { counted, plural } from "../domain/text/plural.ts";
import { eraseCustomer } from "../services/customers/erase_customer.ts";
import { exportCustomer, exportText } from "../services/customers/export_customer.ts";
import { guardDatabase } from "../streams/recovery/database_guard.ts";
import { refuseOtherErasureSecret } from "../streams/workflow/erasure_secret.ts";
import { refuseBesideOlder } from "../streams/workflow/hold_older.ts";
import { type Command, readOptions, usage } from "./command.ts";
import { withContext } from "./context.ts";
import { operatorIn } from "./operator.ts";
import { print } from "./print.ts";

const command: Command = {
  summary: "Shows everything that is kept of a person, or erases it.",
  help: `
Usage: deno task customer export EXTERNAL_ID
       deno task customer erase EXTERNAL_ID

  EXTERNAL_ID  the shop's own id of the customer; of a guest the e-mail address

export writes one JSON document to standard output: the customer, every order with what belongs to it, and rows
of imported files that were not taken.

erase takes everything away that names the person, in every table: orders, payments and refunds stay, of nobody. It is
refused while an order is not settled, money has to go back or somebody has to decide about it, and says about which
orders. It can't be undone. Killed in the middle, it goes on when it is called again, or by itself in the background.
What the product does not reach (backups, binary logs, mail servers) is in docs/operating.md.`,
  async run(args, env) {
    const options = readOptions(args, { positionals: [2, 2] });
    const [verb, externalId] = options.positionals as [string, string];
    if (verb !== "export" && verb !== "erase") {
      throw usage(`customer knows export and erase, not ${JSON.stringify(verb)}`);
    }
    return await withContext(env, async (context) => {
      if (verb === "export") {
        const person = await exportCustomer(context, { externalId }, operatorIn(env));
        for await (const piece of exportText(person)) print(escaped(piece));
        return 0;
      }
      await guardDatabase(context);
      await refuseBesideOlder(context);
      await refuseOtherErasureSecret(context);
      const done = await eraseCustomer(context, { externalId }, operatorIn(env));
      print(
        done.changed
          ? `Erased: ${counted(done.orders, "order")} of customer ${done.customerId} ${
            plural(done.orders, "stays", "stay")
          } without a name`
          : `Customer ${done.customerId} was erased before, on ${done.erasedAt}`,
      );
      if (done.sameEmail.length > 0) {
        print(
          "Other customers have the same e-mail address, and were left alone: " +
            `${done.sameEmail.join(", ")} (ids of the database)`,
        );
      }
      return 0;
    });
  },
};

export default command;

/** What terminals obey and printing would show otherwise, as JSON escapes it: the document stays what it is. */
function escaped(json: string): string {
  return json.replace(
    /[^\x20-\x7e\n\xa0-\u1fff\u2c00-\ud7ff\ud800-\udfff]/g,
    (character) => `\\u${character.charCodeAt(0).toString(16).padStart(4, "0")}`,
  );
}
