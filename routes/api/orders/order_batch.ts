/**
 * Many orders by one request: each is taken or refused by itself, and answered as if it had come alone.
 *
 * @module
 */

import { createHash } from "node:crypto";
import { Buffer } from "node:buffer";
import { createGunzip, gzipSync } from "node:zlib";
import type { Context } from "hono";
import { HTTPException } from "hono/http-exception";
import type { ContentfulStatusCode } from "hono/utils/http-status";
import { readLatestErasure } from "../../../db/customers/erased_keys.ts";
import { messageOf, WorkflowError } from "../../../domain/errors.ts";
import type { IncomingOrder } from "../../../domain/order/incoming_order.ts";
import { expectHolding } from "../../../services/orders/expect_holding.ts";
import {
  type BroughtOrder,
  type KeptCustomers,
  keptCustomers,
  type KeptProducts,
  keptProducts,
  placeAndPublish,
  type PlacedOrder,
} from "../../../services/orders/place_orders.ts";
import { inSpan, traceparent, tracing } from "../../../streams/telemetry/tracing.ts";
import { withDeadline } from "../../../streams/timing/deadline.ts";
import { takeTurns } from "../../../streams/timing/take_turns.ts";
import type { AppDeps } from "../../deps.ts";
import type { Caller } from "../../middleware/caller.ts";
import { validOf } from "../../middleware/checked.ts";
import { piecedBody, takeFilePlace } from "../../middleware/read_answer.ts";
import { type Held, type HoldKey, keyOf } from "../../middleware/idempotency.ts";
import { httpProblemOf, isEngineAway, type Problem, problemOf } from "../../middleware/problem.ts";
import {
  type BatchBody,
  type BatchForm,
  type BatchLine,
  readBatchBody,
  readLine,
} from "./batch_body.ts";
import { amountDetail, orderBody } from "./order_body.ts";
import { newOrderAnswer, refusalOf } from "./order_placer.ts";
import { readOrder } from "./read_order.ts";

/** Orders to one transaction, and bytes of them: an order may have a thousand items. */
const chunk = { lines: 1_000, bytes: 1_048_576 } as const;

/** Longest time for one transaction and what follows from it, in milliseconds. */
const maxMs = 10_000;

/** Faults that the answer to one order lists. */
const maxFaults = 100;

/**
 * Faults that the answers to a batch list, beyond which each has its first: 10,000 orders of six million bytes had a million of
 * them, in an answer of 56 million.
 */
const maxBatchFaults = 10_000;

/** Items that are looked at at once where faults are not told any more. */
const itemsOfPiece = 5;

/** Faults that the answers to a batch may still list. */
interface FaultsLeft {
  faults: number;
}

/** Limits of all batches of a process. */
export interface BatchOptions {
  /** Batches that are worked on at once; default 4. */
  working?: number;
  /** Batches that may wait for their turn; default 8. */
  waiting?: number;
  /** Longest wait for a turn, in milliseconds; default 10 s: what is turned away later was answered already, and taken after that. */
  waitMs?: number;
  /** Longest wait for whoever is to read the next answers, in milliseconds; then the batch ends where it is; default 30 s. */
  silentMs?: number;
}

const types: Readonly<Record<BatchForm, string>> = {
  ndjson: "application/x-ndjson",
  json: "application/json",
};

/** An order that was read, or why it could not be. */
type ReadLine = { line: BatchLine } & ({ order: IncomingOrder } | { problem: Problem });

/**
 * Makes the function that answers `POST /orders/batch`.
 *
 * The body is read to its end and its orders are counted before the first is taken. They are then taken in their order,
 * {@linkcode chunk} to a transaction, and answered once that is committed and published; what follows is taken when
 * the answers before it were read. Whoever hangs up, or reads nothing for 30 seconds, ends the batch there:
 * what was taken stays, and the same batch again goes on.
 *
 * With a key the answers are stored as a whole, after the last transaction: a crash before leaves the key to be
 * claimed again, and orders that are then known.
 *
 * @param hold holds the key of a request
 */
