/**
 * What a profile's document may say: checks it, and describes it to editors and programs.
 *
 * @module
 */

import { delimiters } from "../../domain/import/source_row.ts";
import { z } from "zod";
import type { Fault } from "../../domain/errors.ts";
import { plainName } from "../../domain/import/profile/column_plan.ts";
import { profileColumns } from "../../domain/import/profile/profile.ts";
import { isZone } from "../../domain/import/profile/zone_time.ts";
import { isCurrency } from "../../domain/money.ts";
import { adjustmentKinds } from "../../domain/order/adjustment.ts";
import { nearestName } from "../../domain/text/nearest_name.ts";

const header = z.string().trim().min(1).max(255).describe(
  "a name in the file's header, in any case",
);
const headers = z.array(header).max(100)
  .refine((names) => isEachOnce(names.map(plainName)), "names a column twice");
/** Each is read of every row. */
const maxAdjustmentColumns = 200;

const words = z.array(z.string().trim().min(1).max(100)).max(200);

const columns = z.partialRecord(
  z.enum(profileColumns),
  z.array(z.union([header, headers.min(1)])).min(1).max(20)
    .refine((names) => isEachOnce(names.flatMap(alone)), "names a column twice"),
).describe(
  "for each of ours the names of theirs: the first that is not empty counts; a list of names is put together with blanks",
);

/** What is named twice would be read, or added up, again for every row. */
function isEachOnce(names: readonly string[]): boolean {
  return new Set(names).size === names.length;
}

/** The name of a column that stands for itself. */
function alone(column: string | string[]): string[] {
  const names = [column].flat();
  return names.length === 1 ? names.map(plainName) : [];
}

const constants = z.partialRecord(z.enum(profileColumns), z.string().trim().min(1).max(255))
  .refine(({ currency }) => currency === undefined || isCurrency(currency.toUpperCase()), {
    path: ["currency"],
    error: "must be a currency of ISO 4217 such as EUR",
  })
  .describe("what all orders have alike, where the columns say nothing");

const adjustment = z.strictObject({
  kind: z.enum(adjustmentKinds),
  columns: headers.min(1).describe("what they say is added up, unless together says otherwise"),
  together: z.enum(["sum", "same"]).optional().describe(
    "sum: the columns are parts, and added up; same: they are names of one amount, and have to agree",
  ),
  per: z.enum(["order", "line"]).describe(
    "order: said once, or the same on each row; line: each row says its own part",
  ),
  taken_off: z.enum(["positive", "negative"]).optional().describe(
    "how what is taken off is written: 5.40 or -5.40; found out where it is absent",
  ),
  included: z.union([
    z.boolean(),
    z.literal("by_total"),
    z.strictObject({ except: z.array(z.string().length(3)) }),
  ]).optional().describe(
    "the prices contain it already; by_total: as the order's own total says; except: in all currencies but these",
  ),
  label_column: header.optional().describe("the words that the customer reads"),
});

const status = z.strictObject({
  columns: headers,
  charge: words.optional().describe("words of orders that are charged here"),
  paid: words.optional().describe("words of orders that were paid at their source"),
  free: words.optional().describe("words of orders that cost nothing"),
  skip: words.optional().describe("words of orders that are left alone"),
  paid_filled: headers.optional().describe(
    "an order that says anything in one was paid; nothing, none, no, false and zeros say nothing",
  ),
  skip_filled: headers.optional().describe(
    "an order that says anything in one is left alone; nothing, none, no, false and zeros say nothing",
  ),
  otherwise: z.enum(["charge", "paid", "skip"]).optional().describe(
    "of orders that say nothing in any of these columns; where it is absent they are rejected",
  ),
}).refine(
  ({ columns, paid_filled = [], skip_filled = [] }) =>
    columns.length + paid_filled.length + skip_filled.length > 0,
  { path: ["columns"], error: "must name a column" },
).refine((said) => wordTwice(said) === undefined, {
  error: (issue) => `says two things of the word ${wordTwice(issue.input as Words)}`,
});

type Words = Partial<Record<"charge" | "paid" | "free" | "skip", string[]>>;

function wordTwice({ charge = [], paid = [], free = [], skip = [] }: Words): string | undefined {
  const all = [charge, paid, free, skip].flatMap((some) => [
    ...new Set(some.map((word) => word.toLowerCase())),
  ]);
  return all.find((word, at) => all.indexOf(word) !== at);
}

