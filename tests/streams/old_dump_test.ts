import assert from "node:assert/strict";
import { endOldKeys, readInstallation } from "../../db/installation.ts";
import { migrate } from "../../db/migrate.ts";
import { booksNoter } from "../../streams/books_age.ts";
import { ensureRecovered } from "../../streams/recover.ts";
import { restoreDump, takeDump } from "../dump.ts";
import { settleAll, withProvider } from "../provider.ts";
import { anOrder } from "../workflow.ts";

const web = (n: number) => anOrder(`web-${n}`, [{ sku: "A", qty: 1, unitPriceCents: 1_000 }]);

/** Tables that a dump of the version before has not. */
const newTables = [
  "installation",
  "charge_keys",
  "books_marks",
  "books_losses",
  "payment_disputes",
];

Deno.test("a dump of before the upgrade, restored after it: what was charged since is charged once", () =>
  withProvider("old_dump", {}, async (provided) => {
    const { flow, provider } = provided;
    await flow.add([web(1)]);
    await settleAll(provided);
    const dump = await takeDump(flow.test.databaseUrl);
    for (const table of newTables) dump.delete(table);
    await flow.add([web(2), web(3)]);
    await settleAll(provided);
    await booksNoter(flow)();
    const { name } = await readInstallation(flow.db);
    assert.equal(provider.charges.size, 3);

    for (const table of newTables) await flow.rows(`delete from ${table}`);
    await restoreDump(flow.test.databaseUrl, dump);
    await flow.rows("delete from schema_migrations where version in (13, 15)");
    await migrate(flow.test.databaseUrl);
    assert.notEqual((await readInstallation(flow.db)).name, name);
    await ensureRecovered(flow);
    await endOldKeys(flow.db);
    await flow.add([web(2), web(3), web(4)]);
    await settleAll(provided);
    assert.deepEqual(
      [...provider.charges.values()].map(({ reference }) => reference).sort(),
      ["web-1", "web-2", "web-3", "web-4"],
    );
    assert.equal((await readInstallation(flow.db)).name, name);
  }));