export function batchTaker(
  deps: AppDeps,
  hold: HoldKey,
  { working = 4, waiting = 8, waitMs = 10_000, silentMs }: BatchOptions = {},
): (c: Context) => Promise<Response> {
  const takePlace = placesFor({ working, waiting, waitMs });
  const products = keptProducts(), customers = keptCustomers();
  return async (c) => {
    const body = await readBatchBody(c);
    const digest = createHash("sha256").update(body.bytes).digest("hex");
    const held = await hold(keyOf(c), ["orders", body.form, digest]);
    if (held !== null && "answer" in held) return replayed(c, deps, body.form, held.answer);
    const giveUp = async (error: unknown): Promise<never> => {
      await held?.release();
      held?.end();
      throw error;
    };
    const erasures = held === null ? 0 : await readLatestErasure(deps.db).catch(giveUp);
    const leave = await takePlace(c.get("caller").name).catch(giveUp);
    const answers = answersOf({ ...deps, products, customers }, body, c.get("caller"));
    return await streamed(c, { deps, body, answers, held, erasures, leave, silentMs });
  };
}

/** A batch on its way. */
interface Running {
  deps: AppDeps;
  body: BatchBody;
  answers: AsyncGenerator<Answers, undefined>;
  held: Exclude<Held, { answer: string }> | null;
  /** The latest erasure as it began; of no account without a key. */
  erasures: number;
  /** Gives its place to the next batch. */
  leave: () => void;
  silentMs?: number;
}

/** The answers to some orders, in their order. */
interface Answers {
  /** One JSON object each. */
  texts: string[];
  /** False where some were not taken by no fault of theirs, as where an engine was away: the same batch may come again. */
  complete: boolean;
}

/**
 * Sends answers as they come. The first ones are waited for: where none of the orders could be taken because an engine is
 * away, that is the answer to all.
 */
async function streamed(c: Context, running: Running): Promise<Response> {
  const { form } = running.body;
  const end = endOf(running);
  try {
    const first = await running.answers.next();
    return c.body(streamOf(running, first, end), 200, { "content-type": types[form] });
  } catch (error) {
    await end();
    throw error;
  }
}

/** Ends a batch, once. A key with an answer stays what it is; another is free again. */
function endOf({ answers, held, leave }: Running): () => Promise<void> {
  let ended: Promise<void> | undefined;
  const end = async () => {
    await answers.return(undefined);
    leave();
    await held?.release();
    held?.end();
  };
  return () => ended ??= end();
}

function streamOf(
  { deps: { log }, body: { form }, answers, held, erasures, silentMs }: Running,
  begun: IteratorResult<Answers, undefined>,
  end: () => Promise<void>,
): ReadableStream<Uint8Array<ArrayBuffer>> {
  let first: typeof begun | undefined = begun;
  const written = writer(form, held !== null);
  let isComplete = true;
  let isWritten = false;
  return piecedBody({
    async next() {
      if (isWritten) return undefined;
      const { value, done } = first ?? await answers.next();
      first = undefined;
      if (!done) {
        isComplete &&= value.complete;
        return written.next(value.texts);
      }
      isWritten = true;
      const rest = written.rest();
      if (held !== null && isComplete) {
        await held.settleUnlessErased(JSON.stringify(written.packed()), erasures);
      }
      return rest;
    },
    onBreak: (error) => log.warn("batch of orders broken off", { error: messageOf(error) }),
    onEnd: end,
    silentMs,
    // The next orders are taken while the answers before them are on their way.
    ahead: 1,
  });
}

/** Writes answers one below the other, or as an array. */
function writer(form: BatchForm, isKept: boolean) {
  const encoder = new TextEncoder();
  const kept: Uint8Array[] = [];
  let isFirst = true;
  const bytesOf = (text: string): Uint8Array<ArrayBuffer> => {
    const bytes = encoder.encode(text);
    if (isKept && bytes.length > 0) kept.push(gzipSync(bytes, { level: 1 }));
    return bytes;
  };
  return {
    /** @param texts one at least */
    next(texts: readonly string[]): Uint8Array<ArrayBuffer> {
      if (form === "ndjson") return bytesOf(`${texts.join("\n")}\n`);
      const text = `${isFirst ? "[" : ",\n"}${texts.join(",\n")}`;
      isFirst = false;
      return bytesOf(text);
    },
    rest: () => bytesOf(form === "ndjson" ? "" : "]\n"),
    /** All of it, packed by gzip, in base64. */
    packed: () => Buffer.concat(kept).toString("base64"),
  };
}

/** The answers to the first request under the key, again. */
function replayed(c: Context, { log }: AppDeps, form: BatchForm, answer: string): Response {
  const leave = takeFilePlace(c);
  const gunzip = createGunzip();
  gunzip.end(Buffer.from(JSON.parse(answer) as string, "base64"));
  const pieces = gunzip[Symbol.asyncIterator]() as AsyncIterator<Uint8Array<ArrayBuffer>>;
  const body = piecedBody({
    next: async () => (await pieces.next()).value,
    onBreak: (error) => log.warn("batch of orders broken off", { error: messageOf(error) }),
    onEnd() {
      leave();
      gunzip.destroy();
    },
  });
  return c.body(body, 200, {
    "content-type": types[form],
    "idempotent-replayed": "true",
  });
}

