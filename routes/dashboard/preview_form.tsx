/**
 * What a file's columns are and what is in question about it, to be looked at and changed.
 *
 * @module
 */

import type { FC } from "hono/jsx";
import type { ImportPreview } from "../../domain/import/import_preview.ts";
import {
  columnMeanings,
  editProfile,
  filledBy,
  furtherMeanings,
  lackingMeanings,
  meaningsOf,
  type ProfileDocument,
  type ProfileEdit,
} from "../../domain/import/profile/edit_profile.ts";
import type { OpenQuestion } from "../../domain/import/source_row.ts";
import { counted, formatCount } from "./format.ts";
import { Badge, Columns, None, Notice, Table } from "./parts.tsx";

/** What the names of fields begin with that say what a column is; its place among the names that are sent follows. */
const columnField = "column.";

/** What the names of fields begin with that say what a column is besides; its place and a number from 0 follow. */
const furtherField = "also.";

/** What the names of fields begin with that say which of several columns counts first; which of ours follows. */
const firstField = "first.";

/** The field with the names of the columns, as JSON. */
const columnNames = "columns";

/** What the names of fields begin with that settle something; the setting's path follows. */
const settingField = "setting.";

/** What they end with where something is typed instead of chosen. */
const typedField = ".typed";

/** The choice that stands for what is typed. */
const typedChoice = "typed";

/** What the names of fields begin with that say what becomes of orders with a word; its place follows. */
const wordField = "word.";

/** The field with the words, as JSON. */
const wordNames = "words";

/** Columns that can be chosen for on the page; the rest of a file's many is for a profile's document. */
const maxColumns = 300;

/** Settings of which no list of candidates is complete, and what is to be typed. */
const typed: Readonly<Record<string, { label: string; hint: string }>> = {
  "time.zone": { label: "Another zone", hint: "Europe/London" },
  "constants.currency": { label: "Another currency", hint: "CHF" },
  "file.encoding": { label: "Another encoding", hint: "windows-1251" },
};

/**
 * Everything that is in question, each with what the file's own values would mean then. Nothing is chosen beforehand:
 * a default would be a guess about money.
 */
export const Questions: FC<{ preview: ImportPreview; document: ProfileDocument | null }> = (
  { preview, document },
) => (
  <>
    {preview.questions.map((question) =>
      question.setting === "columns"
        ? (
          <Unmapped
            key={question.setting}
            question={question}
            preview={preview}
            document={document ?? {}}
          />
        )
        : question.setting === "status.columns"
        ? <StatusColumns key={question.setting} question={question} preview={preview} />
        : question.words !== undefined
        ? <Words key={question.setting} question={question} />
        : <Choice key={question.setting} question={question} />
    )}
  </>
);

/** What people call a setting; its path stands beside it. */
const settingWords: Readonly<Record<string, string>> = {
  "file.encoding": "Encoding",
  "file.sheet": "Sheet",
  "money.decimal": "Decimal sign",
  "money.in": "Unit of amounts",
  "money.price_per": "What a price is of",
  "time.order": "Day and month",
  "time.zone": "Time zone",
  "constants.currency": "Currency",
  fill_down: "Rows that continue an order",
  status: "What becomes of an order",
  "status.columns": "What becomes of an order",
};

/** What people call what a setting can be. */
const candidateWords: Readonly<Record<string, string>> = {
  ".": "Point",
  ",": "Comma",
  units: "Units",
  minor: "Minor units",
  unit: "One unit",
  line: "The whole line",
  by_total: "By the total",
  dmy: "Day, month, year",
  mdy: "Month, day, year",
  ymd: "Year, month, day",
  order: "Yes",
  none: "No",
  positive: "Without a sign",
  negative: "With a sign",
  charge: "Charge",
  paid: "Paid",
  skip: "Skip",
};

const Asked: FC<{ question: OpenQuestion; children?: unknown }> = (
  { question: { setting, question }, children },
) => (
  <fieldset class="card asked">
    <legend>
      {settingWords[setting] ?? "How it is written"} <code class="muted">{setting}</code>
    </legend>
    <p class="capital">{question}</p>
    {children}
  </fieldset>
);

