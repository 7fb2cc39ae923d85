/**
 * Writes zip archives and workbooks for tests.
 *
 * @module
 */

import { Buffer } from "node:buffer";
import { crc32, deflateRawSync } from "node:zlib";

/** A zip archive of some files, with their checksums or wrong ones. */
export function zipOf(
  files: Record<string, string | Uint8Array>,
  { checksum }: { checksum?: number } = {},
): Uint8Array<ArrayBuffer> {
  const parts: Buffer[] = [];
  const directory: Buffer[] = [];
  let offset = 0;
  for (const [name, content] of Object.entries(files)) {
    const bytes = Buffer.from(content as string);
    const packed = deflateRawSync(bytes);
    const path = Buffer.from(name);
    const about = Buffer.alloc(26);
    about.writeUInt16LE(20, 0);
    about.writeUInt16LE(8, 4);
    about.writeUInt32LE(checksum ?? crc32(bytes), 10);
    about.writeUInt32LE(packed.length, 14);
    about.writeUInt32LE(bytes.length, 18);
    about.writeUInt16LE(path.length, 22);
    parts.push(Buffer.from("PK\x03\x04"), about, path, packed);
    const more = Buffer.alloc(14);
    more.writeUInt32LE(offset, 10);
    directory.push(Buffer.from("PK\x01\x02\x14\0"), about, more, path);
    offset += 30 + path.length + packed.length;
  }
  const end = Buffer.alloc(18);
  end.writeUInt16LE(Object.keys(files).length, 4);
  end.writeUInt16LE(Object.keys(files).length, 6);
  end.writeUInt32LE(Buffer.concat(directory).length, 8);
  end.writeUInt32LE(offset, 12);
  return new Uint8Array(Buffer.concat([...parts, ...directory, Buffer.from("PK\x05\x06"), end]));
}

/** What a workbook is made of: the rows of its sheets as XML, the texts that they name, and formats of numbers. */
export interface WorkbookParts {
  sheets: string[];
  /** Names of the sheets as XML, where they are not S1, S2 and so on. */
  names?: string[];
  /** Attributes of the sheets beside their names, such as `state="hidden"`. */
  states?: string[];
  /** Names every sheet of the list so many times. */
  times?: number;
  texts?: string;
  /** `<numFmt>` elements, and the formats of cells. */
  formats?: { codes?: string; cells: number[] };
  is1904?: boolean;
}

/** A cell that is a text. */
export const textCell = (text: string) => `<c t="inlineStr"><is><t>${text}</t></is></c>`;

/** The rows of a sheet whose cells are all texts. */
export function textSheet(rows: readonly (readonly string[])[]): string {
  return rows.map((row) => `<row>${row.map(textCell).join("")}</row>`).join("");
}

/** A workbook (.xlsx). */
export function workbookOf(
  { sheets, names = [], states = [], times = 1, texts, formats, is1904 }: WorkbookParts,
): Uint8Array<ArrayBuffer> {
  const relation = 'xmlns:r="http://schemas.openxmlformats.org/officeDocument/2006/relationships"';
  const cells = (formats?.cells ?? [0]).map((id) => `<xf numFmtId="${id}"/>`).join("");
  return zipOf({
    "[Content_Types].xml": "<Types/>",
    "xl/workbook.xml": `<workbook ${relation}><workbookPr${
      is1904 ? ' date1904="1"' : ""
    }/><sheets>${
      sheets.map((_, index) =>
        `<sheet name="${names[index] ?? `S${index + 1}`}" sheetId="${index + 1}" r:id="r${index}" ${
          states[index] ?? ""
        }/>`
          .repeat(times)
      )
        .join("")
    }</sheets></workbook>`,
    "xl/_rels/workbook.xml.rels": `<Relationships>${
      sheets.map((_, index) => `<Relationship Id="r${index}" Target="worksheets/s${index}.xml"/>`)
        .join("")
    }</Relationships>`,
    "xl/styles.xml": `<styleSheet>${
      formats?.codes === undefined ? "" : `<numFmts>${formats.codes}</numFmts>`
    }<cellStyleXfs><xf numFmtId="9"/></cellStyleXfs><cellXfs>${cells}</cellXfs></styleSheet>`,
    "xl/sharedStrings.xml": `<sst>${texts ?? ""}</sst>`,
    ...Object.fromEntries(
      sheets.map((rows, index) => [
        `xl/worksheets/s${index}.xml`,
        `<worksheet><sheetData>${rows}</sheetData></worksheet>`,
      ]),
    ),
  });
}
