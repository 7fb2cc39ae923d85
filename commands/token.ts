/**
 * `deno task token`: a new token for the API.
 *
 * @module
 */

import {
  formatApiToken,
  isScope,
  isTokenName,
  type Scope,
  scopes,
  tokenHash,
} from "../domain/operation/api_token.ts";
import { type Command, readOptions, usage } from "./command.ts";
import { print } from "./print.ts";

/** Random bytes of a token: nobody finds one by trying. */
const tokenBytes = 32;

const command: Command = {
  summary: "Makes a token for the API.",
  help: `
Usage: deno task token NAME --scopes=SCOPE[,SCOPE]…

  NAME       stands in the orders' timelines as api:NAME; 1…64 letters, digits, dots, dashes, underscores
  --scopes   one or more of:
             read     everything that GET shows
             orders   take and import orders; see and cancel the imports, and cancel the orders, that a
                      token of this NAME has brought
             refunds  request refunds
             cancel   cancel orders and imports, whoever has brought them
             stock    add products and change their stock
             admin    everything

Prints the token, which is shown this once, and its entry for API_TOKENS, which holds only its SHA-256. To
replace a token, add the new entry under the same name, restart, hand the token out, and take the old entry
away.`,
  // deno-lint-ignore require-await
  async run(args) {
    const options = readOptions(args, { string: ["scopes"], positionals: [1, 1] });
    const name = options.positionals[0]!;
    if (!isTokenName(name)) {
      throw usage("NAME must be 1…64 letters, digits, dots, dashes or underscores");
    }
    const token = `ow_${
      crypto.getRandomValues(new Uint8Array(tokenBytes)).toBase64({
        alphabet: "base64url",
        omitPadding: true,
      })
    }`;
    const entry = { name, hash: tokenHash(token), scopes: wantedScopes(options.text("scopes")) };
    print(`Token, shown this once:\n  ${token}`);
    print(`Entry for API_TOKENS:\n  ${formatApiToken(entry)}`);
    return 0;
  },
};

export default command;

function wantedScopes(text: string | undefined): Scope[] {
  const wanted = (text ?? "").split(/[,+ ]/).filter((scope) => scope !== "");
  if (wanted.length === 0 || !wanted.every(isScope)) {
    throw usage(`--scopes must name one or more of ${scopes.join(", ")}`);
  }
  return [...new Set(wanted)];
}
