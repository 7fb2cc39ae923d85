/**
 * The fields by which the lists of pages are filtered.
 *
 * @module
 */

import type { Child, FC } from "hono/jsx";
import { plainAmount } from "./format.ts";

/** A form of fields; its values stand in the address, so that a filtered list can be linked to. */
export const Filters: FC<{ action: string; label: string; verb: string; children?: Child }> = (
  { action, label, verb, children },
) => (
  <form class="filters" method="get" action={action} role="search" aria-label={label}>
    {children}
    <button class="primary" type="submit">{verb}</button>
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

/** The days `from` and `to`, both included. */
export const DayFields: FC<{ label: string; from?: string; to?: string }> = (
  { label, from, to },
) => (
  <>
    <div class="field">
      <label for="from">{label}</label>
      <input id="from" name="from" type="date" value={from} />
    </div>
    <div class="field">
      <label for="to">to</label>
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
      <label for="most">to</label>
      <input id="most" name="most" inputmode="decimal" value={max} placeholder="any" />
    </div>
  </>
);
