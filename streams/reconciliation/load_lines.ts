/**
 * Holds a provider's lines against our books, a batch at a time.
 *
 * @module
 */

import type { Database, Queryable } from "../../db/connection/database.ts";
import {
  nameCharges,
  noteFirst,
  setAsideAgreed,
} from "../../db/reconciliation/discrepancy_identities.ts";
import {
  type FoundDiscrepancy,
  insertDiscrepancies,
} from "../../db/reconciliation/found_discrepancies.ts";
import {
  adoptMovement,
  type ChargeLine,
  completeMovement,
  insertAgreeingCharges,
  insertMovements,
  type MovementRow,
  noPart,
  noteRetoldCharges,
  readUntoldCharges,
} from "../../db/reconciliation/provider_movements.ts";
import {
  holdReports,
  type MovementKey,
  noteRetellings,
  renameMovement,
  type Retelling,
  type Sameness,
  takeOverUnknown,
} from "../../db/reconciliation/retold_movements.ts";
import { holdReport, widenTold } from "../../db/reconciliation/reconciliations.ts";
import { takeDiscrepancy } from "../../db/reconciliation/withdrawals.ts";
import { WorkflowError } from "../../domain/errors.ts";
import {
  addsUp,
  decideLine,
  type KnownMovement,
  type LineDecision,
  type LineRules,
  netOf,
  type UnattributedMovement,
} from "../../domain/reconciliation/decide_line.ts";
import type { DiscrepancyKind } from "../../domain/reconciliation/discrepancy.ts";
import {
  customerSideOf,
  dayOf,
  isOfNoOrder,
  type ProviderLine,
} from "../../domain/reconciliation/provider_line.ts";
import { isDuplicateKey } from "../../db/connection/faults.ts";
import { foundDiscrepancy, identityOf, rowOf } from "./found_discrepancy.ts";
import { againOf, entryOf, findFacts, type FoundFacts } from "./find_facts.ts";
import { lookAtNamed } from "./look_again.ts";

/** What lines are held against. */
export interface Loading {
  db: Database;
  provider: string;
  reconciliationId: number;
  rules: LineRules;
}

/** What is left of a batch. */
interface LeftLines {
  /** In the order of the report, for {@linkcode loadOthers}. */
  others: ProviderLine[];
  /** All charges of the batch were told before: those of the next one are likely to be, too. */
  isTold: boolean;
}

/**
 * Writes down those of a batch that are charges of just what we have: by one statement, and most batches need no other
 * one. A crash leaves whole batches, and the same lines again, in this or another report, add nothing.
 *
 * @param expected.isTold whether it is looked first at what was told before
 */
export async function loadPlain(
  loading: Loading,
  lines: readonly ProviderLine[],
  expected: { isTold: boolean },
): Promise<LeftLines> {
  const { lines: charges, from, others } = plainCharges(loading.provider, lines);
  let { isTold } = expected;
  let places = charges.map((_, place) => place);
  const some = () => places.map((place) => charges[place]!);
  const retellThem = async () => {
    places = (await retell(loading, some())).map((place) => places[place]!);
  };
  if (isTold) await retellThem();
  if (places.length > 0) {
    const written = await writeCharges(loading, some());
    isTold = written === 0;
    if (written === places.length) places = [];
    else await retellThem();
  }
  if (places.length > 0) others.push(...places.map((place) => from[place]!));
  return { others: others.sort((a, b) => a.line - b.line), isTold };
}

function writeCharges(loading: Loading, charges: readonly ChargeLine[]): Promise<number> {
  return loading.db.transaction(async (tx) => {
    await requireTelling(tx, loading);
    return await insertAgreeingCharges(tx, loading, charges);
  });
}

/**
 * What is written behind it goes with its report where that is taken back afterwards: lines of a report that is gone would
 * count for ever.
 *
 * @throws {WorkflowError} `reconciliation_conflict`
 */
export async function requireTelling(
  tx: Queryable,
  { reconciliationId: id }: Pick<Loading, "reconciliationId">,
): Promise<void> {
  if (await holdReport(tx, id)) return;
  throw new WorkflowError(
    "reconciliation_conflict",
    `Reconciliation ${id} was taken back meanwhile`,
  );
}

/**
 * Notes what of charges was told before, by whichever report. What this one has told before, such as all of a report that is
 * brought again, is noted already.
 *
 * @returns places of those of which nobody has told the same
 */
