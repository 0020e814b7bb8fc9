/**
 * More fields than this in one message make it one text: a message must not open a thousand series.
 */
export const FIELDS_MAX = 64;

/**
 * A payload as UTF-8 text, and its bytes, which are asked for only when they are kept as they are.
 */
export interface Payload {
  readonly text: string;
  bytes(): Uint8Array;
}

/** What a message says: of its channel itself (`field` is empty) or of a named field. */
export interface Measurement {
  readonly field: string;
  /** A number, or the bytes of a text. */
  readonly content: number | Uint8Array;
}

export interface Measured {
  /** The device's own time as it was sent, whatever it is; undefined when there is none. */
  readonly ts: unknown;
  readonly measurements: readonly Measurement[];
}

/** Fields of an object that say something of the message, not of the world. */
export const MESSAGE_FIELDS: ReadonlySet<string> = new Set(['boot', 'seq', 'ts']);

/**
 * Reads a payload. A JSON number or boolean is a value of the channel; of an object, `value` is the
 * channel's and each other field is its own: numbers and booleans as values, the rest as text,
 * nested ones as JSON. Anything else is kept whole, as text of the channel: nothing that was
 * accepted is lost, and no payload throws.
 */
export function measure(payload: Payload): Measured {
  const parsed = parse(payload.text);
  if (typeof parsed === 'object' && parsed !== null && !Array.isArray(parsed)) {
    return measureObject(parsed as Readonly<Record<string, unknown>>, payload);
  }
  const value = asNumber(parsed);
  if (value === undefined) return whole(payload);
  return { ts: undefined, measurements: [{ field: '', content: value }] };
}

/** The payload as one text of its channel. */
export function whole(payload: Payload, ts?: unknown): Measured {
  return { ts, measurements: [{ field: '', content: payload.bytes() }] };
}

function measureObject(object: Readonly<Record<string, unknown>>, payload: Payload): Measured {
  const measurements: Measurement[] = [];
  for (const name in object) {
    if (MESSAGE_FIELDS.has(name)) continue;
    const content = asNumber(object[name]) ?? asText(object[name], payload);
    if (content === undefined || name === '' || measurements.length === FIELDS_MAX) {
      return whole(payload, object['ts']);
    }
    measurements.push({ field: name === 'value' ? '' : name, content });
  }
  return measurements.length > 0
    ? { ts: object['ts'], measurements }
    : whole(payload, object['ts']);
}

function parse(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    // Not JSON is an outcome like any other here: the payload is kept as text.
    return undefined;
  }
}

function asNumber(field: unknown): number | undefined {
  if (typeof field === 'number') return Number.isFinite(field) ? field : undefined;
  if (typeof field === 'boolean') return field ? 1 : 0;
  return undefined;
}

/** Undefined when cutting the field out would change it, so that the message has to stay whole. */
function asText(field: unknown, payload: Payload): Uint8Array | undefined {
  if (typeof field === 'number' || payload.text.includes(REPLACEMENT)) return undefined;
  if (typeof field === 'string') return field.isWellFormed() ? Buffer.from(field) : undefined;
  try {
    return Buffer.from(JSON.stringify(field));
  } catch {
    // Nested deeper than the stack reaches.
    return undefined;
  }
}

/** What a decoder puts where bytes are not UTF-8. */
const REPLACEMENT = '\u{fffd}';
