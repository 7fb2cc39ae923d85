/** A relay before a Redis that refuses some commands by itself, as rented ones do. */
export interface RefusingProxy {
  /** On 127.0.0.1. */
  readonly port: number;
  /** Commands that were refused so far. */
  readonly refused: number;
  end(): void;
}

/**
 * Relays a free port of 127.0.0.1 to another one there.
 *
 * @param refusalOf the answer to a command that is not passed on
 */
export function refusingProxy(
  targetPort: number,
  refusalOf: (args: readonly string[]) => string | undefined,
): RefusingProxy {
  const listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  const open = new Set<Deno.Conn>();
  let refused = 0;
  const relay = async (client: Deno.Conn) => {
    const engine = await Deno.connect({ hostname: "127.0.0.1", port: targetPort });
    for (const side of [client, engine]) open.add(side);
    const close = () => {
      for (const side of [client, engine]) {
        if (open.delete(side)) side.close();
      }
    };
    const send = async (to: Deno.Conn, bytes: Uint8Array) => {
      for (let sent = 0; sent < bytes.length;) sent += await to.write(bytes.subarray(sent));
    };
    const back = async () => {
      const buffer = new Uint8Array(65_536);
      for (let size; (size = await engine.read(buffer)) !== null;) {
        await send(client, buffer.slice(0, size));
      }
    };
    const forth = async () => {
      const buffer = new Uint8Array(65_536);
      let rest = "";
      for (let size; (size = await client.read(buffer)) !== null;) {
        rest += latin1.decode(buffer.subarray(0, size));
        for (let command; (command = takeCommand(rest)) !== undefined;) {
          rest = rest.slice(command.length);
          const refusal = refusalOf(command.args);
          if (refusal === undefined) await send(engine, bytesOf(command.text));
          else {
            refused++;
            await send(client, bytesOf(`-${refusal}\r\n`));
          }
        }
      }
    };
    back().catch(() => {}).finally(close);
    forth().catch(() => {}).finally(close);
  };
  (async () => {
    for await (const client of listener) relay(client).catch(() => client.close());
  })();
  return {
    port: (listener.addr as Deno.NetAddr).port,
    get refused() {
      return refused;
    },
    end() {
      listener.close();
      for (const side of open) side.close();
      open.clear();
    },
  };
}

const latin1 = new TextDecoder("latin1");
/** Every byte is a character, and so it is sent on. */
const bytesOf = (text: string) => Uint8Array.from(text, (char) => char.charCodeAt(0));

/** The first whole command of what was read; undefined where there is none yet. */
function takeCommand(
  text: string,
): { args: string[]; text: string; length: number } | undefined {
  const head = /^\*(\d+)\r\n/.exec(text);
  if (head === null) return undefined;
  let at = head[0].length;
  const args: string[] = [];
  for (let n = 0; n < Number(head[1]); n++) {
    const end = text.indexOf("\r\n", at);
    if (end < 0) return undefined;
    const size = Number(text.slice(at + 1, end));
    const from = end + 2;
    if (text.length < from + size + 2) return undefined;
    args.push(text.slice(from, from + size));
    at = from + size + 2;
  }
  return { args, text: text.slice(0, at), length: at };
}
