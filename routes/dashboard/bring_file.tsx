/**
 * Bringing a file of orders: the form that sends it, and what its columns may be.
 *
 * @module
 */

import type { Context } from "hono";
import type { Child, FC } from "hono/jsx";
import type { WorkflowError } from "../../domain/errors.ts";
import { columnWords } from "../../domain/import/column_words.ts";
import { importColumns, termColumns } from "../../domain/import/csv_rows.ts";
import { profileNames } from "../../services/imports/import_profiles.ts";
import { CsrfField, csrfToken, missingScopes, ScopeNeeded } from "./form.tsx";
import { Columns, Notice, Region, Table } from "./parts.tsx";

/** Where files are sent to. */
export const importsPath = "/dashboard/imports";

/** Where they are sent to be previewed. */
export const previewPath = `${importsPath}?preview=1`;

/** What stands in the place of the form once there is a preview. */
export const bringRegion = "bring";

/** How a file is to be taken, beside what its columns mean. */
export interface FileChoices {
  keepGoodRows: boolean;
  replace: boolean;
}

/** A form with a file; whoever may not send one is told so. */
export const FileForm: FC<{ c: Context; class?: string; children?: Child }> = (
  { c, class: className, children },
) => {
  const missing = missingScopes(c, importsPath);
  if (missing !== undefined) return <ScopeNeeded missing={missing} />;
  return (
    <form
      method="post"
      action={importsPath}
      enctype="multipart/form-data"
      class={className}
      data-upload={csrfToken(c)}
    >
      <CsrfField c={c} />
      {children}
    </form>
  );
};

/** How far the sending of a file is, and why it was not taken; both are filled by the script. */
export const UploadState: FC = () => (
  <div class="upload-state" data-upload-state hidden>
    <div class="section-head">
      <span role="status" tabindex={-1} data-upload-says></span>
      <span class="muted num" data-upload-count></span>
    </div>
    <progress max={100} aria-label="Upload"></progress>
    <button type="button" data-upload-cancel>Cancel</button>
  </div>
);

/** In the place of a script's answer: what was wrong, or that the sending was ended. */
export const UploadFault: FC = () => (
  <>
    <p role="alert" id="upload-fault" class="strong-bad" hidden></p>
    <p role="status" class="muted" data-upload-ended></p>
  </>
);

/** Which profile the file is read by. */
export const ProfileField: FC<{ unset: string }> = ({ unset }) => (
  <div class="field">
    <label for="named">Where the file is from</label>
    <select id="named" name="named">
      <option value="">{unset}</option>
      {profileNames.map((name) => (
        <option key={name} value={name}>{profileWords[name] ?? name}</option>
      ))}
    </select>
  </div>
);

const profileWords: Readonly<Record<string, string>> = {
  amazon: "Amazon (order report)",
  ebay: "eBay",
  etsy: "Etsy",
  magento: "Magento",
  native: "The importer's own columns, written otherwise",
  odoo: "Odoo",
  shopify: "Shopify",
  woocommerce: "WooCommerce",
};

/** What a profile is called in a sentence. */
export function profileName(name: string): string {
  return profileWords[name] ?? name;
}

/** A profile of one's own, which is a file as well. */
export const OwnProfileField: FC = () => (
  <div class="field">
    <label for="profile">A profile of your own, as JSON</label>
    <input id="profile" name="profile" type="file" accept=".json,application/json" />
  </div>
);

/** How the file is to be taken. */
export const ChoiceFields: FC<{ now: FileChoices }> = ({ now }) => (
  <>
    <label class="check">
      <input type="checkbox" name="keep_good_rows" value="1" checked={now.keepGoodRows} />
      <span>
        Leave bad rows out <span class="muted">instead of rejecting their orders whole</span>
      </span>
    </label>
    <label class="check">
      <input type="checkbox" name="replace" value="1" checked={now.replace} />
      <span>
        Take items away{" "}
        <span class="muted">where a known order that is not charged has fewer in the file</span>
      </span>
    </label>
  </>
);

/** A place to drop a file on; it stands last in its form, because nothing behind a file is read before it. */
export const FileField: FC<{ label: string; children?: Child }> = ({ label, children }) => (
  <div class="drop" data-drop>
    <label for="file">{label}</label>
    <input
      id="file"
      name="file"
      type="file"
      accept=".csv,.tsv,.txt,.gz,.zip,.xlsx,text/csv"
      required
    />
    {children}
  </div>
);

/** The first form; after a file that can't be taken it says why. */
export const BringFile: FC<{ c: Context; choices: FileChoices; fault?: WorkflowError }> = (
  { c, choices, fault },
) => (
  <Region name={bringRegion}>
    {fault && <FileFaults fault={fault} />}
    <section class="card" aria-labelledby="bring-heading">
      <h2 id="bring-heading" tabindex={-1}>Bring a file</h2>
      <FileForm c={c} class="stack-form">
        <div class="fields">
          <ProfileField unset="Found out by its columns" />
        </div>
        <details class="more" open={choices.keepGoodRows || choices.replace}>
          <summary>More settings</summary>
          <div class="stack-form">
            <div class="fields">
              <OwnProfileField />
            </div>
            <ChoiceFields now={choices} />
          </div>
        </details>
        <FileField label="File">
          <p class="muted small">
            <span class="js-only">Drop it here, or choose it.</span>{" "}
            CSV or tabs, any encoding, plain, .gz or .zip, or an .xlsx workbook, as your shop
            exports it.
          </p>
        </FileField>
        <UploadState />
        <UploadFault />
        <div class="actions">
          <button type="submit" class="primary" formaction={previewPath}>Preview</button>
          <button type="submit">Import</button>
        </div>
        <p class="muted small">
          A preview reads all of it, shows what would be booked to the last cent, and changes
          nothing. Without one only a file in{" "}
          <a href="#columns-heading" class="underlined">the importer's own columns</a>{" "}
          is taken. Known orders are recognised, so importing a file again is safe.
        </p>
      </FileForm>
    </section>
  </Region>
);

/** Faults that are listed; the message has the first one. */
const shownFaults = 25;

/** Everything that is wrong with a file, in one answer. */
export const FileFaults: FC<{ fault: WorkflowError }> = ({ fault: { message, faults } }) => (
  <Notice tone="bad" title={message}>
    Nothing was changed
    {faults.length > 1 && (
      <ul class="faults">
        {faults.slice(0, shownFaults).map(({ at, detail }) => (
          <li>
            <strong>{at}</strong> {detail}
          </li>
        ))}
        {faults.length > shownFaults && <li>and {faults.length - shownFaults} more</li>}
      </ul>
    )}
  </Notice>
);

/** The importer's own columns, for those who make a file. */
export const OwnColumns: FC = () => (
  <section aria-labelledby="columns-heading" class="apart" data-beside>
    <div class="section-head">
      <h2 id="columns-heading">The importer's own columns</h2>
      <a class="button" href="/dashboard/first-steps/template.csv" download>Download a template</a>
    </div>
    <p class="muted small heading">
      One row for each item of an order. A shop's export needs none of this: preview it as it is.
    </p>
    <details class="more">
      <summary>What each column holds</summary>
      <Table label="Columns" stacks={1}>
        <Columns names={["Column", "What it holds"]} />
        <tbody>
          {[...importColumns, ...termColumns].map((column, place) => (
            <tr key={column}>
              <th scope="row">
                <code>{column}</code>
                {place >= importColumns.length && <div class="muted small">may be missing</div>}
              </th>
              <td class="told">{columnWords[column]}</td>
            </tr>
          ))}
        </tbody>
      </Table>
    </details>
  </section>
);
