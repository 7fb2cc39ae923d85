/**
 * A file before it is taken: what it would do, what is in question, what its columns are, and the way to import it.
 *
 * @module
 */

import type { Context } from "hono";
import type { FC } from "hono/jsx";
import type { ImportPreview } from "../../domain/import/import_preview.ts";
import type { ProfileDocument } from "../../domain/import/profile/edit_profile.ts";
import {
  bringRegion,
  ChoiceFields,
  type FileChoices,
  FileField,
  FileForm,
  importsPath,
  OwnProfileField,
  previewPath,
  ProfileField,
  profileName,
  UploadFault,
  UploadState,
} from "./bring_file.tsx";
import { counted, formatCount, formatMoney } from "./format.ts";
import { HiddenFields } from "./form.tsx";
import { ColumnTable, Questions } from "./preview_form.tsx";
import { PreviewResult } from "./preview_parts.tsx";
import { Region } from "./parts.tsx";

/** A preview as it is shown. */
export interface ShownPreview {
  preview: ImportPreview;
  /** What was found out, to be changed; null for a file in the own form. */
  document: ProfileDocument | null;
  /** The document that the file was previewed with; empty where its profile was found out. */
  given: string;
  choices: FileChoices;
  /** The sheet of a workbook that was chosen. */
  sheet: string | undefined;
}

/** What stands in the place of the first form. */
export const PreviewRegion: FC<{ c: Context; shown: ShownPreview }> = ({ c, shown }) => {
  const { preview, document, given, choices, sheet } = shown;
  const isOpen = preview.questions.length > 0;
  return (
    <Region name={bringRegion}>
      <FileForm c={c} class="preview">
        <HiddenFields
          fields={{
            document: document === null ? undefined : JSON.stringify(document),
            given,
            sheet,
            shown_choices: choicesText(choices),
            plan: preview.plan,
          }}
        />
        <FileHead preview={preview} />
        {isOpen && (
          <section aria-labelledby="questions-heading">
            <h2 id="questions-heading" class="heading" tabindex={-1}>
              {preview.questions.length === 1
                ? "One thing only you can know"
                : `${formatCount(preview.questions.length)} things only you can know`}
            </h2>
            <div class="questions">
              <Questions preview={preview} document={document} />
            </div>
          </section>
        )}
        {!isOpen && <PreviewResult preview={preview} />}
        {preview.columns.used.length + preview.columns.unused.length > 0 && (
          <Mapping preview={preview} document={document} choices={choices} />
        )}
        <SendBar preview={preview} />
      </FileForm>
    </Region>
  );
};

/** What of a form is to be the same when the file is imported. */
export function choicesText({ keepGoodRows, replace }: FileChoices): string {
  return `${keepGoodRows ? 1 : 0}${replace ? 1 : 0}`;
}

const containerWords = { plain: "", gzip: "gzip, ", zip: "zip, ", xlsx: "Excel workbook, " };

const delimiterWords = { ",": "commas", ";": "semicolons", "\t": "tabs", "|": "vertical bars" };

/** What the file is, and how its bytes are read. */
const FileHead: FC<{ preview: ImportPreview }> = ({ preview: { file, profile, questions } }) => {
  const { form } = file;
  const asksForColumns = questions.some(({ setting }) => setting === "columns");
  const read = form === null
    ? "the importer's own form"
    : form.container === "xlsx"
    ? form.sheet === undefined
      ? "an Excel workbook"
      : `an Excel workbook, sheet ${form.sheet}, header in row ${form.headerLine}`
    : `${containerWords[form.container]}${form.encoding}, ${
      delimiterWords[form.delimiter]
    }, header on line ${form.headerLine}`;
  return (
    <section class="card" aria-labelledby="file-heading">
      <div class="section-head">
        <h2 id="file-heading" tabindex={-1}>{file.name}</h2>
        <a href={importsPath}>Another file</a>
      </div>
      <dl class="facts">
        <dt>Size</dt>
        <dd>
          {counted(file.rows, "row")}, {counted(file.bytes, "byte")}
        </dd>
        <dt>Read as</dt>
        <dd>{read}</dd>
        {profile !== null && !asksForColumns && (
          <>
            <dt>Profile</dt>
            <dd>
              {profile.why === null
                ? `${profileName(profile.name)}, as you said`
                : profileName(profile.name)}
              {profile.why !== null && <span class="muted">, by {profile.why}</span>}
            </dd>
          </>
        )}
        {file.notes.length > 0 && (
          <>
            <dt>Found out</dt>
            <dd>
              <ul>{file.notes.map((note) => <li key={note}>{note}</li>)}</ul>
            </dd>
          </>
        )}
      </dl>
    </section>
  );
};

/** What the columns are, to be changed. */
const Mapping: FC<{
  preview: ImportPreview;
  document: ProfileDocument | null;
  choices: FileChoices;
}> = ({ preview, document, choices }) => (
  <section aria-labelledby="mapping-heading">
    <h2 id="mapping-heading" class="heading">What the columns are</h2>
    <ColumnTable preview={preview} document={document} />
    <div class="card stack-form apart">
      <div class="fields">
        <ProfileField
          unset={document === null ? "As it is read now" : "As the columns say above"}
        />
        <OwnProfileField />
      </div>
      <ChoiceFields now={choices} />
      {document !== null && (
        <div class="actions">
          <a class="button" href={jsonLink(document)} download={`${document.name}.json`}>
            Save this profile
          </a>
        </div>
      )}
    </div>
  </section>
);

/** A document that is in the page already needs no answer of its own. */
function jsonLink(document: ProfileDocument): string {
  const text = `${JSON.stringify(document, null, 2)}\n`;
  return `data:application/json;charset=utf-8,${encodeURIComponent(text)}`;
}

/** What the button beside it means in money. */
function moneyText(payments: ImportPreview["payments"], orders: number): string {
  if (orders === 0) return "Nothing of it would be booked";
  const sums = payments.flatMap(({ currency, charged, recorded_as_paid }) => [
    ...(charged.orders > 0 ? [`charge ${formatMoney(charged.sum_cents, currency)}`] : []),
    ...(recorded_as_paid.orders > 0
      ? [`record ${formatMoney(recorded_as_paid.sum_cents, currency)} as paid`]
      : []),
  ]);
  return sums.length === 0 ? "Nothing is to be paid" : `It would ${sums.join(", ")}`;
}

/** The file once more, and what is done with it. It is last in the form, as every file. */
const SendBar: FC<{ preview: ImportPreview }> = ({ preview: { counts, payments, plan } }) => {
  const orders = counts.orders_new + counts.orders_updated;
  return (
    <div class="card send-bar">
      <p class="small">
        {plan === null ? "Nothing is imported before all is known" : moneyText(payments, orders)}
      </p>
      <FileField label="The file">
        <p class="no-js small">
          <strong>Choose the same file again</strong>: nothing of it was kept.
        </p>
      </FileField>
      <UploadState />
      <UploadFault />
      <p class="strong-warn small" data-changed hidden>Changed: preview it again to import it.</p>
      <div class="actions">
        <button
          type="submit"
          formaction={previewPath}
          class={plan === null ? "primary" : undefined}
        >
          Preview again
        </button>
        {plan !== null && (
          <button type="submit" class="primary" data-import>
            {orders === 0 ? "Import" : `Import ${counted(orders, "order")}`}
          </button>
        )}
      </div>
    </div>
  );
};