const Choice: FC<{ question: OpenQuestion }> = ({ question }) => {
  const { setting, candidates } = question;
  const name = settingField + setting;
  const other = typed[setting] ??
    (candidates.length === 0 ? { label: "Type it", hint: "" } : undefined);
  return (
    <Asked question={question}>
      {candidates.map(({ value, meaning }) => (
        <label class="check">
          <input type="radio" name={name} value={value} required />
          <span>
            <strong>{candidateWords[value] ?? value}</strong> <span class="muted">{meaning}</span>
          </span>
        </label>
      ))}
      {other && (
        <div class="check typed">
          <input
            type="radio"
            name={name}
            value={typedChoice}
            id={`${name}.other`}
            aria-label={other.label}
            required
          />
          <label for={name + typedField}>{other.label}</label>
          <input
            id={name + typedField}
            name={name + typedField}
            autocomplete="off"
            placeholder={other.hint}
            maxlength={64}
            data-selects={`${name}.other`}
          />
        </div>
      )}
    </Asked>
  );
};

/** Each word of a status is decided by itself. */
const Words: FC<{ question: OpenQuestion }> = (
  { question: { setting, candidates, words = [] } },
) => (
  <fieldset class="card asked">
    <legend>
      {settingWords[setting]} <code class="muted">{setting}</code>
    </legend>
    <p>Nothing says what these words of the file mean for an order:</p>
    <input type="hidden" name={wordNames} value={JSON.stringify(words.map(({ word }) => word))} />
    {words.map(({ word, rows, line }, place) => (
      <fieldset class="word">
        <legend>
          <strong>{word}</strong>{" "}
          <span class="muted">
            {counted(rows, "row")}, first on line {formatCount(line)}
          </span>
        </legend>
        <div class="choices">
          {candidates.map(({ value, meaning }) => (
            <label class="check">
              <input type="radio" name={`${wordField}${place}`} value={value} required />
              <span>
                <strong>{candidateWords[value] ?? value}</strong>{" "}
                <span class="muted">{meaning}</span>
              </span>
            </label>
          ))}
        </div>
      </fieldset>
    ))}
  </fieldset>
);

/** Which columns say what became of an order; what their words mean is asked next. */
const StatusColumns: FC<{ question: OpenQuestion; preview: ImportPreview }> = (
  { question, preview },
) => (
  <fieldset class="card asked">
    <legend>
      {settingWords[question.setting]} <code class="muted">{question.setting}</code>
    </legend>
    <p>
      These columns look as though they said which orders were paid, sent back or cancelled, and
      nothing is known of them:
    </p>
    {statusColumnsOf(preview).map(({ name, samples, place }) => (
      <fieldset class="word">
        <legend>
          <strong>{name}</strong> <span class="muted">{samples.slice(0, 3).join(" · ")}</span>
        </legend>
        <div class="choices">
          <label class="check">
            <input type="radio" name={columnField + place} value="status" required />
            <span>
              <strong>It decides</strong>{" "}
              <span class="muted">what its words mean is asked next</span>
            </span>
          </label>
          <label class="check">
            <input type="radio" name={columnField + place} value="ignore" required />
            <span>
              <strong>It does not matter</strong>{" "}
              <span class="muted">orders are charged whatever it says</span>
            </span>
          </label>
        </div>
      </fieldset>
    ))}
  </fieldset>
);

/** A file whose columns are not known. */
const Unmapped: FC<{
  question: OpenQuestion;
  preview: ImportPreview;
  document: ProfileDocument;
}> = ({ question: { question }, preview, document }) => {
  const lacking = lackingMeanings(document, columnsOf(preview).map(({ name }) => name));
  return (
    <Notice tone="warn" title="Say what the columns are">
      {lacking.length === 0
        ? <span class="capital">{question}</span>
        : `Each order needs these, and nothing is known to be one: ${lacking.join(", ")}.`}
    </Notice>
  );
};

interface ShownColumn {
  name: string;
  samples: readonly string[];
  looksLike: string | null;
  /** Among the names that are sent. */
  place: number;
}

/** The columns in the order in which they are shown: those that look as though they mattered come first. */
function columnsOf({ columns }: ImportPreview): ShownColumn[] {
  const mattering = columns.unused.filter(({ looks_like }) => looks_like !== null);
  const rest = columns.unused.filter(({ looks_like }) => looks_like === null);
  const used = columns.used.map((column) => ({ ...column, looks_like: null }));
  return [...mattering, ...used, ...rest]
    .filter(({ name }) => name.trim() !== "")
    .map(({ name, samples, looks_like }, place) => ({
      name: name.trim(),
      samples,
      looksLike: looks_like,
      place,
    }));
}

