import assert from "node:assert/strict";
import { countDeadLetters } from "../../../db/dead_letters/dead_letter_counts.ts";
import { deadLetterMessages } from "../../../db/dead_letters/dead_letters.ts";
import type { Group } from "../../../domain/messages/messages.ts";
import { openWorkflow } from "../../workflow.ts";
import { observeDatabase } from "../connection/observed_database.ts";
import { aDeadLetter } from "../../dead_letter.ts";

Deno.test("countDeadLetters() counts what nobody has dealt with, and stops at its limit", async () => {
  const flow = await openWorkflow("dead_letter_counts");
  const letters = (group: Group, count: number) =>
    Array.from({ length: count }, (_, index) => aDeadLetter({ group, messageId: `1-${index}` }));
  try {
    await deadLetterMessages(flow.db, [...letters("orders", 500), ...letters("refunds", 7)]);
    await flow.db.run("update dead_letters set status = 'DISCARDED' where id % 5 = 0");
    assert.deepEqual(await countDeadLetters(flow.db), new Map([["orders", 400], ["refunds", 6]]));
    const { db, sent } = observeDatabase(flow.db);
    assert.deepEqual(await countDeadLetters(db, 20), new Map([["orders", 20], ["refunds", 6]]));
    const walked = sent.reduce((sum, statement) => sum + statement.walked, 0);
    assert.ok(walked < 100, `${walked} rows were read`);
  } finally {
    await flow.close();
  }
});
