/** Opens a table by a profile in one step, for tests. */
import type { ImportProfile } from "../../../domain/import/profile/profile.ts";
import {
  lookByProfile,
  type ProfiledFile,
  type RecordTable,
} from "../../../streams/imports/profiled_file.ts";

/** Looks at all records once, as the importer does while it checks them, and ends the look. */
export async function openProfiledFile(
  table: RecordTable,
  profile: ImportProfile,
): Promise<ProfiledFile> {
  const look = lookByProfile(profile, table.header);
  for await (const rows of table.rows()) look.note(rows);
  return look.finish(table);
}
