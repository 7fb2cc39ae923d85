/**
 * Profiles of order files, by name or as documents.
 *
 * @module
 */

import { WorkflowError } from "../domain/errors.ts";
import type { ImportPreview } from "../domain/import/import_preview.ts";
import type { ImportProfile } from "../domain/import/profile/profile.ts";
import { profileDocument, withCodeNames } from "../domain/import/profile/profile_json.ts";
import { shippedProfiles } from "../domain/import/profile/shipped_profiles.ts";
import type { SourceForm } from "../domain/import/source_row.ts";
import { nearestName } from "../domain/text/nearest_name.ts";

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
