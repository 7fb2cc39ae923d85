/**
 * Dead letters: what could not be handled, the most money first, and what a person decides about it.
 *
 * @module
 */

import { type Context, Hono } from "hono";
import type { FC } from "hono/jsx";
import { fromIsoTime } from "../../db/connection/database.ts";
import {
  type DeadLetterFilter,
  type DeadLetterSum,
  listCostliestDeadLetters,
  listDeadLetters,
  sumDeadLetters,
} from "../../db/dead_letters/dead_letters.ts";
import { readOrderDetail } from "../../db/orders/order_queries.ts";
import { WorkflowError } from "../../domain/errors.ts";
import { groups } from "../../domain/messages/messages.ts";
import { discardDeadLetters, retryDeadLetters } from "../../services/decide_dead_letters.ts";
import type { AppDeps } from "../deps.ts";
import { readForm } from "../middleware/read_form.ts";
import { notFoundPage } from "./error_page.tsx";
import { actorOf, missingScopes, PostForm, ScopeNeeded } from "./form.tsx";
import {
  DeadLetterFilters,
  type Given,
  LetterChoice,
  LetterTable,
  Payload,
} from "./dead_letter_parts.tsx";
import { formatCount, formatMoney } from "./format.ts";
import { page, PageHead } from "./layout.tsx";
import { Timeline } from "./order_timeline.tsx";
import { Empty, linkTo, Notice, Pager } from "./parts.tsx";
import { allSaid, pageQuery, pageSize, said } from "./queries.ts";
import { need } from "./reading.ts";

const home = "/dashboard/dead-letters";

/** Ids to one address: a page's worth. */
const mostIds = 200;