function asksStatusColumns({ questions }: ImportPreview): boolean {
  return questions.some(({ setting }) => setting === "status.columns");
}

function statusColumnsOf(preview: ImportPreview): ShownColumn[] {
  return columnsOf(preview).slice(0, maxColumns).filter(({ looksLike }) =>
    looksLike === "status" || looksLike === "refund"
  );
}

/** Every column beside its values, and what it is taken for; without a document they can only be looked at. */
export const ColumnTable: FC<{ preview: ImportPreview; document: ProfileDocument | null }> = (
  { preview, document },
) => {
  const all = columnsOf(preview);
  const shown = all.slice(0, maxColumns);
  const askedAbove = new Set(
    asksStatusColumns(preview) ? statusColumnsOf(preview).map(({ place }) => place) : [],
  );
  const fills = new Map(preview.columns.used.map(({ name, fills }) => [name.trim(), fills]));
  return (
    <>
      {document && (
        <input
          type="hidden"
          name={columnNames}
          value={JSON.stringify(shown.map(({ name }) => name))}
        />
      )}
      <Table label="Columns of the file">
        <Columns names={["Column", { wide: "Values" }, "What it is"]} />
        <tbody>
          {shown.map(({ name, samples, looksLike, place }) => (
            <tr key={place}>
              <th scope="row" class="wraps">
                {name}
                {looksLike !== null && (
                  <>
                    {" "}
                    <Badge tone="warn">looks like {looksLike}</Badge>
                  </>
                )}
                <div class="narrow small muted">{samples.slice(0, 3).join(" · ")}</div>
              </th>
              <td class="wide muted samples">
                {samples.length === 0 ? <None /> : samples.slice(0, 3).join(" · ")}
              </td>
              <td>
                {document === null
                  ? fills.get(name)?.join(", ") ?? <span class="muted">not used</span>
                  : askedAbove.has(place)
                  ? <span class="muted">asked above</span>
                  : <Meanings name={name} place={place} now={meaningsOf(document, name)} />}
              </td>
            </tr>
          ))}
        </tbody>
      </Table>
      {all.length > shown.length && (
        <p class="pager small">
          {formatCount(all.length - shown.length)}{" "}
          more columns are not shown: a profile of your own says what they are
        </p>
      )}
      {document && <SharedColumns document={document} columns={shown} />}
    </>
  );
};

/** What a column is, and what it is besides: a name may be an address as well. */
const Meanings: FC<{ name: string; place: number; now: readonly string[] }> = (
  { name, place, now: [first = "nothing", ...further] },
) => (
  <div class="meanings">
    <Meaning name={name} place={place} now={first} />
    {further.map((one, number) => (
      <Further key={one} name={name} field={`${place}.${number}`} now={one} />
    ))}
    {first !== "other" && (
      <details class="more">
        <summary aria-label={`${name} is something else as well`}>as well…</summary>
        <Further name={name} field={`${place}.${further.length}`} now={undefined} />
      </details>
    )}
  </div>
);

const Further: FC<{ name: string; field: string; now: string | undefined }> = (
  { name, field, now },
) => (
  <select
    name={furtherField + field}
    aria-label={`What ${name} is as well`}
    class={now === undefined ? "unset" : undefined}
  >
    <option value="nothing">nothing else</option>
    {furtherMeanings.map((meaning) => (
      <option key={meaning.value} value={meaning.value} selected={meaning.value === now}>
        {meaning.name}
      </option>
    ))}
  </select>
);