function retell(loading: Loading, lines: readonly ChargeLine[]): Promise<number[]> {
  const { db, provider } = loading;
  return db.transaction(async (tx) => {
    await requireTelling(tx, loading);
    const untold = await readUntoldCharges(tx, loading, lines);
    if (untold.length === 0) return [];
    await holdReports(tx, provider);
    const some = untold.map((place) => lines[place]!);
    if (!await noteRetoldCharges(tx, loading, some)) return untold;
    return (await readUntoldCharges(tx, loading, some)).map((place) => untold[place]!);
  });
}

/** Decides about lines one by one, in one transaction; only some at a time, in the order of the report. */
export async function loadOthers(loading: Loading, lines: readonly ProviderLine[]): Promise<void> {
  if (lines.length > 0) await decideTogether(loading, lines);
}

/**
 * Charges that may say just what we have, each of another name, and all other lines. Which of them do the statement decides
 * that writes them: by the same rule as {@linkcode decideLine}.
 */
export function plainCharges(provider: string, lines: readonly ProviderLine[]) {
  const plain: ChargeLine[] = [];
  const from: ProviderLine[] = [];
  const others: ProviderLine[] = [];
  const named = new Set<string>();
  for (const line of lines) {
    const [ref] = line.chargeRefs;
    const isPlain = line.kind === "charge" && line.entry !== null && ref !== undefined &&
      addsUp(line) && !named.has(ref);
    if (!isPlain) {
      others.push(line);
      continue;
    }
    named.add(ref);
    from.push(line);
    const { amountCents, currency, at, settledCurrency, grossCents, feeCents } = line;
    const entry = entryOf(provider, line.entry!);
    plain.push({ ref, entry, amountCents, currency, at, settledCurrency, grossCents, feeCents });
  }
  return { lines: plain, from, others };
}

/** How often somebody else may tell of the same meanwhile. */
const maxTries = 10;

/** What was decided by counts only as long as nobody else has told of the same: then it is looked at again. */
async function decideTogether(loading: Loading, lines: readonly ProviderLine[]): Promise<void> {
  const { db, provider, rules } = loading;
  for (let attempt = 1;; attempt++) {
    try {
      const first = await findFacts(db, provider, lines);
      const isRecognised = await recognise(loading, lines, first);
      const isMoved = await makeFirst(loading, lines, first);
      const facts = isRecognised || isMoved ? await findFacts(db, provider, lines) : first;
      const decided = lines.map((line, index): Decided => {
        const of = asKept(provider, line, facts[index]!);
        const decision = decideLine(line, of.entry, of, rules);
        const isOwn = keptOf(of)?.reconciliationId === loading.reconciliationId;
        return {
          line,
          facts: of,
          decision: isOwn ? unchosen(decision, line, keptOf(of)!) : decision,
        };
      });
      const once = onceEach(decided, rules);
      return await db.transaction((tx) => write(tx, loading, once));
    } catch (error) {
      const isOvertaken = error === gone || isDuplicateKey(error);
      if (!isOvertaken || attempt >= maxTries) throw error;
    }
  }
}

/**
 * Gives what was kept as of nothing of ours to what it is of by now, as a movement of which it would count twice: where somebody has
 * explained it, or it is of another of its charge's names, of which the first alone was kept.
 *
 * @returns whether there was any
 */
async function recognise(
  { db, provider, rules }: Loading,
  lines: readonly ProviderLine[],
  facts: readonly FoundFacts[],
): Promise<boolean> {
  const named = facts.flatMap(({ ours, unattributed, entry, chargeRef, part }, index) => {
    const { kind } = lines[index]!;
    const isOf = ours?.moved === true && ours.movement === null && unattributed !== null &&
      entry !== null && unattributed.entry === entry;
    // Whatever it was found as, what is of nothing of ours is known by its name alone.
    const identity = identityOf(provider, { kind, subjectId: 0, part }, "missing_with_us");
    return isOf ? [{ identity, chargeRef }] : [];
  });
  if (named.length === 0) return false;
  await lookAtNamed(db, provider, await nameCharges(db, named), rules);
  return true;
}

