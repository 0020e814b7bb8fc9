import { type BodyRecord, receivedMicros } from '@holdfast/shared/lib/block-body.ts';

/** What JavaScript's dates can say. */
const DATE_MS_MAX = 8_640_000_000_000_000n;

/** A message as people read it, in JSON's types; without its payload. */
export function messageView(message: BodyRecord) {
  const { topic, device, channel, qos, retain, key } = message;
  return {
    topic,
    device: device ?? null,
    channel: channel ?? null,
    receivedAt: timeText(receivedMicros(message)),
    clockConfirmed: message.epoch.confirmed,
    qos,
    retain,
    key: key ? { boot: key.boot, sequence: jsonInteger(key.sequence) } : null,
  };
}

/**
 * One line of JSON. A payload that is JSON text stands in it as it was sent, digit for digit; any
 * other is `payloadBase64`.
 */
export function messageLine(
  head: { readonly sequence: bigint; readonly incarnation: string; readonly lane: string },
  message: BodyRecord,
): string {
  const view = { ...head, sequence: jsonInteger(head.sequence), ...messageView(message) };
  const text = jsonText(message.payload);
  const payload =
    text === undefined
      ? `"payloadBase64":"${Buffer.from(message.payload).toString('base64')}"`
      : `"payload":${text}`;
  return `${JSON.stringify(view).slice(0, -1)},${payload}}\n`;
}

/** RFC 3339 in UTC; microseconds since 1970 when the clock said what no date can. */
export function timeText(micros: bigint): string {
  const ms = micros / 1000n;
  if (ms > DATE_MS_MAX || ms < -DATE_MS_MAX) return `${micros} microseconds since 1970`;
  return new Date(Number(ms)).toISOString();
}

/** A number, or its digits as a text where a number would be another one. */
export function jsonInteger(value: bigint): number | string {
  const number = Number(value);
  return Number.isSafeInteger(number) ? number : String(value);
}

const UTF8 = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true });

function jsonText(payload: Uint8Array): string | undefined {
  try {
    const text = UTF8.decode(payload);
    JSON.parse(text);
    // Outside of its strings JSON's line ends are blanks, and inside there are none.
    return text.replace(/[\r\n]+/g, ' ').trim();
  } catch {
    // A payload may be anything; what is no JSON is no error.
    return undefined;
  }
}