/** `GET /dashboard/dead-letters`, one of them, the question before a decision, and the decision. */
export function deadLetterRoutes(deps: AppDeps): Hono {
  const app = new Hono();
  const { db } = deps;

  app.get("/dead-letters", async (c) => {
    const query = pageQuery(c);
    const given = givenIn(query);
    const filter = filterOf(query, given, deps.baseCurrency);
    const after = cursorOf(query.text("cursor"));
    const [letters, sums] = await need(Promise.all([
      listCostliestDeadLetters(db, filter, after, pageSize + 1),
      sumDeadLetters(db, filter),
    ]));
    const shown = letters.slice(0, pageSize);
    const last = shown.at(-1);
    const count = sums.reduce((sum, one) => sum + one.count, 0);
    const [done, verb, refused] = ["done", "verb", "refused"].map((name) => said(c, name));
    const missing = missingScopes(c, `${home}/decide`);
    const isFiltered = Object.values(given).some((value) => value !== undefined);
    return page(
      c,
      { title: "Dead letters", nav: home },
      (
        <>
          <PageHead title="Dead letters" note={count === 0 ? undefined : stakes(sums)} />
          {done && /^\d{1,9}$/.test(done) && (
            <Notice tone="good" title={outcome(Number(done), verb)}>
              {Number(refused) > 0 &&
                `${refused} can't be retried, because nobody understands them`}
            </Notice>
          )}
          {query.faults.map((fault) => <Notice key={fault} tone="warn" title={fault} />)}
          {(count > 0 || isFiltered) && <DeadLetterFilters given={given} />}
          {shown.length === 0
            ? (
              <Empty
                title={isFiltered ? "No dead letter fits" : "No dead letters"}
                actions={isFiltered && <a class="button" href={home}>Show all</a>}
              >
                {isFiltered ? "" : "Every message so far was handled, or waits for its next try."}
              </Empty>
            )
            : missing === undefined
            ? <LetterChoice letters={shown} given={given} count={count} now={Date.now()} />
            : (
              <>
                <ScopeNeeded missing={missing} />
                <LetterTable letters={shown} now={Date.now()} />
              </>
            )}
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
  });

  app.get("/dead-letters/decide", async (c) => {
    const query = pageQuery(c);
    const given = givenIn(query);
    const verb = query.oneOf("verb", ["retry", "discard"]);
    const ids = allSaid(c, "ids").slice(0, mostIds).map(Number)
      .filter((id) => Number.isSafeInteger(id) && id > 0);
    const isAll = query.text("all") !== undefined;
    const filter: DeadLetterFilter = isAll ? filterOf(query, given, deps.baseCurrency) : { ids };
    const sums = await need(sumDeadLetters(db, filter));
    const count = sums.reduce((sum, one) => sum + one.count, 0);
    if (verb === undefined || count === 0) {
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
    const upToId = Math.max(...sums.map(({ highestId }) => highestId));
    return page(
      c,
      { title: `${names[verb]} dead letters`, nav: home },
      (
        <Question c={c} verb={verb} count={count} sums={sums}>
          {isAll
            ? (
              <>
                <input type="hidden" name="all" value="1" />
                {Object.entries(given).map(([name, value]) =>
                  value && <input key={name} type="hidden" name={name} value={value} />
                )}
                {filter.diedBefore && (
                  <input type="hidden" name="before" value={filter.diedBefore} />
                )}
              </>
            )
            : <input type="hidden" name="ids" value={ids.join(",")} />}
          <input type="hidden" name="upto" value={String(upToId)} />
        </Question>
      ),
    );
  });

  app.post("/dead-letters/decide", async (c) => {
    const form = await readForm(c);
    const filter = decisionOf(form, deps.baseCurrency);
    const actor = actorOf(c);
    const { letters, refused } = form.verb === "retry"
      ? await retryDeadLetters(deps, filter, actor)
      : await discardDeadLetters(deps, filter, actor);
    deps.log.info("dead letters decided", { verb: form.verb, letters: letters.length, actor });
    return c.redirect(
      linkTo(home, {
        done: letters.length,
        verb: form.verb,
        refused: refused.length || undefined,
      }),
      303,
    );
  });

  app.get("/dead-letters/:id{[0-9]{1,15}}", async (c) => {
    const id = Number(c.req.param("id"));
    const [letter] = await need(listDeadLetters(db, { id }, 0, 1));
    if (letter === undefined) {
      return notFoundPage(c, `No dead letter #${id} waits for a decision`);
    }
    const order = letter.orderId === null
      ? undefined
      : await need(readOrderDetail(db, letter.orderId));
    const missing = missingScopes(c, `${home}/decide`);
    return page(
      c,
      { title: `Dead letter #${id}`, nav: home },
      (
        <>
          <PageHead title={`Dead letter #${id}`} crumb={[home, "Dead letters"]} note={letter.error}>
            {missing === undefined
              ? (
                <>
                  <a
                    class="button primary"
                    href={linkTo(`${home}/decide`, { verb: "retry", ids: id })}
                  >
                    Retry
                  </a>
                  <a class="button" href={linkTo(`${home}/decide`, { verb: "discard", ids: id })}>
                    Discard
                  </a>
                </>
              )
              : <ScopeNeeded missing={missing} />}
          </PageHead>
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
  });

  return app;
}

const names = { retry: "Retry", discard: "Discard" } as const;

/** Asks before something is decided, and says how much it is about. */
const Question: FC<
  {
    c: Context;
    verb: "retry" | "discard";
    count: number;
    sums: readonly DeadLetterSum[];
    // deno-lint-ignore no-explicit-any
    children?: any;
  }
> = ({ c, verb, count, sums, children }) => (
  <>
    <PageHead
      title={`${names[verb]} ${formatCount(count)} dead ${count === 1 ? "letter" : "letters"}?`}
      crumb={[home, "Dead letters"]}
      note={stakes(sums)}
    />
    <PostForm c={c} action={`${home}/decide`} class="card stack-form">
      <p>
        {verb === "retry"
          ? "They are published again, each to the stream of its group, with all tries before them. What " +
            "was done already is not done twice."
          : "They are given up. An order or refund that is not finished is published anew by the next " +
            "sweep, unless it is cancelled."}
      </p>
      <input type="hidden" name="verb" value={verb} />
      {children}
      <div class="actions">
        <button type="submit" class={verb === "retry" ? "primary" : "danger"}>
          {names[verb]} {formatCount(count)}
        </button>
        <a class="button" href={home}>Keep them</a>
      </div>
    </PostForm>
  </>
);

/** What was done about so many. */
function outcome(count: number, verb: string | undefined): string {
  const subject = `${formatCount(count)} dead ${count === 1 ? "letter was" : "letters were"}`;
  return `${subject} ${verb === "retry" ? "published again" : "discarded"}`;
}

function stakes(sums: readonly DeadLetterSum[]): string {
  const count = sums.reduce((sum, one) => sum + one.count, 0);
  const money = sums.filter(({ currency }) => currency !== null)
    .map(({ currency, amountCents }) => formatMoney(amountCents, currency!));
  return `${formatCount(count)} ${count === 1 ? "waits" : "wait"} for a decision` +
    (money.length === 0 ? "" : `, ${money.join(" and ")} at stake`);
}

function givenIn(query: ReturnType<typeof pageQuery>): Given {
  return {
    group: query.oneOf("group", groups),
    error: query.text("error"),
    older: query.oneOf("older", ["1", "24", "168"]),
    least: query.text("least"),
    most: query.text("most"),
  };
}

/** Letters of any currency: amounts are read with the digits of the base currency. */
function filterOf(
  query: ReturnType<typeof pageQuery>,
  given: Given,
  baseCurrency: string,
): DeadLetterFilter {
  return {
    group: given.group,
    error: given.error,
    leastCents: query.cents("least", baseCurrency),
    mostCents: query.cents("most", baseCurrency),
    diedBefore: given.older === undefined ? undefined : hoursAgo(Number(given.older)),
  };
}

/** What a confirmed form means; what does not say it clearly means nothing. */
function decisionOf(
  form: Record<string, string | undefined>,
  baseCurrency: string,
): DeadLetterFilter {
  const read = pageQuery({ req: { query: (name: string) => form[name] } } as unknown as Context);
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
  return form.all === "1" ? { ...filter, upToId } : { ids: ids.slice(0, mostIds), upToId };
}

function cursorOf(text: string | undefined): { amountCents: number; id: number } | undefined {
  const match = /^(-?\d{1,15})\.(\d{1,15})$/.exec(text ?? "");
  if (match === null) return undefined;
  return { amountCents: Number(match[1]), id: Number(match[2]) };
}

/** Whether it is a time as {@linkcode hoursAgo} writes them. */
function isTime(text: string): boolean {
  const ms = Date.parse(`${text}Z`);
  return !Number.isNaN(ms) && fromIsoTime(new Date(ms).toISOString()) === text;
}

function hoursAgo(hours: number): string {
  return fromIsoTime(new Date(Date.now() - hours * 3_600_000).toISOString());
}
