/**
 * What is done with the messages of this workflow: its handlers, and what goes beyond them. The figures are counted
 * before an acknowledgement, dead letters are kept in the database, and messages about rows that a restored database
 * lost are dropped.
 *
 * @module
 */

import { deadLetterMessages } from "../../db/dead_letters/dead_letters.ts";
import { addLostOrders } from "../../db/recovery/database_losses.ts";
import { readLossFloors } from "../../db/recovery/database_marks.ts";
import { type Lane, laneName } from "../../domain/messages/lane.ts";
import { type Group, type Message, orderIdOf, purposeOf } from "../../domain/messages/messages.ts";
import { causeHash } from "../../domain/order/content_hash.ts";
import { handlers } from "../handlers/handlers.ts";
import { watchActivity } from "../kpis/activity.ts";
import { applyKpis } from "../kpis/kpis.ts";
import { maxDelayMs } from "../payments/gateway.ts";
import type { Failed, Verdict, Work } from "../queue/work.ts";
import { lookAtDatabase } from "../recovery/database_age.ts";
import { arePublished } from "../recovery/lost_rows.ts";
import type { HandlerDeps, WorkflowTypes } from "./handler.ts";
import { messageCodec } from "./message_codec.ts";
import { databaseMarksOf } from "./publish.ts";
import { store } from "./store.ts";

/** The work of every group. */
export const workflow: Work<WorkflowTypes> = {
  codec: messageCodec,
  handlers,
  store,
  maxDelayMs,
  beforeAcknowledge: async (deps, kpis) => {
    await applyKpis(deps, kpis);
  },
  judgeDead: judgeVanished,
  keepDead: ({ db, lane }, group, dead) =>
    deadLetterMessages(db, dead.map((failed) => letterOf(group, lane, failed))),
  marks: (deps) => databaseMarksOf(deps),
  watch: watchActivity,
};

function letterOf(group: Group, lane: Lane, { entry, message, error }: Failed<Message>) {
  return {
    group,
    messageId: laneName(lane, entry.id),
    orderId: message && orderIdOf(message),
    refundId: message && "refundId" in message ? message.refundId : null,
    amountCents: message && "amountCents" in message ? message.amountCents : 0,
    currency: message && "currency" in message ? message.currency : null,
    payload: JSON.stringify(entry.fields),
    error,
    attempts: entry.deliveries,
    firstSeenMs: Number(entry.id.split("-")[0]),
    cause: message === null ? null : causeHash(group, purposeOf(message)),
  };
}

/**
 * Drops messages about orders and refunds that the database lost when it was restored: whoever published them had
 * committed before and did not know it yet. An order that was acknowledged and is missing among later ones is written down
 * as lost. There is nothing for a person to decide about the message. While rows are gone right now,
 * they wait, and so do messages that are so young that their rows, or a newer state of them, may still be on their way
 * to this server.
 */
async function judgeVanished(
  deps: HandlerDeps,
  group: Group,
  dead: readonly Failed<Message>[],
): Promise<readonly Verdict[]> {
  if (dead.every(({ vanished, early }) => vanished === undefined && !early)) return [];
  const { db, log } = deps;
  if ((await lookAtDatabase(deps, db)).kind !== "current") {
    db.lookAgain();
    return dead.map(({ vanished, early }) => vanished === undefined && !early ? "keep" : "wait");
  }
  const floors = new Map(Object.entries(await readLossFloors(db)));
  const published = new Set(
    await arePublished(
      deps,
      dead.flatMap(({ vanished }) => vanished?.what === "order" ? vanished.id : []),
    ),
  );
  const lost: number[] = [];
  const [seconds] = await deps.redis.time();
  const oldestMs = Number(seconds) * 1_000 - deps.missingRowMs;
  const verdicts = dead.map(({ entry: { id }, message, error, vanished, early = false }) => {
    if (vanished === undefined && !early) return "keep";
    if (vanished === undefined || vanished.id > (floors.get(vanished.what) ?? 0)) {
      if (Number(id.split("-")[0]) > oldestMs) return "wait";
      // Later orders got across to the server that took over, and this one did not.
      if (vanished?.what !== "order" || !published.has(vanished.id)) return "keep";
      lost.push(vanished.id);
    }
    const order_id = message && orderIdOf(message);
    log.warn("message about a lost row dropped", { group, id, order_id, error });
    return "drop";
  });
  if (lost.length > 0) await addLostOrders(db, lost);
  return verdicts;
}
