import assert from "node:assert/strict";
import { silentLog } from "../../../domain/operation/log.ts";
import { openBlockingRedis, openRedis } from "../../../streams/redis/redis.ts";
import { consumeOnce, ensureGroup, makeConsumer } from "../../../streams/queue/consumer.ts";
import { enqueue } from "../../../streams/queue/enqueue.ts";
import type { Codec, QueueKeys } from "../../../streams/queue/queue.ts";
import { readStreamStatus } from "../../../streams/queue/queue_status.ts";
import type { EngineDeps, QueueTypes, Work } from "../../../streams/queue/work.ts";
import { testContext } from "../../support.ts";

/** Letters of an alphabet are to be painted, and then dried. */
interface Letter {
  type: "paint" | "dry" | "burn";
  letter: string;
}

interface Painting extends QueueTypes {
  group: "paint" | "dry";
  message: Letter;
  event: string;
  deps: EngineDeps;
}

const groups = ["paint", "dry"] as const;

const decode = (text: string): Letter | string => {
  const [type, letter] = text.split(" ");
  return letter === undefined ? "there is no letter" : { type: type as Letter["type"], letter };
};

const codec: Codec<Letter> = {
  groups,
  groupOf: ({ type }) => type === "dry" ? "dry" : "paint",
  laneOf: () => undefined,
  messageField: "m",
  traceField: "t",
  encode: ({ type, letter }) => `${type} ${letter}`,
  decode,
  read: ([, text]) => decode(text!),
  traceOf: () => undefined,
  unitOf: () => "ml",
  amountOf: ({ letter }) => letter.charCodeAt(0),
  onceIdOf: ({ letter }) => letter.charCodeAt(0),
  logFacts: ({ letter }) => ({ letter }),
  spanFacts: ({ letter }) => ({ letter }),
};

function keysOf(prefix: string): QueueKeys {
  const of = (name: string) => (group: string, lane = "both") =>
    `${prefix}${name}:${group}:${lane}`;
  return {
    stream: of("stream"),
    scheduled: of("scheduled"),
    scheduledTraces: `${prefix}traces`,
    retries: of("retries"),
    alive: of("alive"),
    consumerStarts: of("starts"),
    errors: of("errors"),
    errorTexts: of("texts"),
    weights: of("weights"),
    stats: of("stats"),
    paused: of("paused"),
    publishedOnce: `${prefix}once:`,
    probe: `${prefix}probe`,
  };
}

Deno.test("the queue does any work: its handlers are a table, and its events go to a hook", async () => {
  const test = await testContext("any_work");
  const redis = await openRedis(test.redisUrl);
  const blocking = await openBlockingRedis(test.redisUrl);
  const keys = keysOf(test.redisPrefix);
  const deps = {
    redis,
    blocking,
    keys,
    log: silentLog,
    consumer: "painter",
    lane: "bulk",
  } as const;
  const told: string[] = [];
  const work: Work<Painting> = {
    codec,
    handlers: {
      paint: (_, deliveries) =>
        Promise.resolve(deliveries.map(({ message: { letter } }) => {
          if (letter === "X") throw new Error("no paint sticks to it");
          const message: Letter = { type: "dry", letter };
          return { kind: "done", followUps: [{ message }], events: [`painted ${letter}`] };
        })),
      dry: (_, deliveries) =>
        Promise.resolve(deliveries.map(() => ({ kind: "done", followUps: [], events: [] }))),
    },
    store: {
      isAway: () => false,
      unclearOf: () => undefined,
      tryWriting: () => Promise.resolve(),
    },
    maxDelayMs: () => 60_000,
    beforeAcknowledge: async (_, events) => {
      told.push(...events, `${await redis.xlen(keys.stream("paint", "bulk"))} in the stream`);
    },
    judgeDead: (_, __, dead) =>
      Promise.resolve(dead.map(({ message }) => message?.letter === "Y" ? "drop" : "keep")),
    keepDead: (_, group, dead) => {
      for (const { message, error } of dead) told.push(`${group} ${message?.letter}: ${error}`);
      return Promise.resolve();
    },
    watch: (_, group) => ({
      note: ({ batch, events }) => told.push(`${group}: ${batch} with ${events.length} events`),
      flush: () => Promise.resolve(),
    }),
  };
  try {
    for (const group of groups) await ensureGroup(deps, group);
    const once = { lane: "bulk", once: true } as const;
    const letters = ["A", "B", "X", "A"].map((letter): { message: Letter } => ({
      message: { type: "paint", letter },
    }));
    assert.equal(await enqueue(deps, codec, letters, once), 3, "the second A is the first again");
    const burnt: Letter[] = [{ type: "burn", letter: "Z" }, { type: "burn", letter: "Y" }];
    await enqueue(deps, codec, burnt.map((message) => ({ message })), { lane: "bulk" });
    const options = {
      work,
      batchSize: 10,
      maxDeliveries: 1,
      retryBackoffMs: 0,
      takeoverMs: 10_000,
    } as const;
    const painter = makeConsumer<Painting>(deps, { ...options, group: "paint" });
    assert.deepEqual(await consumeOnce(painter), { handled: 2, retried: 0, dead: 2, delayed: 0 });
    assert.deepEqual(told, [
      "painted A",
      "painted B",
      "5 in the stream",
      "paint X: no paint sticks to it",
      'paint Z: no handler takes messages of the type "burn"',
      "paint: 5 with 2 events",
    ]);
    const [painted, drying] = await readStreamStatus(deps, groups);
    assert.deepEqual([painted!.length, painted!.weights], [0, []]);
    assert.deepEqual([drying!.lag, drying!.weights], [2, [{ unit: "ml", amount: 65 + 66 }]]);
    const dryer = makeConsumer<Painting>(deps, { ...options, group: "dry" });
    assert.equal((await consumeOnce(dryer)).handled, 2);
  } finally {
    redis.disconnect();
    blocking.disconnect();
    await test.close();
  }
});
