/**
 * Dead letters: what could not be handled, the most money first, and what a person decides about it.
 *
 * @module
 */

import { type Context, Hono } from "hono";
import type { FC } from "hono/jsx";
import {
  type DeadLetterFilter,
  type DeadLetterRow,
  type DeadLetterSum,
  listCostliestDeadLetters,
  listDeadLetters,
  sumDeadLetters,
} from "../../db/dead_letters/dead_letters.ts";
import { readOrderDetail } from "../../db/orders/order_queries.ts";
import { databaseTime } from "../../domain/database_time.ts";
import { WorkflowError } from "../../domain/errors.ts";
import {
  causeOf,
  type DeadLetterAction,
  type DeadLetterCause,
} from "../../domain/messages/dead_letter_causes.ts";
import { groups } from "../../domain/messages/messages.ts";
import {
  discardDeadLetters,
  retryDeadLetters,
} from "../../services/operation/decide_dead_letters.ts";
import type { AppDeps } from "../deps.ts";
import { operatorOf } from "../middleware/operator.ts";
import { readForm } from "../middleware/read_form.ts";
import { notFoundPage } from "./error_page.tsx";
import { onceField } from "./double_click.ts";
import { HiddenFields, missingScopes, PostForm, ScopeNeeded } from "./form.tsx";
import {
  DeadLetterFilters,
  type Given,
  LetterChoice,
  LetterTable,
  Payload,
} from "./dead_letter_parts.tsx";
import { asShown, counted, formatCount, formatMoney } from "./format.ts";
import { page, PageHead } from "./layout.tsx";
import { Timeline } from "./order_timeline.tsx";
import { Empty, Faults, linkTo, Notice, Pager } from "./parts.tsx";
import { allSaid, idOf, type PageQuery, pageSize, readPageQuery, said } from "./queries.ts";
import { need } from "./reading.ts";

const home = "/dashboard/dead-letters";

/** Letters of which it is told whether a retry can help: the first ones. */
const causesRead = 200;

/** Ids to one address: a page's worth. */
const maxIds = 200;

/** `GET /dashboard/dead-letters`, one of them, the question before a decision, and the decision. */
export function deadLetterPageRoutes(deps: AppDeps): Hono {
  const app = new Hono();

  app.get("/dead-letters", (c) => showList(c, deps));
  app.get("/dead-letters/decide", (c) => askDecision(c, deps));
  app.get("/dead-letters/:id{[0-9]{1,15}}", (c) => showOne(c, deps));

  app.post("/dead-letters/decide", async (c) => {
    const form = await readForm(c);
    const filter = decisionOf(form, deps.baseCurrency);
    const operator = operatorOf(c, deps.config);
    const { letters, refused } = form.verb === "retry"
      ? await retryDeadLetters(deps, filter, operator)
      : await discardDeadLetters(deps, filter, operator);
    deps.log.info("dead letters decided", {
      verb: form.verb,
      letters: letters.length,
      actor: operator.actor,
    });
    return c.redirect(
      linkTo(home, {
        done: letters.length,
        verb: form.verb,
        refused: refused.length || undefined,
      }),
      303,
    );
  });

  return app;
}

/** What waits for a decision, and how much of it. */
async function showList(c: Context, { db, baseCurrency }: AppDeps): Promise<Response> {
  const query = readPageQuery(c);
  const given = givenIn(query);
  const filter = filterOf(query, given, baseCurrency);
  const after = cursorOf(query.text("cursor"));
  const [letters, sums, some] = await need(Promise.all([
    listCostliestDeadLetters(db, filter, after, pageSize + 1),
    sumDeadLetters(db, filter),
    listDeadLetters(db, filter, 0, causesRead),
  ]));
  const shown = letters.slice(0, pageSize);
  const last = shown.at(-1);
  const count = countOf(sums);
  // Of more than were looked at, one may succeed that was not.
  const canRetry = count > some.length ||
    [...shown, ...some].some((letter) => causeOf(letter).canSucceed);
  const [done, verb, refused] = ["done", "verb", "refused"].map((name) => said(c, name));
  const isFiltered = Object.values(given).some((value) => value !== undefined);
  return page(
    c,
    { title: "Dead letters", nav: home },
    (
      <>
        <PageHead title="Dead letters" note={count === 0 ? undefined : stakes(sums)} />
        <Outcome done={done} verb={verb} refused={refused} />
        <Faults of={query.faults} />
        {(count > 0 || isFiltered) && <DeadLetterFilters given={given} currency={baseCurrency} />}
        {shown.length === 0
          ? <NoLetters isFiltered={isFiltered} />
          : <Letters c={c} letters={shown} given={given} count={count} canRetry={canRetry} />}
        <Pager
          shown={shown.length === 0 ? "" : `${shown.length} of ${formatCount(count)}`}
          first={after === undefined ? undefined : linkTo(home, given)}
          next={letters.length > pageSize && last
            ? linkTo(home, { ...given, cursor: `${last.amountCents}.${last.id}` })
            : undefined}
          nextName="Less money"
        />
      </>
    ),
  );
}

