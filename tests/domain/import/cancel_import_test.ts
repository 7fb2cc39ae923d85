import assert from "node:assert/strict";
import { decideImportCancel, type ImportStatus } from "../../../domain/import/cancel_import.ts";

Deno.test("decideImportCancel() ends what runs or died, and refuses what ended by itself", () => {
  const kinds: Record<ImportStatus, string> = {
    RUNNING: "cancel",
    INTERRUPTED: "cancel",
    CANCELLED: "already_cancelled",
    DONE: "refused",
    FAILED: "refused",
  };
  for (const [status, kind] of Object.entries(kinds)) {
    assert.equal(decideImportCancel(status as ImportStatus).kind, kind, status);
  }
});