/** What is known of a line: where it was kept as one too many it is held against that, and not against what its name is kept as. */
function asKept(provider: string, line: ProviderLine, facts: FoundFacts): FoundFacts {
  const { again, ours } = facts;
  if (again === null) return facts;
  return {
    ...facts,
    ours: ours === null ? null : { ...ours, moved: false },
    unattributed: again,
    part: againOf(provider, line),
  };
}

/**
 * Keeps lines that were one too many as the first ones of their names, where those which had told of these before are gone: what was
 * found of them is what any first line of such a name is found as, and nobody has explained that.
 *
 * @returns whether there were any
 */
async function makeFirst(
  loading: Loading,
  lines: readonly ProviderLine[],
  facts: readonly FoundFacts[],
): Promise<boolean> {
  const { provider, rules } = loading;
  const placeOf = (line: ProviderLine, { part }: FoundFacts) => `${line.kind} ${part}`;
  const taken = new Set(
    facts.flatMap((of, index) => of.again === null ? [placeOf(lines[index]!, of)] : []),
  );
  const alone = facts.flatMap((of, index) => {
    const line = lines[index]!;
    const place = placeOf(line, of);
    const isFree = of.ours?.moved === true ? of.ours.movement === null : of.unattributed === null;
    if (of.again === null || isOfNoOrder(line.kind) || !isFree || taken.has(place)) return [];
    taken.add(place);
    return [{ line, of }];
  });
  if (alone.length === 0) return false;
  await loading.db.transaction(async (tx) => {
    await requireTelling(tx, loading);
    await holdReports(tx, provider);
    for (const { line, of } of alone) {
      const { ours, subject, part } = of;
      const { kind } = line;
      const again = againOf(provider, line);
      const isOfOurs = ours?.moved === true;
      const to = isOfOurs
        ? { kind: subject, subjectId: ours.id, part: noPart }
        : { kind, subjectId: 0, part };
      if (!await renameMovement(tx, { kind, subjectId: 0, part: again }, to)) throw gone;
      if (isOfOurs) continue;
      const decision = decideLine(line, of.entry, of, rules);
      if (decision.kind !== "unattributed") continue;
      const found = discrepancyOf(loading, line, of, decision.because, part);
      const before = identityOf(provider, { kind, subjectId: 0, part: again }, "twice");
      await noteFirst(tx, before, found);
      await insertDiscrepancies(tx, [found]);
    }
  });
  return true;
}

/** A line with what is known of it and what becomes of it. */
interface Decided {
  line: ProviderLine;
  facts: FoundFacts;
  decision: LineDecision;
  /** A line before it in the batch is of the same. */
  isSecond?: true;
  /** What is known of it where this very line stands in the batch before, with what that one tells. */
  before?: FoundFacts;
}

/** The first line of a batch that is of something has it; what else is of it is one too many. */
function onceEach(decided: readonly Decided[], rules: LineRules): Decided[] {
  const had = new Map<string, { entry: string | null; told: UnattributedMovement }>();
  return decided.map((one) => {
    const { facts, decision } = one;
    if (decision.kind === "known" || decision.kind === "changed") return one;
    const isOfOurs = decision.kind === "adopt" || decision.kind === "corrects"
      ? partOfNothing(facts) === null
      : decision.kind !== "unattributed" && decision.kind !== "no_order";
    const place = isOfOurs
      ? `${facts.subject} ${facts.ours!.id}`
      : `${isOfNoOrder(one.line.kind) ? "no order" : one.line.kind} ${facts.part}`;
    const before = had.get(place);
    if (before === undefined) {
      had.set(place, { entry: facts.entry, told: toldBy(one) });
      return one;
    }
    if (before.entry === facts.entry) {
      const { told } = before;
      const known: FoundFacts = isOfOurs
        ? { ...facts, ours: { ...facts.ours!, movement: told } }
        : { ...facts, unattributed: told };
      const again = unchosen(decideLine(one.line, facts.entry, known, rules), one.line, told);
      // What its customer paid is taken once the first one is written, by whoever brings the report again.
      const decision: LineDecision = again.kind === "corrects" ? { kind: "known" } : again;
      return { ...one, decision, before: known };
    }
    return { ...one, decision: { kind: "unattributed", because: "twice" }, isSecond: true };
  });
}

/** Of two nets that one report tells of the same line nobody can choose one: that of the first one stays. */
function unchosen(decision: LineDecision, line: ProviderLine, told: KnownMovement): LineDecision {
  if (decision.kind !== "corrects" || told.netCents === netOf(line)) return decision;
  return { kind: "changed", because: "fee_differs" };
}

