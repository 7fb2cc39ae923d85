/**
 * Which sheet of a workbook has the orders, where only its owner can know.
 *
 * @module
 */

import { WorkflowError } from "../../domain/errors.ts";
import { type OpenQuestion, questionFault } from "../../domain/import/source_row.ts";
import { cutText } from "../../domain/text/cut_text.ts";
import { visibleText } from "../../domain/text/visible_text.ts";

/** A sheet that has rows. */
export interface FilledSheet {
  name: string;
  /** Its place in the workbook, from 1. */
  number: number;
  /** Spreadsheets do not show it. */
  isHidden: boolean;
  /** Its first row. */
  first: readonly string[];
}

/** Characters of a sheet's first row that are told. */
const maxCharacters = 120;

/** Characters of a name by which a sheet can be chosen; a spreadsheet gives it 31. */
const maxName = 255;

/** The refusal of a workbook of which no sheet was chosen. */
export class SheetQuestion extends WorkflowError {
  readonly question: OpenQuestion;

  constructor(sheets: readonly FilledSheet[]) {
    const question: OpenQuestion = {
      setting: "file.sheet",
      question: "which sheet of the workbook has the orders",
      candidates: sheets.map((sheet) => {
        const { name, number, isHidden, first } = sheet;
        const value = choiceOf(sheet, sheets);
        return {
          value,
          meaning: `sheet ${number}${isHidden ? ", hidden" : ""}` +
            (value === name ? "" : `, ${visibleText(cutText(name, maxCharacters))}`) +
            `: ${cutText(first.filter((text) => text !== "").join(", "), maxCharacters)}`,
        };
      }),
    };
    const fault = questionFault(question);
    super(
      "invalid",
      `${fault.at}: ${fault.detail}; say so by --sheet=NAME or its number, over HTTP sheet=NAME, in a profile file.sheet`,
      [fault],
    );
    this.question = question;
  }
}

/** Its name, or where nobody could write that or it is another's too its place. */
function choiceOf({ name, number }: FilledSheet, sheets: readonly FilledSheet[]): string {
  const isPlain = name.trim() === name && name !== "" && name.length <= maxName &&
    visibleText(name) === name;
  const isIts = sheets.find((one) => one.name.trim() === name)?.number === number;
  return isPlain && isIts ? name : String(number);
}