/** Asks before some or all that match are decided about. */
async function askDecision(c: Context, { db, baseCurrency }: AppDeps): Promise<Response> {
  const query = readPageQuery(c);
  const given = givenIn(query);
  const verb = query.oneOf("verb", ["retry", "discard"]);
  const ids = allSaid(c, "ids").slice(0, maxIds).map(Number)
    .filter((id) => Number.isSafeInteger(id) && id > 0);
  const isAll = query.text("all") !== undefined;
  const filter: DeadLetterFilter = isAll ? filterOf(query, given, baseCurrency) : { ids };
  const [sums, some] = await need(
    Promise.all([sumDeadLetters(db, filter), listDeadLetters(db, filter, 0, causesRead)]),
  );
  const hopeless = verb === "retry"
    ? some.filter((letter) => !causeOf(letter).canSucceed).length
    : 0;
  if (verb === undefined || countOf(sums) === 0) return nothingSelected(c);
  const upto = Math.max(...sums.map(({ highestId }) => highestId));
  const meant = isAll
    ? { all: 1, ...given, before: filter.diedBefore, upto }
    : { ids: ids.join(","), upto };
  return page(
    c,
    { title: `${names[verb]} dead letters`, nav: home },
    <Question c={c} verb={verb} sums={sums} meant={meant} hopeless={hopeless} />,
  );
}

function nothingSelected(c: Context): Response | Promise<Response> {
  return page(
    c,
    { title: "Dead letters", nav: home },
    (
      <>
        <PageHead title="Dead letters" crumb={[home, "Dead letters"]} />
        <Empty title="Nothing is selected" actions={<a class="button" href={home}>Back</a>}>
          Tick the dead letters that you mean, or choose all that match.
        </Empty>
      </>
    ),
  );
}

/** One dead letter, beside the timeline of its order. */
async function showOne(c: Context, { db }: AppDeps): Promise<Response> {
  const id = idOf(c);
  const [letter] = await need(listDeadLetters(db, { id }, 0, 1));
  if (letter === undefined) {
    return await notFoundPage(c, `No dead letter #${id} waits for a decision`);
  }
  const cause = causeOf(letter);
  const order = letter.orderId === null
    ? undefined
    : await need(readOrderDetail(db, letter.orderId));
  return page(
    c,
    { title: `Dead letter #${id}`, nav: home },
    (
      <>
        <PageHead
          title={`Dead letter #${id}`}
          crumb={[home, "Dead letters"]}
          note={asShown(letter.error)}
        >
          <Decisions c={c} id={id} cause={cause} orderId={order?.id ?? null} />
        </PageHead>
        <Notice tone={cause.canSucceed ? "warn" : "bad"} title={cause.title}>
          {cause.says} Check: {cause.check}
        </Notice>
        <div class="columns">
          <Payload letter={letter} />
          <section class="card" aria-labelledby="timeline-heading">
            <h2 id="timeline-heading">
              {order ? `Order ${order.externalOrderId}` : "Its order"}
            </h2>
            {order ? <Timeline order={order} /> : <p class="muted">It does not exist</p>}
          </section>
        </div>
      </>
    ),
  );
}

const names = { retry: "Retry", discard: "Discard" } as const;

/** What the decision that led here has done. */
const Outcome: FC<{ done?: string; verb?: string; refused?: string }> = (
  { done, verb, refused },
) => {
  if (!done || !/^\d{1,9}$/.test(done)) return null;
  const count = Number(done);
  const subject = counted(count, "dead letter was", "dead letters were");
  return (
    <Notice
      tone="good"
      title={`${subject} ${verb === "retry" ? "published again" : "discarded"}`}
    >
      {Number(refused) > 0 && `${refused} can't be retried, because nobody understands them`}
    </Notice>
  );
};

const NoLetters: FC<{ isFiltered: boolean }> = ({ isFiltered }) =>
  isFiltered
    ? <Empty title="No dead letter fits" actions={<a class="button" href={home}>Show all</a>} />
    : (
      <Empty title="No dead letters">
        Every message so far was handled, or waits for its next try.
      </Empty>
    );

/** The letters, with what can be done about them where the caller may. */
const Letters: FC<
  {
    c: Context;
    letters: readonly DeadLetterRow[];
    given: Given;
    count: number;
    canRetry: boolean;
  }
> = ({ c, letters, given, count, canRetry }) => {
  const missing = missingScopes(c, `${home}/decide`);
  const now = Date.now();
  if (missing === undefined) {
    return (
      <LetterChoice letters={letters} given={given} count={count} canRetry={canRetry} now={now} />
    );
  }
  return (
    <>
      <ScopeNeeded missing={missing} />
      <LetterTable letters={letters} now={now} />
    </>
  );
};

/** What can be decided about one letter. */
const Decisions: FC<
  { c: Context; id: number; cause: DeadLetterCause; orderId: number | null }
