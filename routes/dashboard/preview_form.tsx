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
  meaningOf,
  type ProfileDocument,
} from "../../domain/import/profile/edit_profile.ts";
import { Badge, Columns, None, Table } from "./parts.tsx";

/** What the names of fields begin with that say what a column is; its place follows. */
const columnField = "column.";

/** What the names of fields begin with that settle something; the setting's path follows. */
const settingField = "setting.";

/**
 * Everything that is in question, each with what the file's own values would mean then. Nothing is chosen beforehand:
 * a default would be a guess about money.
 */
export const Questions: FC<{ of: ImportPreview["questions"] }> = ({ of }) => (
  <>
    {of.map(({ setting, question, candidates }) => (
      <fieldset class="card">
        <legend>
          <strong>{question}</strong> <code>{setting}</code>
        </legend>
        {candidates.map(({ value, meaning }) => (
          <label class="check">
            <input type="radio" name={settingField + setting} value={value} required />
            {value}: {meaning}
          </label>
        ))}
        {candidates.length === 0 && (
          <div class="field">
            <label for={settingField + setting}>What it is</label>
            <input
              id={settingField + setting}
              name={settingField + setting}
              autocomplete="off"
            />
          </div>
        )}
      </fieldset>
    ))}
  </>
);

/** Every column beside its values, and what it is taken for; those that look as though they mattered come first. */
export const ColumnTable: FC<{ preview: ImportPreview; document: ProfileDocument }> = (
  { preview: { columns }, document },
) => {
  const unused = columns.unused.toSorted((a, b) =>
    Number(b.looks_like !== null) - Number(a.looks_like !== null)
  );
  const rows = [
    ...unused.filter(({ looks_like }) => looks_like !== null),
    ...columns.used.map((column) => ({ ...column, looks_like: null })),
    ...unused.filter(({ looks_like }) => looks_like === null),
  ];
  return (
    <Table label="Columns of the file">
      <Columns names={["Column", { wide: "Values" }, "What it is"]} />
      <tbody>
        {rows.map(({ name, samples, looks_like }, index) => (
          <tr key={name}>
            <th scope="row">
              {looks_like === null ? name : (
                <>
                  <strong>{name}</strong> <Badge tone="warn">looks like {looks_like}</Badge>
                </>
              )}
            </th>
            <td class="wide muted">
              {samples.length === 0 ? <None /> : samples.slice(0, 3).join(" · ")}
            </td>
            <td>
              <input type="hidden" name={`${columnField}${index}.name`} value={name} />
              <Meaning name={name} field={columnField + index} now={meaningOf(document, name)} />
            </td>
          </tr>
        ))}
      </tbody>
    </Table>
  );
};

const Meaning: FC<{ name: string; field: string; now: string }> = ({ name, field, now }) => (
  <select name={field} aria-label={`What ${name} is`}>
    {now === "other" && <option value="other" selected>by its profile</option>}
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
  const meanings = new Map<string, string>();
  const settings = new Map<string, string>();
  for (const [field, value = ""] of Object.entries(form)) {
    if (field.startsWith(settingField)) settings.set(field.slice(settingField.length), value);
    const place = /^column\.(\d{1,5})$/.exec(field)?.[1];
    const name = place === undefined ? undefined : form[`${columnField}${place}.name`];
    if (name !== undefined) meanings.set(name, value);
  }
  return editProfile(document, meanings, settings);
}
