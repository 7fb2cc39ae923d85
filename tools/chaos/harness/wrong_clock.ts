/**
 * Loaded before the product: its clock is wrong by the milliseconds that end this module's address.
 *
 * @module
 */

const offsetMs = Number(new URL(import.meta.url).searchParams.get("ms"));
const RightDate = Date;
const rightNow = Date.now.bind(Date);

class WrongDate extends RightDate {
  constructor(...args: unknown[]) {
    super(...(args.length === 0 ? [rightNow() + offsetMs] : args) as [number]);
  }

  static override now(): number {
    return rightNow() + offsetMs;
  }
}

globalThis.Date = WrongDate as DateConstructor;
