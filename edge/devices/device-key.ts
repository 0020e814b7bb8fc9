/** The device's own key, as its payload carries it. */
export interface PayloadKey {
  readonly boot: string;
  readonly sequence: bigint;
}

/** A larger payload is not searched for a key: parsing it would hold up everybody else. */
export const KEYED_PAYLOAD_BYTES_MAX = 16 * 1024;
export const BOOT_LENGTH_MAX = 64;

const OPENING_BRACE = 0x7b;
const BOOT_FIELD = Buffer.from('"boot"');
const SEQUENCE_FIELD = Buffer.from('"seq"');

/**
 * The fields `boot` (text) and `seq` (integer) of a JSON object. Undefined for anything else: a
 * payload is whatever a device sends, and what is no key is stored without one.
 */
export function deviceKeyOf(payload: Uint8Array): PayloadKey | undefined {
  if (payload[0] !== OPENING_BRACE || payload.byteLength > KEYED_PAYLOAD_BYTES_MAX)
    return undefined;
  const bytes = Buffer.isBuffer(payload)
    ? payload
    : Buffer.from(payload.buffer, payload.byteOffset, payload.byteLength);
  // Most payloads have no key; looking for the names is far cheaper than parsing.
  if (!bytes.includes(SEQUENCE_FIELD) || !bytes.includes(BOOT_FIELD)) return undefined;
  const { boot, seq } = parsedObject(bytes.toString('utf8'));
  if (typeof boot !== 'string' || boot === '' || boot.length > BOOT_LENGTH_MAX) return undefined;
  // Beyond 2^53 JSON's numbers are no longer exact: two messages could share one key.
  if (typeof seq !== 'number' || !Number.isSafeInteger(seq) || seq < 0) return undefined;
  return { boot, sequence: BigInt(seq) };
}

function parsedObject(text: string): { boot?: unknown; seq?: unknown } {
  try {
    return JSON.parse(text) as { boot?: unknown; seq?: unknown };
  } catch (cause) {
    if (cause instanceof SyntaxError) return {};
    throw cause;
  }
}
