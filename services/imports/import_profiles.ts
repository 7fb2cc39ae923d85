/**
 * Profiles of order files, by name or as documents.
 *
 * @module
 */

import { type Fault, WorkflowError } from "../../domain/errors.ts";
import { setAt } from "../../domain/import/profile/edit_profile.ts";
import type { NamedSettings } from "../../streams/imports/import_options.ts";
import type { ImportPreview } from "../../domain/import/import_preview.ts";
import type { ImportProfile } from "../../domain/import/profile/profile.ts";
import { profileDocument, withCodeNames } from "../../domain/import/profile/profile_json.ts";
import { shippedProfiles } from "../../domain/import/profile/shipped_profiles.ts";
import type { SourceForm } from "../../domain/import/source_row.ts";
import { nearestName } from "../../domain/text/nearest_name.ts";

/** Names of the profiles that this product brings along. */
export const profileNames: readonly string[] = [...shippedProfiles.keys()].sort();

/**
 * A profile that this product brings along.
 *
 * @throws {WorkflowError} `bad_request` where there is none of this name
 */
export function shippedProfile(name: string): ImportProfile {
  const profile = shippedProfiles.get(name.trim().toLowerCase());
  if (profile !== undefined) return profile;
  const near = nearestName(name, profileNames);
  const hint = near === undefined ? "" : `; did you mean ${near}?`;
  throw new WorkflowError(
    "bad_request",
    `There is no profile ${JSON.stringify(name)}; there are ${profileNames.join(", ")}${hint}`,
    [{ at: "profile", detail: `must be one of ${profileNames.join(", ")}` }],
  );
}

/**
 * A profile from its document.
 *
 * @throws {WorkflowError} `invalid`, with all that is wrong with it
 */
export async function readProfile(text: string): Promise<ImportProfile> {
  let document: unknown;
  try {
    document = JSON.parse(text.replace(/^\ufeff/, ""));
  } catch (error) {
    const detail = `is no JSON: ${(error as Error).message}`;
    throw new WorkflowError("invalid", `The profile ${detail}`, [{ at: "profile", detail }]);
  }
  // Loaded here alone: most imports need no schema.
  const { profileFaults } = await import("./profile_schema.ts");
  const faults = profileFaults(document);
  if (faults.length > 0) {
    const list = faults.map(({ at, detail }) => `${at}: ${detail}`).join("; ");
    throw new WorkflowError("invalid", `The profile can't be used: ${list}`, faults);
  }
  // Those are for whoever edits it, and no part of a plan.
  const { $schema: _, $columns_of_the_file: __, ...said } = document as Record<string, unknown>;
  return withCodeNames(said) as ImportProfile;
}

/**
 * Settings that were named one by one, as `time.zone=Europe/Berlin`: the path of the setting in a profile's document, and
 * what it is, a text or JSON (`status.columns=["State"]`).
 *
 * @returns undefined for none
 * @throws {WorkflowError} `invalid` for what is no setting, or can't be one of any profile
 */
export async function namedSettings(
  said: readonly string[],
): Promise<NamedSettings | undefined> {
  if (said.length === 0) return undefined;
  const { profileFaults } = await import("./profile_schema.ts");
  const pairs = said.map((one) => {
    const [, path = "", value = ""] = /^\s*([a-z_]+(?:\.[a-z0-9_]+)*)\s*=(.*)$/s.exec(one) ?? [];
    if (path === "" || value === "") {
      const detail = `must be SETTING=VALUE such as time.zone=Europe/Berlin, not ${one}`;
      throw new WorkflowError("invalid", `A setting ${detail}`, [{ at: "set", detail }]);
    }
    return { path: path.split("."), value };
  });
  const apply = (profile: ImportProfile): ImportProfile => {
    let document = profileDocument(profile);
    for (const { path, value } of pairs) {
      document = withSetting(document, path, value, profileFaults);
    }
    return withCodeNames(document) as ImportProfile;
  };
  const isOfFile = ({ path }: { path: string[] }) => path[0] === "file";
  const none: Record<string, unknown> = { version: 1, name: "mine", columns: {} };
  const ofFile = pairs.filter(isOfFile).reduce(
    (document, { path, value }) => withSetting(document, path, value, profileFaults),
    none,
  );
  return { file: (withCodeNames(ofFile) as ImportProfile).file, apply };
}

/** A document with a setting: a text where it may be one, or else what its JSON says. */
function withSetting(
  document: Record<string, unknown>,
  path: readonly string[],
  value: string,
  faultsOf: (document: unknown) => Fault[],
): Record<string, unknown> {
  const set = (one: unknown) => {
    const copy = structuredClone(document);
    setAt(copy, path, one);
    return copy;
  };
  const asText = set(value);
  const faults = faultsOf(asText);
  if (faults.length === 0) return asText;
  try {
    const asJson = set(JSON.parse(value));
    if (faultsOf(asJson).length === 0) return asJson;
  } catch {
    // It is a text, whose faults are told.
  }
  const list = faults.map(({ at, detail }) => `${at}: ${detail}`).join("; ");
  const what = `${path.join(".")}=${value}`;
  throw new WorkflowError("invalid", `The setting ${what} can't be used: ${list}`, faults);
}

/** A profile's document, to be edited and read again. */
export function profileText(profile: ImportProfile): string {
  return `${JSON.stringify(profileDocument(profile), null, 2)}\n`;
}

/** Where the schema of profiles is found, by which editors complete and check a document. */
export const profileSchemaName = "import-profile.schema.json";

/**
 * A profile's document as it is written to a file: with the schema's name for editors, and where its columns are to be
 * filled in, with the names that the file has.
 *
 * @param header names of the file's columns; empty where nothing is to be filled in
 */
export function profileFileText(profile: ImportProfile, header: readonly string[]): string {
  const columns = header.length === 0 ? {} : { $columns_of_the_file: header };
  const document = { $schema: profileSchemaName, ...columns, ...profileDocument(profile) };
  return `${JSON.stringify(document, null, 2)}\n`;
}

/** A preview as JSON, as the command prints it and the API answers. */
export function previewJson(preview: ImportPreview) {
  const { profile, file } = preview;
  return {
    ...preview,
    file: { ...file, form: file.form === null ? null : formJson(file.form) },
    profile: profile === null ? null : { ...profile, settings: profileDocument(profile.settings) },
  };
}

function formJson({ container, encoding, delimiter, headerLine, sheet }: SourceForm) {
  return { container, encoding, delimiter, header_line: headerLine, sheet: sheet ?? null };
}