/** As what a line was kept that was told before; null for none. */
function keptOf({ ours, unattributed }: FoundFacts): KnownMovement | null {
  return ours?.moved === true ? ours.movement : unattributed;
}

/** A line as what is kept of it. */
function toldBy({ line, facts }: Decided): UnattributedMovement {
  const { kind, grossCents, feeCents, settledCurrency: currency } = line;
  const customer = customerSideOf(line);
  const netCents = netOf(line);
  return { kind, entry: facts.entry, grossCents, feeCents, netCents, currency, customer };
}

/** Somebody took a report back, or told otherwise, by which it was decided. */
const gone = new Error("What was told before is not so any more");

/** @throws what {@linkcode gone} is, before it is committed */
async function write(tx: Queryable, loading: Loading, decided: readonly Decided[]): Promise<void> {
  await requireTelling(tx, loading);
  const retold = decided.flatMap(retoldBy);
  const known = decided.flatMap(knownOfNoOrder);
  const takesOver = ({ decision: { kind } }: Decided) => kind === "adopt" || kind === "corrects";
  if (retold.length > 0 || known.length > 0 || decided.some(takesOver)) {
    await holdReports(tx, loading.provider);
    if (!await noteRetellings(tx, loading.reconciliationId, retold)) throw gone;
  }
  const movements: MovementRow[] = [];
  const discrepancies: FoundDiscrepancy[] = [];
  for (const { line, facts, decision, isSecond = false, before = facts } of decided) {
    switch (decision.kind) {
      case "known":
        break;
      case "adopt":
      case "corrects": {
        const take = decision.kind === "adopt" ? adoptMovement : completeMovement;
        const part = partOfNothing(facts);
        const before = await take(tx, loading, movementOf(line, facts, part));
        if (before === undefined) throw gone;
        await followMovement(tx, loading, { line, facts, decision }, before);
        if (decision.because !== undefined) {
          discrepancies.push(discrepancyOf(loading, line, facts, decision.because));
        }
        break;
      }
      case "changed":
        discrepancies.push(
          discrepancyOf(loading, line, before, decision.because, partOfNothing(facts)),
        );
        break;
      case "agrees":
        movements.push(movementOf(line, facts, null));
        break;
      case "differs":
        movements.push(movementOf(line, facts, null));
        discrepancies.push(discrepancyOf(loading, line, facts, decision.because));
        break;
      case "no_order":
        movements.push(movementOf(line, facts, facts.part));
        if (decision.because !== undefined) {
          discrepancies.push(discrepancyOf(loading, line, facts, decision.because, facts.part));
        }
        break;
      case "unattributed": {
        const again = decision.because === "twice" && (isTold(facts) || isSecond);
        const part = again ? againOf(loading.provider, line) : facts.part;
        movements.push(movementOf(line, facts, part));
        discrepancies.push(
          discrepancyOf(loading, line, { ...facts, part }, decision.because, part),
        );
      }
    }
  }
  await takeOverUnknown(tx, loading.reconciliationId, known);
  await insertMovements(tx, loading, movements);
  await setAsideAgreed(tx, loading.reconciliationId, discrepancies);
  await insertDiscrepancies(tx, discrepancies);
}

/**
 * Has what depends on a movement follow it to the report whose it is from now on: what was found of it would go with the one that told
 * first, where that is taken back; and the day on which it stood is added up anew, where the line has another one.
 *
 * @param before when it happened by what was told before
 */
async function followMovement(
  tx: Queryable,
  loading: Loading,
  { line, facts, decision }: Decided & { decision: { because?: DiscrepancyKind } },
  before: string,
): Promise<void> {
  const part = partOfNothing(facts);
  const kind = part === null ? decision.because : "missing_with_us";
  if (kind !== undefined) {
    await takeDiscrepancy(tx, discrepancyOf(loading, line, facts, kind, part));
  }
  if (dayOf(before) === dayOf(line.at)) return;
  await widenTold(tx, loading.reconciliationId, { first: before, last: before });
}