/** What several columns fill, each beside its values: of each order the first one counts that is not empty. */
const SharedColumns: FC<{ document: ProfileDocument; columns: readonly ShownColumn[] }> = (
  { document, columns },
) => {
  const samples = new Map(columns.map((one) => [plain(one.name), one.samples]));
  const shared = sharedBy(document, columns.map(({ name }) => name));
  return shared.length === 0 ? null : (
    <div class="questions apart">
      {shared.map(({ ours, name, groups }) => (
        <fieldset class="card asked" key={ours}>
          <legend>{name}</legend>
          <p>Several columns fill it: the first one that is not empty counts.</p>
          {groups.map((group, at) => (
            <label class="check" key={group.join()}>
              <input type="radio" name={firstField + ours} value={group[0]} checked={at === 0} />
              <span>
                <strong>{group.join(" + ")}</strong>{" "}
                <span class="muted">
                  {at === 0 ? "first" : `then, ${at + 1}.`}{" "}
                  {group.flatMap((one) => samples.get(plain(one)) ?? []).slice(0, 3).join(" · ")}
                </span>
              </span>
            </label>
          ))}
        </fieldset>
      ))}
    </div>
  );
};

function plain(name: string): string {
  return name.trim().toLowerCase();
}

/** What several of a file's columns fill, in the order in which they count. */
function sharedBy(document: ProfileDocument, names: readonly string[]) {
  const there = new Set(names.map(plain));
  return furtherMeanings.map(({ value, name }) => ({
    ours: value,
    name,
    groups: filledBy(document, value)
      .map((group) => group.filter((one) => there.has(plain(one))))
      .filter((group) => group.length > 0),
  })).filter(({ groups }) => groups.length > 1);
}

const Meaning: FC<{ name: string; place: number; now: string }> = ({ name, place, now }) => (
  <select
    name={columnField + place}
    aria-label={`What ${name} is`}
    class={now === "nothing" ? "unset" : undefined}
  >
    {now === "other" && <option value="other" selected>as its profile says</option>}
    {columnMeanings.map((meaning) => (
      <option key={meaning.value} value={meaning.value} selected={meaning.value === now}>
        {meaning.name}
      </option>
    ))}
  </select>
);

/** A form that was sent, by the names of its fields. */
type SentForm = Readonly<Record<string, string | undefined>>;

/** The profile with what was chosen in {@linkcode ColumnTable} and {@linkcode Questions}. */
export function editedProfile(document: ProfileDocument, form: SentForm): ProfileDocument {
  return editProfile(document, {
    meanings: new Map(
      [...namedChoices(form, columnNames, columnField)].map(([name, { place, choice }]) => [
        name,
        [choice, ...furtherChoices(form, place)],
      ]),
    ),
    firsts: firstsIn(document, form),
    words: new Map(
      [...namedChoices(form, wordNames, wordField)].map(([word, { choice }]) => [word, choice]),
    ),
    settings: settingsIn(form),
  });
}

function settingsIn(form: SentForm): ProfileEdit["settings"] {
  const settings = new Map<string, string>();
  for (const [field, value = ""] of Object.entries(form)) {
    if (!field.startsWith(settingField) || field.endsWith(typedField)) continue;
    const isTyped = value === typedChoice;
    const said = isTyped ? form[field + typedField] ?? "" : value;
    // A blank between fields is one of its candidates.
    settings.set(field.slice(settingField.length), isTyped ? said.trim() : said);
  }
  return settings;
}

/** What was chosen for each of the names that the form repeats, and its place among them. */
function namedChoices(form: SentForm, list: string, prefix: string) {
  const choices = new Map<string, { place: number; choice: string }>();
  for (const [place, name] of namesIn(form[list]).entries()) {
    const choice = form[prefix + place];
    if (choice !== undefined) choices.set(name, { place, choice });
  }
  return choices;
}

function furtherChoices(form: SentForm, place: number): string[] {
  const choices: string[] = [];
  for (let number = 0; number <= furtherMeanings.length; number++) {
    const choice = form[`${furtherField}${place}.${number}`];
    if (choice === undefined) break;
    choices.push(choice);
  }
  return choices;
}

/** Of those that were shown, what was chosen to count before what counted first. */
function firstsIn(document: ProfileDocument, form: SentForm): ProfileEdit["firsts"] {
  const firsts = new Map<string, string>();
  for (const { ours, groups } of sharedBy(document, namesIn(form[columnNames]))) {
    const chosen = form[firstField + ours];
    if (chosen !== undefined && chosen !== groups[0]![0]) firsts.set(ours, chosen);
  }
  return firsts;
}

function namesIn(json: string | undefined): string[] {
  try {
    const names: unknown = JSON.parse(json ?? "[]");
    return Array.isArray(names) ? names.filter((name) => typeof name === "string") : [];
  } catch {
    return [];
  }
}
