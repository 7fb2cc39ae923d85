/** What the documentation says of the settings. */
import { fileVariable } from "../../config/secret_files.ts";
import { type Setting, settings, settingsTable } from "../../config/settings.ts";
import { replaceableSecrets } from "../../commands/secrets.ts";

/** The secrets that a running process takes anew, as a list for people. */
function replaceable(): string {
  const names = replaceableSecrets.map((key) => `\`${settingsTable[key].name}\``);
  return `${names.slice(0, -1).join(", ")} and ${names.at(-1)}`;
}

/** The text of `docs/configuration.md`. */
export function configurationPage(): string {
  return `# Configuration

<!-- Written by \`deno task docs\` from config/settings.ts; a change here is lost. -->

All settings come from the environment, or from a file \`.env\` in the project's folder where the environment says nothing,
and are checked at the start; every fault is reported at once, secrets are never printed. An empty value counts as not set.
Without \`DATABASE_URL\` and \`REDIS_URL\` commands use [private engines](operating.md#where-nothing-is-set). \`deno task doctor\` checks them together with the engines.

| variable | default | values | meaning |
| --- | --- | --- | --- |
${settings.map(rowOf).join("\n")}

${notes}`;
}

function rowOf({ name, fallback, kind, meaning, neededWith, isSecret }: Setting): string {
  const initial = fallback === undefined ? "none" : fallback === "" ? "empty" : `\`${fallback}\``;
  const needed = neededWith === undefined ? "" : `; required with ${neededWith.words}`;
  const inFile = isSecret ? `; or \`${fileVariable(name)}\`` : "";
  return `| \`${name}\` | ${initial} | ${kind.values} | ${meaning}${needed}${inFile} |`;
}

const notes = `## Secrets in files

A secret may stand in a file, as Docker, Kubernetes and systemd hand them over: \`NAME_FILE\` is its path, for each \`NAME\`
above that says so. White space around it does not count. Naming a file and setting \`NAME\` as well is refused, and so is a
file that is empty or can't be read. \`app\` (below) may read such files in \`/run/secrets\`, \`/run/credentials\` and
\`/etc/orders\`.

\`start\`, \`serve\` and \`consume\` look at these files every ten seconds, and at once on SIGHUP (which ends a process that has a terminal, or no secret in a file).
New ${replaceable()} are then used without a restart, by everything that begins from then on; sessions and event streams of a token that is
gone end. Others take a restart, as a line in the log says. A file that has become unreadable or wrong changes nothing; the log names it.

## Who may use the API

Without \`API_TOKENS\` nobody is asked who they are, so the API then refuses to listen on anything but loopback
unless \`ALLOW_ANONYMOUS=1\` says so (\`compose.yaml\` does, publishes the port on the host's loopback only, and answers to
no name but \`localhost\`). A name that is not meant is 421: its owner could point it at this service and have a
browser use it. With tokens every request needs one, see [operating.md](operating.md).

## What the service may touch

The tasks that run the service have the permission set \`app\` of \`deno.json\`. It names every setting, and nothing else of
the environment can be read but \`USER\`, which names the operator in timelines, \`INIT_CWD\`, which relative paths of
commands begin at, and \`NODE_ENV\`. Where no engine is set, and nothing demands settings, the set is \`tools\`, with which
private engines can be started: \`commands/flags.sh\` decides. With \`app\` no program can be started, and files are out of reach but these:

| path | for |
| --- | --- |
| the project's folder, read only | code, migrations, assets; certificates, too, if you like |
| \`/etc/orders\`, \`/etc/ssl\`, \`/etc/pki\`, \`/run/secrets\`, \`/var/run/secrets\`, \`/run/credentials\`, read only | certificates (\`ssl-ca\`, \`ssl-cert\`, \`ssl-key\`) and secrets |
| \`.data/tmp\` in the project's folder | large uploads, which wait in a file without a name until they are imported |
| \`/var/lib/orders\` | the same, where \`TMPDIR\` names it or a folder below it |
| \`/run/mysqld/mysqld.sock\`, \`/var/lib/mysql/mysql.sock\`, \`/tmp/mysql.sock\` | where the packages of MySQL and MariaDB put their socket |
| \`/run/redis/redis-server.sock\`, \`/run/redis/redis.sock\` | where those of Redis put theirs |
| \`/run/orders\` | sockets that are anywhere else |

To connect to a Unix socket takes the permission to read and write its path; this is why the sockets are named one by
one, and not their folders (each also as \`/var/run/…\`). **A socket elsewhere** is linked into \`/run/orders\`, or its
folder is mounted there:

\`\`\`sh
mkdir -p /run/orders && ln -s /srv/db/server.sock /run/orders/db.sock
export DATABASE_URL='mysql://user:pass@localhost/orders?socket=/run/orders/db.sock'
export REDIS_URL='unix://:pass@localhost/run/redis/redis.sock'   # one of Redis with a password
\`\`\`

**Temporary files** go to the folder that \`TMPDIR\` names where that is \`/var/lib/orders\`, \`/run/orders\` or below one of
them or \`.data/tmp\`, and else to \`.data/tmp\`, which is made when it is needed. Where the project's folder can't be
written, set \`TMPDIR=/var/lib/orders\` (systemd: \`StateDirectory=orders\`) or mount something at \`.data/tmp\`.
\`deno task doctor\` says where they go, as a start does with \`LOG_LEVEL=debug\`, and warns where they can't be made. \`import\`
may read and write any file, as its arguments may name any, so there \`TMPDIR\` may be any folder; sockets and certificates
have to be where \`start\` may use them.

Another folder altogether is one more entry of \`read\` and \`write\` of the set. Tasks for development and tests have the
set \`tools\`, which may start programs and write anywhere; the gateway, \`token\` and \`docs\` name the little that they need.
`;