/** A profile's document. */
export const profileSchema = z.strictObject({
  $schema: z.string().optional(),
  $columns_of_the_file: z.array(z.string()).max(20_000).optional().describe(
    "the names of a file's columns, for whoever edits the profile: nothing is made of them",
  ),
  version: z.literal(1),
  name: z.string().regex(/^[a-z0-9][a-z0-9_-]{0,63}$/, "must be small letters, digits, _ and -"),
  file: z.strictObject({
    encoding: z.string().trim().min(1).max(40).optional().describe(
      "a label of the encoding standard, such as windows-1252",
    ),
    delimiter: z.enum(delimiters).optional(),
    header_line: z.int().min(1).max(1_000).optional(),
    sheet: z.string().trim().min(1).max(255).optional().describe(
      "of a workbook: the name of the sheet with the orders, or its place from 1",
    ),
  }).optional().describe("how the bytes are read; what is absent is found out"),
  recognised_by: headers.optional().describe(
    "names in the header that make a file one of this kind",
  ),
  columns,
  constants: constants.optional(),
  fill_down: z.enum(["order", "none"]).optional().describe(
    "order: what is said of an order may stand on its first row only; rows without an id continue the order above",
  ),
  rows_without_item: z.literal("allowed").optional().describe(
    "rows without an item, such as one with the order's totals, are part of the order",
  ),
  sum_words: z.enum(["refused", "items"]).optional().describe(
    "items: a product may be called by a word such as Total; refused, the default: such a row may be a sum, and rejects its order",
  ),
  repeated_rows: z.enum(["refused", "items"]).optional().describe(
    "items: rows that come again are meant; refused, the default: an order all of whose rows come again in the same sequence was pasted twice, and is rejected unless it names a total that agrees",
  ),
  money: z.strictObject({
    in: z.enum(["units", "minor", "by_decimals"]).optional().describe(
      "12.50, or 1250; by_decimals: units, as long as an amount of the file has decimals to show it",
    ),
    decimal: z.enum([".", ","]).optional(),
    price_per: z.enum(["unit", "line", "by_total"]).optional().describe(
      "what the price is of; by_total: whichever comes to the order's own total",
    ),
    tolerance: z.int().min(0).max(1_000).optional().describe(
      "minor units that the file's own total may differ by",
    ),
  }).optional(),
  time: z.strictObject({
    order: z.enum(["ymd", "dmy", "mdy"]).optional().describe("of dates in numbers"),
    zone: z.string().refine(isZone, "must be a zone of the IANA database such as Europe/Berlin")
      .optional().describe("of times that name none"),
    numbers: z.enum(["spreadsheet", "unix"]).optional().describe(
      "numbers are days of a spreadsheet, or seconds since 1970",
    ),
  }).optional(),
  adjustments: z.array(adjustment).max(50)
    .refine(
      (all) => all.reduce((sum, { columns }) => sum + columns.length, 0) <= maxAdjustmentColumns,
      `may have at most ${maxAdjustmentColumns} columns together`,
    )
    .optional(),
  status: status.optional(),
  order_id_prefix: z.string().trim().min(1).max(32).regex(
    /^[\x21-\x7e]+$/,
    "must be printable ASCII characters without blanks",
  ).optional().describe(
    "goes before every order id of the file, such as de-, where two shops number their orders alike",
  ),
  id_digits: z.int().min(1).max(64).optional().describe(
    "digits that order ids of digits alone have at least: one with fewer has lost its zeros in a spreadsheet",
  ),
  item_ids: headers.optional().describe(
    "columns that number the items of all orders: an order of which one stands there twice is rejected",
  ),
  guest_ids: z.array(z.string().max(64)).max(100).optional().describe(
    "ids of customers that stand for nobody",
  ),
  ignore: z.array(header).max(1_000).optional().describe(
    "columns that look as though they mattered and do not",
  ),
});

/** Every fault of a document that is no profile, by its path; none for a profile. */
export function profileFaults(document: unknown): Fault[] {
  const result = profileSchema.safeParse(document);
  if (result.success) return [];
  return result.error.issues.flatMap(faultsOf);
}

function faultsOf(issue: z.core.$ZodIssue): Fault[] {
  const at = issue.path.length === 0 ? "profile" : issue.path.join(".");
  // A record's keys are checked one by one, and say what they may be.
  const keys = issue.code === "unrecognized_keys"
    ? issue.keys
    : issue.code === "invalid_key"
    ? [String(issue.path.at(-1))]
    : [];
  if (keys.length === 0) return [{ at, detail: issue.message }];
  const parent = issue.code === "invalid_key" ? issue.path.slice(0, -1) : issue.path;
  const known = knownKeys(parent);
  return keys.map((key) => {
    const near = nearestName(key, known);
    const detail = near === undefined
      ? `is not known; there are ${known.join(", ")}`
      : `is not known; did you mean ${near}?`;
    return { at: [...parent, key].join("."), detail };
  });
}

/** The settings that there are at a place of a profile. */
function knownKeys(path: readonly PropertyKey[]): readonly string[] {
  const [part] = path;
  if (part === "columns" || part === "constants") return profileColumns;
  if (part === "adjustments") {
    return path.at(-1) === "included" ? ["except"] : Object.keys(adjustment.shape);
  }
  const shape: Record<string, z.ZodType> = profileSchema.shape;
  const inner = part === undefined ? profileSchema : shape[String(part)];
  const object = inner instanceof z.ZodOptional ? inner.unwrap() : inner;
  return object instanceof z.ZodObject ? Object.keys(object.shape) : [];
}

/** The published schema, `docs/import-profile.schema.json`. */
export function profileJsonSchema(): string {
  const schema = z.toJSONSchema(profileSchema, { io: "input", unrepresentable: "any" });
  const { $schema, ...rest } = schema as Record<string, unknown>;
  const document = { $schema, title: "Profile of an order file", ...rest };
  return `${JSON.stringify(document, null, 2)}\n`;
}
