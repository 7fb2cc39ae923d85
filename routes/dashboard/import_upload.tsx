/**
 * What a form with a file of orders asks for: a preview, or the import as it was shown.
 *
 * @module
 */

import type { Context } from "hono";
import { messageOf, WorkflowError } from "../../domain/errors.ts";
import type { ProfileDocument } from "../../domain/import/profile/edit_profile.ts";
import type { ImportProfile } from "../../domain/import/profile/profile.ts";
import type { ImportProgress } from "../../streams/imports/import_options.ts";
import {
  profileText,
  readProfile,
  shippedProfile,
} from "../../services/imports/import_profiles.ts";
import type { ImportRuns } from "../../services/imports/import_runs.ts";
import { pause } from "../../streams/timing/pause.ts";
import type { UploadedFile } from "../api/imports/multipart.ts";
import { openUpload } from "../api/imports/upload.ts";
import type { AppDeps } from "../deps.ts";
import { cancelsOnly, looksOnlyAt } from "../middleware/caller.ts";
import { operatorOf } from "../middleware/operator.ts";
import { problemOf } from "../middleware/problem.ts";
import { BringFile, type FileChoices } from "./bring_file.tsx";
import { toHtml } from "./parts.tsx";
import { editedProfile } from "./preview_form.tsx";
import { choicesText, PreviewRegion, type ShownPreview } from "./preview_page.tsx";

type Fields = UploadedFile["fields"];

/** How often a page that waits for a preview is told how far it is, in milliseconds. */
const tellEveryMs = 250;

/** What a form says of how its file is to be taken. */
export function choicesIn(fields: Fields): FileChoices {
  return { keepGoodRows: fields.keep_good_rows === "1", replace: fields.replace === "1" };
}

/**
 * Imports the file of a form, as its preview has shown it.
 *
 * @returns the import's id
 * @throws {WorkflowError} what `ImportRuns.start` throws, and `invalid` where the form was changed after its preview
 */
export async function importUpload(c: Context, deps: AppDeps, runs: ImportRuns): Promise<number> {
  const upload = await openUpload(c, deps);
  const { fields } = upload;
  const choices = choicesIn(fields);
  let profile: ImportProfile | undefined;
  if (fields.shown_choices === undefined) profile = await profileGiven(upload);
  else {
    const isChanged = fields.shown_choices !== choicesText(choices) ||
      await profileGiven(upload) !== undefined ||
      JSON.stringify(documentIn(fields)) !== JSON.stringify(editedIn(fields));
    if (isChanged) {
      throw new WorkflowError(
        "invalid",
        "Something was changed after the preview: preview the file again, then import it",
      );
    }
    if (fields.given) profile = await readProfile(fields.given);
  }
  return await runs.start({
    ...requestOf(c, deps, upload, choices),
    dryRun: false,
    profile,
    plan: fields.plan || undefined,
  });
}

/** The sheet of a workbook that was chosen now, or before. */
function sheetIn(fields: Fields): string | undefined {
  return fields["setting.file.sheet"] || fields.sheet || undefined;
}

function requestOf(
  c: Context,
  { config }: AppDeps,
  { source, name, fields }: UploadedFile,
  choices: FileChoices,
) {
  return {
    source,
    name: name || "upload",
    ...choices,
    sheet: sheetIn(fields),
    operator: operatorOf(c, config),
    only: cancelsOnly(c.get("caller")),
    seesOthers: looksOnlyAt(c.get("caller")) === undefined,
    token: c.get("caller").name,
  };
}

/** The profile that somebody has chosen or brought; undefined where it is to be found out or stays. */
async function profileGiven({ fields, profile }: UploadedFile): Promise<ImportProfile | undefined> {
  if (profile !== undefined && profile.trim() !== "") return await readProfile(profile);
  return fields.named ? shippedProfile(fields.named) : undefined;
}

function documentIn({ document }: Fields): ProfileDocument | undefined {
  if (!document) return undefined;
  try {
    const read: unknown = JSON.parse(document);
    if (typeof read === "object" && read !== null && !Array.isArray(read)) {
      return read as ProfileDocument;
    }
  } catch {
    // Told below.
  }
  throw new WorkflowError("bad_request", "The form has a profile that is none");
}

function editedIn(fields: Fields): ProfileDocument | undefined {
  const document = documentIn(fields);
  return document === undefined ? undefined : editedProfile(document, fields);
}

