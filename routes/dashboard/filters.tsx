/**
 * The fields by which the lists of pages are filtered.
 *
 * @module
 */

import type { Child, FC } from "hono/jsx";
import { plainAmount } from "./format.ts";

/**
 * A form of fields; its values stand in the address, so that a filtered list can be linked to.
 *
 * @param more fields that few need: behind one word, so that the list is in sight, unless one of them has a value
 * @param hasMore whether one of them has
 */
export const Filters: FC<
  {
    action: string;
    label: string;
    verb: string;
    more?: Child;
    hasMore?: boolean;
    children?: Child;
  }
> = ({ action, label, verb, more, hasMore, children }) => (
  <form class="filters" method="get" action={action} role="search" aria-label={label}>
    {children}
    <button class="primary" type="submit">{verb}</button>
    {more && (
      <details class="more" open={hasMore}>
        <summary>More filters</summary>
        <div class="filters">{more}</div>
      </details>
    )}
  </form>
);

/** Words to look for; `complete` is `off` where a browser would offer what others looked for. */
export const SearchField: FC<
  { name: string; label: string; value?: string; hint: string; complete?: "off" }
> = ({ name, label, value, hint, complete }) => (
  <div class="field grow">
    <label for={name}>{label}</label>
    <input
      id={name}
      name={name}
      type="search"
      value={value}
      placeholder={hint}
      autocomplete={complete}
    />
  </div>
);

/** One of a few values, or any of them, which the first option says. */
export const ChoiceField: FC<
  {
    name: string;
    label: string;
    any: string;
    choices: readonly (readonly [value: string, name: Child])[];
    value?: string;
  }
> = ({ name, label, any, choices, value }) => (
  <div class="field">
    <label for={name}>{label}</label>
    <select id={name} name={name}>
      <option value="">{any}</option>
      {choices.map(([one, text]) => (
        <option key={one} value={one} selected={value === one}>{text}</option>
      ))}
    </select>
  </div>
);

/** The days `from` and `to`, both included; `what` happened then, where it has to be said: `Placed from`. */
export const DayFields: FC<{ what?: string; from?: string; to?: string }> = (
  { what, from, to },
) => (
  <>
    <div class="field">
      <label for="from">{what === undefined ? "From" : `${what} from`}</label>
      <input id="from" name="from" type="date" value={from} />
    </div>
    <div class="field">
      <label for="to">{what === undefined ? "Until" : `${what} until`}</label>
      <input id="to" name="to" type="date" value={to} />
    </div>
  </>
);

/**
 * The amounts `least` and `most`, as people type them.
 *
 * @param currency of which they are: no number means an amount in every currency
 */
export const AmountFields: FC<{ least?: string; most?: string; currency: string }> = (
  { least: min, most: max, currency },
) => (
  <>
    <div class="field short">
      <label for="least">Amount from, {currency}</label>
      <input
        id="least"
        name="least"
        inputmode="decimal"
        value={min}
        placeholder={plainAmount(0, currency)}
      />
    </div>
    <div class="field short">
      <label for="most">Up to, {currency}</label>
      <input id="most" name="most" inputmode="decimal" value={max} placeholder="any" />
    </div>
  </>
);
