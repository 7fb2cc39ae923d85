/**
 * What is made of a setting that may be replaced while the process runs.
 *
 * @module
 */

/**
 * Makes something of a setting once, and again when the setting has become another.
 *
 * @param read gives the setting as it is now; it is another one when it is not the same object or text
 */
export function madeOf<S, T>(read: () => S, make: (setting: S) => T): () => T {
  let made: { of: S; thing: T } | undefined;
  return () => {
    const setting = read();
    if (made === undefined || made.of !== setting) made = { of: setting, thing: make(setting) };
    return made.thing;
  };
}