/** The movement that a line tells of once more; none for a line that is the first to tell of its own. */
function retoldBy({ line, facts, decision }: Decided): Retelling[] {
  const tellsAgain = decision.kind === "known" || decision.kind === "changed" ||
    decision.kind === "unattributed";
  if (!tellsAgain) return [];
  const isSame = decision.kind === "known";
  const sameness = (kept: KnownMovement): Sameness =>
    !isSame ? "other" : isInherited(line, kept) ? "all" : "money";
  if (facts.ours?.moved === true && facts.ours.movement !== null) {
    return [{
      kind: facts.subject,
      subjectId: facts.ours.id,
      part: noPart,
      sameness: sameness(facts.ours.movement),
    }];
  }
  return facts.unattributed === null ? [] : [{
    kind: facts.unattributed.kind,
    subjectId: 0,
    part: facts.part,
    sameness: sameness(facts.unattributed),
  }];
}

/** Whether a line whose money is what is kept stands on the same day, and says as much of the customer's: its report can have it as it is. */
function isInherited(
  line: ProviderLine,
  { at, customer }: KnownMovement,
): boolean {
  return (at === undefined || dayOf(at) === dayOf(line.at)) &&
    (customer === null) === (customerSideOf(line) === null);
}

/** As what a line is kept that is of no order and known what it is; it may have been told before as nobody knew what. */
function knownOfNoOrder({ line, facts, decision }: Decided): MovementKey[] {
  return decision.kind === "no_order" && line.kind !== "other"
    ? [{ kind: line.kind, subjectId: 0, part: facts.part }]
    : [];
}

/** As what a movement was kept that was told before: null where it is of something of ours. */
function partOfNothing({ ours, part }: FoundFacts): string | null {
  return ours?.moved === true ? null : part;
}

/** Whether another line has told of the same, under the same name. */
function isTold({ ours, unattributed }: FoundFacts): boolean {
  return ours?.moved === true || unattributed !== null;
}

/** @param part of what is of nothing of ours; null for what is */
function movementOf(line: ProviderLine, facts: FoundFacts, part: string | null): MovementRow {
  const { grossCents, feeCents, settledCurrency, at } = line;
  return {
    kind: part === null ? facts.subject : line.kind,
    subjectId: part === null ? facts.ours!.id : 0,
    part,
    entry: facts.entry,
    at,
    currency: settledCurrency,
    grossCents,
    feeCents,
    netCents: netOf(line),
    customer: customerSideOf(line),
  };
}

function discrepancyOf(
  { provider, reconciliationId }: Loading,
  line: ProviderLine,
  facts: FoundFacts,
  kind: DiscrepancyKind,
  part: string | null = null,
): FoundDiscrepancy {
  const { ours, subject } = facts;
  const isOfOurs = part === null && ours !== null;
  const movement = part === null ? subject : facts.unattributed?.kind ?? line.kind;
  const subjectId = part === null ? ours!.id : 0;
  return foundDiscrepancy({
    reconciliationId,
    provider,
    kind,
    identity: identityOf(provider, { kind: movement, subjectId, part }, kind),
    day: dayOf(line.at),
    movement,
    part,
    orderId: facts.orderId === 0 ? null : facts.orderId,
    ...(isOfOurs ? rowOf(subject, ours.id) : {}),
    reference: line.reference,
    // What is done about it finds the payment by its own name.
    chargeRef: facts.chargeRef ?? line.chargeRefs[0] ?? null,
    refundRef: line.refundRef,
    movementKey: line.key,
    entry: line.entry,
    theirCents: line.amountCents,
    theirCurrency: line.currency,
    theirFeeCents: line.feeCents,
    theirNetCents: netOf(line),
    theirTime: line.at,
    ourCents: ours?.amountCents ?? null,
    ourCurrency: ours?.currency ?? null,
    ourTime: ours?.at ?? null,
    theirGrossCents: line.grossCents,
    settledCurrency: line.settledCurrency,
    ...kind === "fee_differs" ? ourFees(line, facts) : {},
  });
}

/** What was told of fee and net before, or what comes out of the line's own gross and fee. */
function ourFees({ grossCents, feeCents }: ProviderLine, { ours, unattributed }: FoundFacts) {
  const before = ours?.movement ?? unattributed;
  const isBefore = before !== null && before.entry !== null;
  return {
    ourFeeCents: isBefore ? before.feeCents : feeCents,
    ourNetCents: isBefore ? before.grossCents - before.feeCents : grossCents - feeCents,
  };
}