/** What orders are taken with. */
interface BatchDeps extends AppDeps {
  /** Of the batches before. */
  products: KeptProducts;
  customers: KeptCustomers;
}

/** Takes the orders, and reads the next ones while the database is busy with those before. */
async function* answersOf(
  deps: BatchDeps,
  body: BatchBody,
  caller: Caller,
): AsyncGenerator<Answers, undefined> {
  const parent = tracing ? traceparent() : undefined;
  const parts = partsOf(body.lines);
  const left: FaultsLeft = { faults: maxBatchFaults };
  const whole = { ...body, expectHeld: expectHolding(deps.config) };
  let reading = readPart(whole, parts[0]!, left);
  for (let index = 0; index < parts.length; index++) {
    const read = await reading;
    const taking = takePart(deps, read, caller, parent);
    const next = parts[index + 1];
    if (next !== undefined) reading = readPart(whole, next, left);
    let answers: Answers;
    try {
      answers = await taking;
    } catch (error) {
      await reading;
      if (index === 0) throw error;
      deps.log.warn("engine away", { error: messageOf(error) });
      const lines = parts.slice(index).flat();
      return yield { texts: lines.map((line) => untaken(line)), complete: false };
    }
    yield answers;
  }
}

/** Cuts the orders of a batch into what one transaction takes. */
function partsOf(lines: readonly BatchLine[]): BatchLine[][] {
  const parts: BatchLine[][] = [];
  let bytes = Infinity;
  for (const line of lines) {
    const part = parts.at(-1);
    bytes += line.to - line.from;
    if (part === undefined || part.length >= chunk.lines || bytes > chunk.bytes) {
      parts.push([line]);
      bytes = line.to - line.from;
    } else part.push(line);
  }
  return parts;
}

async function readPart(
  { bytes, expectHeld }: BatchBody & { expectHeld: ReturnType<typeof expectHolding> },
  lines: readonly BatchLine[],
  left: FaultsLeft,
): Promise<ReadLine[]> {
  const othersTurn = takeTurns();
  const read: ReadLine[] = [];
  for (const line of lines) {
    await othersTurn();
    try {
      const came = readLine(bytes, line);
      if (left.faults <= 0) refuseByPieces(came);
      const order = readOrder(came);
      expectHeld(order);
      read.push({ line, order });
    } catch (error) {
      read.push({ line, problem: problemOfLine(error, left) });
    }
  }
  return read;
}

/**
 * Looks at the items of an order a few at a time, up to the first that is faulty: of a batch that has had its faults told,
 * nobody is told the others, and finding a fault costs ten times what finding none does.
 *
 * @throws {WorkflowError} `invalid`, with one fault
 */