> = ({ c, id, cause: { action }, orderId }) => {
  const missing = missingScopes(c, `${home}/decide`);
  if (missing !== undefined) return <ScopeNeeded missing={missing} />;
  const linkOf = (verb: string) => linkTo(`${home}/decide`, { verb, ids: id });
  const look = (is: DeadLetterAction) => `button${action === is ? " primary" : ""}`;
  return (
    <>
      {action === "look" && orderId !== null && (
        <a class={look("look")} href={`/dashboard/orders/${orderId}`}>Look at the order</a>
      )}
      <a class={look("retry")} href={linkOf("retry")}>Retry</a>
      <a class={look("discard")} href={linkOf("discard")}>Discard</a>
    </>
  );
};

/**
 * Asks before something is decided, and says how much it is about.
 *
 * @param meant what the answer repeats: which letters the question was about
 * @param hopeless how many of them a retry can't help
 */
const Question: FC<
  {
    c: Context;
    verb: "retry" | "discard";
    sums: readonly DeadLetterSum[];
    meant: Readonly<Record<string, string | number | undefined>>;
    hopeless: number;
  }
> = ({ c, verb, sums, meant, hopeless }) => {
  const count = countOf(sums);
  return (
    <>
      <PageHead
        title={`${names[verb]} ${counted(count, "dead letter")}?`}
        crumb={[home, "Dead letters"]}
        note={stakes(sums)}
      />
      {hopeless > 0 && (
        <Notice tone="warn" title={`${formatCount(hopeless)} of them can only end in the same way`}>
          Their pages say what to check, and what is right instead.
        </Notice>
      )}
      <PostForm c={c} action={`${home}/decide`} class="card stack-form">
        <p>
          {verb === "retry"
            ? "They are published again, each to the stream of its group, with all tries before them. What " +
              "was done already is not done twice."
            : "They are given up. An order or refund that is not finished is published anew by the next " +
              "sweep, unless it is cancelled."}
        </p>
        <HiddenFields fields={{ verb, [onceField]: crypto.randomUUID(), ...meant }} />
        <div class="actions">
          <button type="submit" class={verb === "retry" ? "primary" : "danger"}>
            {names[verb]} {formatCount(count)}
          </button>
          <a class="button" href={home}>Keep them</a>
        </div>
      </PostForm>
    </>
  );
};

function countOf(sums: readonly DeadLetterSum[]): number {
  return sums.reduce((sum, one) => sum + one.count, 0);
}

function stakes(sums: readonly DeadLetterSum[]): string {
  const count = countOf(sums);
  const money = sums.filter(({ currency }) => currency !== null)
    .map(({ currency, amountCents }) => formatMoney(amountCents, currency!));
  return `${counted(count, "waits", "wait")} for a decision` +
    (money.length === 0 ? "" : `, ${money.join(" and ")} at stake`);
}

function givenIn(query: PageQuery): Given {
  return {
    group: query.oneOf("group", groups),
    error: query.text("error"),
    older: query.oneOf("older", ["1", "24", "168"]),
    least: query.text("least"),
    most: query.text("most"),
  };
}

/** Amounts are of the base currency: with one, only its letters are meant. */
function filterOf(
  query: PageQuery,
  given: Given,
  baseCurrency: string,
): DeadLetterFilter {
  const minCents = query.cents("least", baseCurrency);
  const maxCents = query.cents("most", baseCurrency);
  return {
    group: given.group,
    error: given.error,
    currency: minCents === undefined && maxCents === undefined ? undefined : baseCurrency,
    minCents,
    maxCents,
    diedBefore: given.older === undefined ? undefined : hoursAgo(Number(given.older)),
  };
}

/** What a confirmed form means; what does not say it clearly means nothing. */
function decisionOf(
  form: Record<string, string | undefined>,
  baseCurrency: string,
): DeadLetterFilter {
  const read = readPageQuery(
    { req: { query: (name: string) => form[name] } } as unknown as Context,
  );
  const given = givenIn(read);
  // As old as they had to be for the question: what has aged since was not asked about.
  const filter = { ...filterOf(read, given, baseCurrency), diedBefore: form.before };
  const isDated = given.older === undefined ? form.before === undefined : isTime(form.before ?? "");
  const upToId = Number(form.upto);
  const ids = (form.ids ?? "").split(",").map(Number);
  const isClear = (form.verb === "retry" || form.verb === "discard") && read.faults.length === 0 &&
    Number.isSafeInteger(upToId) && isDated &&
    (form.all === "1" || ids.every((id) => Number.isSafeInteger(id) && id > 0));
  if (!isClear) throw new WorkflowError("bad_request", "The form does not say what to decide");
  return form.all === "1" ? { ...filter, upToId } : { ids: ids.slice(0, maxIds), upToId };
}

function cursorOf(text: string | undefined): { amountCents: number; id: number } | undefined {
  const match = /^(-?\d{1,15})\.(\d{1,15})$/.exec(text ?? "");
  if (match === null) return undefined;
  return { amountCents: Number(match[1]), id: Number(match[2]) };
}

/** Whether it is a time as {@linkcode hoursAgo} writes them. */
function isTime(text: string): boolean {
  const ms = Date.parse(`${text}Z`);
  return !Number.isNaN(ms) && databaseTime(ms) === text;
}

function hoursAgo(hours: number): string {
  return databaseTime(Date.now() - hours * 3_600_000);
}
