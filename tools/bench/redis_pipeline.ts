/** Last in a pipeline, so that its reply tells the end. */
const mark = "the-end-of-the-pipeline";

/**
 * Sends commands that are encoded already, without waiting for each one's reply, and reads all replies.
 * A client library costs more than Redis itself here, and would be what is measured.
 *
 * @param url `redis://:password@127.0.0.1:port/0`
 * @throws {Error} with the first error that Redis replies
 */
export async function sendPipeline(url: string, commands: readonly Uint8Array[]): Promise<void> {
  const { hostname, port, password } = new URL(url);
  using connection = await Deno.connect({ hostname, port: Number(port) });
  const encoder = new TextEncoder();
  const login = `AUTH ${decodeURIComponent(password)}\r\n`;
  const send = async () => {
    for (const bytes of [encoder.encode(login), ...commands, encoder.encode(`ECHO ${mark}\r\n`)]) {
      for (let sent = 0; sent < bytes.length;) sent += await connection.write(bytes.subarray(sent));
    }
  };
  await Promise.all([send(), readToMark(connection)]);
}

async function readToMark(connection: Deno.Conn): Promise<void> {
  const decoder = new TextDecoder();
  const buffer = new Uint8Array(256 * 1024);
  let tail = "";
  for (;;) {
    const count = await connection.read(buffer);
    if (count === null) throw new Error("Redis closed the connection");
    const text = tail + decoder.decode(buffer.subarray(0, count), { stream: true });
    // No other line of the replies begins like an error, such as "-WRONGTYPE Operation against …".
    const error = /\n-([A-Z]+ [^\r]*)/.exec(`\n${text}`);
    if (error !== null) throw new Error(error[1]);
    if (text.endsWith(`${mark}\r\n`)) return;
    tail = text.slice(-mark.length - 4);
  }
}