/** Who waits for a preview. */
export interface Waiting {
  /** Is told how far it is. */
  onProgress: (progress: ImportProgress) => void;
  /** Is called once the whole file has come. */
  onSent?: () => void;
  /** Aborts where nobody waits any more. */
  signal: AbortSignal;
}

/**
 * Previews the file of a form.
 *
 * @throws {WorkflowError} what `ImportRuns.preview` throws, or for what is no profile
 */
async function previewUpload(
  c: Context,
  deps: AppDeps,
  runs: ImportRuns,
  upload: UploadedFile,
  { onProgress, onSent, signal }: Waiting,
): Promise<ShownPreview> {
  const { fields } = upload;
  const choices = choicesIn(fields);
  let profile = await profileGiven(upload);
  const edited = editedIn(fields);
  if (profile === undefined && edited !== undefined) {
    profile = await readProfile(JSON.stringify(edited));
  }
  const preview = await runs.preview({
    ...requestOf(c, deps, { ...upload, source: toldAtEnd(upload.source, onSent) }, choices),
    profile,
    asksForColumns: true,
    onProgress,
    signal,
  });
  const settings = preview.profile?.settings;
  return {
    preview,
    document: settings === undefined ? null : JSON.parse(profileText(settings)),
    given: profile === undefined ? "" : profileText(profile),
    choices,
    sheet: sheetIn(fields),
  };
}

/** The same file, of which it is told when it has come. */
function toldAtEnd(
  file: ReadableStream<Uint8Array>,
  onEnd: (() => void) | undefined,
): ReadableStream<Uint8Array> {
  if (onEnd === undefined) return file;
  return ReadableStream.from((async function* () {
    yield* file;
    onEnd();
  })());
}

/** A preview, or why there is none, as it stands in a page. */
export interface PreviewAnswer {
  html: string;
  status: ReturnType<typeof problemOf>["status"] | 200;
}

/** Previews the file of a form for a page. */
export async function answerPreview(
  c: Context,
  deps: AppDeps,
  runs: ImportRuns,
  waiting: Waiting,
): Promise<PreviewAnswer> {
  let choices: FileChoices = { keepGoodRows: false, replace: false };
  try {
    const upload = await openUpload(c, deps);
    choices = choicesIn(upload.fields);
    const shown = await previewUpload(c, deps, runs, upload, waiting);
    return { html: await toHtml(<PreviewRegion c={c} shown={shown} />), status: 200 };
  } catch (error) {
    if (!(error instanceof WorkflowError)) throw error;
    const html = await toHtml(<BringFile c={c} choices={choices} fault={error} />);
    return { html, status: problemOf(error).status };
  }
}

/** True for a page's script, which shows how far a preview is. */
export function followsPreview(c: Context): boolean {
  return /\bapplication\/x-ndjson\b/.test(c.req.header("accept") ?? "");
}

/**
 * Answers a page's script: a line of JSON now and then while the file is read and its orders are compared, and then one
 * with what to show. Nothing is sent before the file has come, because a sender may take no answer before; from then on
 * the preview ends with whoever waits for it.
 */
export async function streamPreview(
  c: Context,
  deps: AppDeps,
  runs: ImportRuns,
): Promise<Response> {
  let now: ImportProgress | undefined;
  const stop = new AbortController();
  const isSent = Promise.withResolvers<void>();
  const work = answerPreview(c, deps, runs, {
    onProgress: (progress) => now = progress,
    onSent: isSent.resolve,
    signal: stop.signal,
  });
  await Promise.race([isSent.promise, work]);
  const lines = async function* () {
    let isOver = false;
    const over = work.catch(() => {}).finally(() => isOver = true);
    try {
      while (!isOver) {
        const { phase = "reading", rowsRead = 0, rowsDone = 0 } = now ?? {};
        yield JSON.stringify(
          phase === "writing" ? { rows: rowsRead, done: rowsDone } : { read: rowsRead },
        );
        await Promise.race([over, pause(tellEveryMs)]);
      }
      yield JSON.stringify(await work);
    } catch (error) {
      deps.log.error("preview failed", { error: messageOf(error) });
      yield JSON.stringify({ fault: "Something unexpected happened" });
    } finally {
      // Where the answer was broken off, the preview goes no further.
      stop.abort();
    }
  };
  const bytes = ReadableStream.from(lines())
    .pipeThrough(
      new TransformStream<string, string>({
        transform: (line, controller) => controller.enqueue(`${line}\n`),
      }),
    )
    .pipeThrough(new TextEncoderStream());
  return c.body(bytes, 200, { "content-type": "application/x-ndjson" });
}
