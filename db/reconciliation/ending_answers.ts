/**
 * What is written beside discrepancies that ended by what reports tell.
 *
 * @module
 */

/** What ended a discrepancy that reports have come to agree about. */
export const agreedLater = "reports agree about it by now";

/** What ended discrepancies of one charge that has several lines. */
export const comesTogether = "the lines of this charge come to what we have together";

/** What ended a discrepancy about money that a later report told of. */
export const toldLater = "a later report tells of it";

/**
 * Answers that end a discrepancy by what reports tell: by these it is found again where one of them is taken back, or tells otherwise
 * later. They name nobody, so they stay where a person is erased.
 */
export const endingAnswers: readonly string[] = [agreedLater, comesTogether, toldLater];
