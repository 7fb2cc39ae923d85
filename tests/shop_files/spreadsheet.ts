/**
 * Files that went through a real spreadsheet: opened, and saved again, by LibreOffice without its windows.
 *
 * @module
 */

import { join } from "node:path";

/** How somebody opens and saves a file. */
export interface SpreadsheetRound {
  /** The country whose forms are understood and written: the number that LibreOffice has for it. */
  language: 1031 | 1033 | 2057 | 1036;
  /** Between fields, in the file that is opened and in the one that is saved. */
  from: "," | "\t" | ";";
  to: "," | "\t" | ";";
  /** Saved as a workbook, or as text again. */
  as: "csv" | "xlsx";
}

/** The program's name, where it is installed; undefined where it is not. */
export async function findSpreadsheet(): Promise<string | undefined> {
  for (const name of ["soffice", "libreoffice"]) {
    try {
      const { success } = await new Deno.Command(name, {
        args: ["--version"],
        stdout: "null",
        stderr: "null",
      }).output();
      if (success) return name;
    } catch (error) {
      if (!(error instanceof Deno.errors.NotFound)) throw error;
    }
  }
}

/**
 * Sends files through the program, all in one start of it.
 *
 * @param files UTF-8
 * @returns the files as they were saved, in their order
 */
export async function throughSpreadsheet(
  program: string,
  files: readonly Uint8Array[],
  { language, from, to, as }: SpreadsheetRound,
): Promise<Uint8Array[]> {
  const folder = await Deno.makeTempDir({ prefix: "orders-spreadsheet-" });
  try {
    const names = files.map((_, index) => join(folder, `file${index}.csv`));
    for (const [index, bytes] of files.entries()) await Deno.writeFile(names[index]!, bytes);
    const outside = join(folder, "saved");
    const { success, stderr } = await new Deno.Command(program, {
      args: [
        `-env:UserInstallation=file://${join(folder, "profile")}`,
        "--headless",
        // Delimiter, quotation mark, UTF-8, from line 1, no column formats, country, quoted is text: no, find dates.
        `--infilter=CSV:${from.charCodeAt(0)},34,76,1,,${language},false,true`,
        "--convert-to",
        as === "xlsx"
          ? "xlsx:Calc MS Excel 2007 XML"
          : `csv:Text - txt - csv (StarCalc):${to.charCodeAt(0)},34,76,1,,${language},false,true`,
        "--outdir",
        outside,
        ...names,
      ],
      stdout: "null",
      stderr: "piped",
    }).output();
    if (!success) throw new Error(new TextDecoder().decode(stderr));
    return await Promise.all(
      files.map((_, index) => Deno.readFile(join(outside, `file${index}.${as}`))),
    );
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
}
