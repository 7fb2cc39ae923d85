/**
 * Reads answers of others, which may be endless.
 *
 * @module
 */

/** Bytes of an answer that are read: one of a payment provider has some hundred. */
const maxBytes = 65_536;

/**
 * The whole answer as text. It comes in the time that the request has; what is longer is given up, not gathered.
 *
 * @throws {Error} for an answer of more than {@linkcode maxBytes}, unpacked
 * @throws what reading it throws
 */
export async function readReply(response: Response): Promise<string> {
  if (response.body === null) return "";
  const reader = response.body.getReader();
  const bytes = new Uint8Array(maxBytes);
  let length = 0;
  try {
    for (;;) {
      const { value, done } = await reader.read();
      if (done) return new TextDecoder().decode(bytes.subarray(0, length));
      if (length + value.length > maxBytes) {
        throw new Error(`it answered with more than ${maxBytes} bytes`);
      }
      // Copied, because a chunk of one byte would keep a whole read buffer.
      bytes.set(value, length);
      length += value.length;
    }
  } finally {
    await reader.cancel().catch(() => {});
  }
}
