/**
 * Money that went back twice: by hand, and by its provider at the same moment.
 *
 * @module
 */

/** How it came out, and what that is called where somebody reads of it. */
export const givenTwiceEnds = {
  returned: "one of both came back",
  written_off: "it is written off",
  only_once: "it went back only once",
} as const;

/** See {@linkcode givenTwiceEnds}. */
export type GivenTwiceEnd = keyof typeof givenTwiceEnds;

/** All ends, for forms and schemas. */
export const givenTwiceEndNames = Object.keys(givenTwiceEnds) as [
  GivenTwiceEnd,
  ...GivenTwiceEnd[],
];