function refuseByPieces(came: unknown): void {
  const items = (came as { items?: unknown } | null)?.items;
  if (!Array.isArray(items)) return;
  for (let from = 0; from < items.length; from += itemsOfPiece) {
    const piece = { ...came as object, items: items.slice(from, from + itemsOfPiece) };
    const at = (place: string) =>
      place.replace(/^#\/items\/(\d+)/, (_, number) => `#/items/${from + Number(number)}`);
    try {
      validOf("json", orderBody, piece, amountDetail);
    } catch (error) {
      if (!(error instanceof WorkflowError)) throw error;
      const { detail, ...fault } = error.faults[0]!;
      const place = at(fault.at);
      throw new WorkflowError("invalid", `The body is not valid: ${place} ${detail}`, [
        { at: place, detail },
      ]);
    }
  }
}

/** @throws what is no fault of an order */
function problemOfLine(error: unknown, left: FaultsLeft): Problem {
  if (error instanceof WorkflowError) {
    const problem = problemOf(error, Math.max(1, Math.min(maxFaults, left.faults)));
    left.faults -= problem.errors?.length ?? 0;
    return problem;
  }
  if (!(error instanceof HTTPException)) throw error;
  return httpProblemOf(error.status as ContentfulStatusCode, error.message);
}

/** An order of a batch that was read. */
interface BatchOrder extends BroughtOrder {
  line: BatchLine;
}

/** @throws where an engine is away */
async function takePart(
  deps: BatchDeps,
  read: readonly ReadLine[],
  { actor, scopes }: Caller,
  parent: string | undefined,
): Promise<Answers> {
  const brought = read.flatMap((one): BatchOrder[] =>
    "order" in one ? [{ line: one.line, order: one.order, actor, traceparent: parent }] : []
  );
  const place = () => placeApart(deps, brought);
  const placed = tracing ? await inSpan("take orders", { of: [parent] }, place) : await place();
  const results = new Map(brought.map(({ line }, index) => [line, placed[index]!]));
  const complete = placed.every((one) => !("problem" in one) || one.problem.status < 500);
  const texts = read.map((one) => {
    const { number: line } = one.line;
    if ("problem" in one) return refused(line, one.problem);
    const result = results.get(one.line)!;
    if ("problem" in result) return refused(line, result.problem);
    if (result.outcome === "conflict" || result.outcome === "unknown_sku") {
      return refused(line, problemOf(refusalOf(result, one.order, scopes)!, maxFaults));
    }
    const { location, etag, body: order } = newOrderAnswer(result.order, scopes);
    const status = result.outcome === "new" ? 202 : 200;
    return JSON.stringify({ line, status, location, etag, order });
  });
  return { texts, complete };
}

/**
 * Places orders together; where that fails by the fault of one of them, in halves until it stands alone.
 *
 * @throws where an engine is away
 */
async function placeApart(
  deps: BatchDeps,
  brought: readonly BatchOrder[],
): Promise<(PlacedOrder | { problem: Problem })[]> {
  if (brought.length === 0) return [];
  try {
    const { products, customers } = deps;
    const options = { lane: "bulk", products, customers } as const;
    return await withDeadline(maxMs, "An engine", placeAndPublish(deps, brought, options));
  } catch (error) {
    if (isEngineAway(error)) throw error;
    if (brought.length > 1) {
      const half = Math.ceil(brought.length / 2);
      return [
        ...await placeApart(deps, brought.slice(0, half)),
        ...await placeApart(deps, brought.slice(half)),
      ];
    }
    deps.log.error("order of a batch failed", { error: messageOf(error) });
    const problem = error instanceof WorkflowError
      ? problemOf(error, maxFaults)
      : httpProblemOf(500, "An unexpected error; the log has it");
    return [{ problem }];
  }
}

function refused(line: number, problem: Problem): string {
  return JSON.stringify({ line, status: problem.status, problem });
}

function untaken({ number }: BatchLine): string {
  const detail = "An engine cannot be reached; send it again later";
  return refused(number, problemOf(new WorkflowError("unavailable", detail)));
}

/**
 * Lets so many work at once, and so many wait: of one token all but one of each at the most, so that whoever never reads its
 * answers keeps nobody else out.
 *
 * @returns gives a token a place, which is to be left in the end; it rejects with `unavailable` where too many wait, or one has
 * waited for too long
 */
function placesFor(
  { working, waiting, waitMs }: Required<Pick<BatchOptions, "working" | "waiting" | "waitMs">>,
): (token: string | null) => Promise<() => void> {
  const queue: { token: string | null; begin: () => void }[] = [];
  const taken: (string | null)[] = [];
  // Where nobody is asked who they are, nobody is told from others.
  const hasShare = (token: string | null, of: readonly (string | null)[], places: number) =>
    token !== null && of.filter((one) => one === token).length >= Math.max(1, places - 1);
  const tooMany = () =>
    new WorkflowError("unavailable", "Too many batches are waiting; try again later");
  const mayWork = (token: string | null) =>
    taken.length < working && !hasShare(token, taken, working);
  const work = (token: string | null) => {
    taken.push(token);
    return () => {
      taken.splice(taken.indexOf(token), 1);
      const next = queue.findIndex(({ token }) => mayWork(token));
      if (next >= 0) queue.splice(next, 1)[0]!.begin();
    };
  };
  return async (token) => {
    if (mayWork(token)) return work(token);
    if (queue.length >= waiting || hasShare(token, queue.map(({ token }) => token), waiting)) {
      throw tooMany();
    }
    const place = Promise.withResolvers<() => void>();
    const own = { token, begin: () => place.resolve(work(token)) };
    queue.push(own);
    const timer = setTimeout(() => {
      const at = queue.indexOf(own);
      if (at < 0) return;
      queue.splice(at, 1);
      place.reject(tooMany());
    }, waitMs);
    return await place.promise.finally(() => clearTimeout(timer));
  };
}
