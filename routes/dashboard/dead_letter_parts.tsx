/**
 * The parts of the pages about dead letters.
 *
 * @module
 */

import type { Child, FC } from "hono/jsx";
import type { DeadLetterRow } from "../../db/dead_letters/dead_letters.ts";
import { causeOf } from "../../domain/messages/dead_letter_causes.ts";
import { type Group, groups, messageOfEntry } from "../../domain/messages/messages.ts";
import { AmountFields, ChoiceField, Filters, SearchField } from "./filters.tsx";
import { HiddenFields, Pick } from "./form.tsx";
import { asShown, formatCount } from "./format.ts";
import { Ago, linkTo, Money, OrderLink, Table, Time } from "./parts.tsx";

/** What the address says about which dead letters are meant. */
export interface Given {
  [name: string]: string | undefined;
  group?: Group;
  error?: string;
  /** Hours since they died, at least. */
  older?: string;
  least?: string;
  most?: string;
}

const ages = [["1", "an hour"], ["24", "a day"], ["168", "a week"]] as const;

/** The filters above the list. */
export const DeadLetterFilters: FC<{ given: Given; currency: string }> = ({ given, currency }) => (
  <Filters action="/dashboard/dead-letters" label="Dead letters" verb="Filter">
    <SearchField name="error" label="Error" value={given.error} hint="Part of its text" />
    <ChoiceField
      name="group"
      label="Group"
      any="Any"
      choices={groups.map((group) => [group, group])}
      value={given.group}
    />
    <ChoiceField
      name="older"
      label="Dead for"
      any="Any time"
      choices={ages.map(([hours, name]) => [hours, `${name} or more`])}
      value={given.older}
    />
    <AmountFields least={given.least} most={given.most} currency={currency} />
  </Filters>
);

/** A page of dead letters, as rows only. */
export const LetterTable: FC<{ letters: readonly DeadLetterRow[]; now: number }> = (
  { letters, now },
) => (
  <Table label="Dead letters">
    <LetterColumns />
    <tbody>
      {letters.map((letter) => (
        <tr key={letter.id}>
          <LetterCells letter={letter} now={now} />
        </tr>
      ))}
    </tbody>
  </Table>
);

/** The same with what can be done about some or all of them; no retry is offered where none can succeed. */
export const LetterChoice: FC<
  {
    letters: readonly DeadLetterRow[];
    given: Given;
    count: number;
    canRetry: boolean;
    now: number;
  }
> = ({ letters, given, count, canRetry, now }) => (
  <form method="get" action="/dashboard/dead-letters/decide">
    <HiddenFields fields={given} />
    <div class="filters">
      <div class="actions">
        {canRetry && <button name="verb" value="retry" type="submit">Retry selected…</button>}
        <button name="verb" value="discard" type="submit" class="danger">Discard selected…</button>
      </div>
      <div class="actions push">
        {canRetry && (
          <a class="button" href={allLink("retry", given)}>
            Retry all {formatCount(count)} matching
          </a>
        )}
        <a class="button" href={allLink("discard", given)}>
          Discard all {formatCount(count)} matching
        </a>
      </div>
    </div>
    <Table label="Dead letters">
      <LetterColumns>
        <th scope="col">
          <Pick name="ids" label="Select all on this page" />
        </th>
      </LetterColumns>
      <tbody>
        {letters.map((letter) => (
          <tr key={letter.id}>
            <td>
              <Pick name="ids" value={letter.id} label={`Select dead letter ${letter.id}`} />
            </td>
            <LetterCells letter={letter} now={now} />
          </tr>
        ))}
      </tbody>
    </Table>
  </form>
);

/** The head of a table of dead letters; the children are columns before. */
const LetterColumns: FC<{ children?: Child }> = ({ children }) => (
  <thead>
    <tr>
      {children}
      <th scope="col">Dead letter</th>
      <th scope="col">Why</th>
      <th scope="col" class="wide">Order</th>
      <th scope="col" class="wide right">Tries</th>
      <th scope="col" class="wide right">Died</th>
      <th scope="col" class="right">At stake</th>
    </tr>
  </thead>
);

const LetterCells: FC<{ letter: DeadLetterRow; now: number }> = ({ letter, now }) => (
  <>
    <th scope="row" class="nowrap">
      <a class="underlined" href={`/dashboard/dead-letters/${letter.id}`}>#{letter.id}</a>{" "}
      <span class="muted small wide">{letter.group}</span>
    </th>
    <td class="why">
      <div>{causeOf(letter).title}</div>
      <div class="before">{asShown(letter.error)}</div>
    </td>
    <td class="wide">
      {letter.orderId === null ? "–" : <OrderLink id={letter.orderId} />}
    </td>
    <td class="wide right">{letter.attempts}</td>
    <td class="wide right">
      <Ago at={letter.diedAt} now={now} />
    </td>
    <td class="right">
      {letter.currency === null
        ? "–"
        : <Money cents={letter.amountCents} currency={letter.currency} />}
    </td>
  </>
);

function allLink(verb: string, given: Given): string {
  return linkTo("/dashboard/dead-letters/decide", { verb, all: 1, ...given });
}

/** What a dead letter says. */
export const Payload: FC<{ letter: DeadLetterRow }> = ({ letter }) => (
  <div class="side-stack">
    <section class="card" aria-labelledby="facts-heading">
      <h2 id="facts-heading">What happened</h2>
      <dl class="facts">
        <dt>Error</dt>
        <dd>{asShown(letter.error)}</dd>
        <dt>Group</dt>
        <dd>
          <a href={`/dashboard/streams/${letter.group}`}>{letter.group}</a>
        </dd>
        <dt>At stake</dt>
        <dd>
          {letter.currency === null
            ? "not known"
            : <Money cents={letter.amountCents} currency={letter.currency} />}
        </dd>
        <dt>Tries</dt>
        <dd>{letter.attempts}</dd>
        <dt>Published</dt>
        <dd>
          <Time at={letter.firstSeenAt} seconds />
        </dd>
        <dt>Died</dt>
        <dd>
          <Time at={letter.diedAt} seconds />
        </dd>
        {letter.orderId !== null && (
          <>
            <dt>Order</dt>
            <dd>
              <OrderLink id={letter.orderId} />
            </dd>
          </>
        )}
        {letter.refundId !== null && (
          <>
            <dt>Refund</dt>
            <dd>#{letter.refundId}</dd>
          </>
        )}
        <dt>Message</dt>
        <dd>
          <code>{letter.messageId}</code>
        </dd>
      </dl>
    </section>
    <section class="card" aria-labelledby="payload-heading">
      <h2 id="payload-heading">Payload</h2>
      <pre tabindex={0}>{readable(letter.payload)}</pre>
    </section>
  </div>
);

/** `name: value` lines of the message, or of the fields that are none; what is no list is shown as it is. */
function readable(payload: string): string {
  let fields: unknown;
  try {
    fields = JSON.parse(payload);
  } catch {
    return payload;
  }
  if (!Array.isArray(fields)) return payload;
  const message = messageOfEntry(fields.map(String));
  if (typeof message !== "string") {
    return Object.entries(message).map(([name, value]) => `${name}: ${value}`).join("\n");
  }
  const lines: string[] = [];
  for (let at = 0; at < fields.length; at += 2) {
    lines.push(`${fields[at]}: ${fields[at + 1] ?? ""}`);
  }
  return lines.join("\n");
}
