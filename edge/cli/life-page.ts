import type { Lane } from '@holdfast/shared/contracts/lanes.ts';
import type { BufferReader } from '../buffer/inspection/buffer-reader.ts';
import { type MessageLife, messageLife, streamOf } from '../buffer/inspection/message-life.ts';
import { jsonInteger, messageView, timeText } from '../buffer/inspection/message-view.ts';
import type { InspectOptions, Page } from './inspect.ts';

/** One message from its receipt to its end. */
export function lifePage(
  reader: BufferReader,
  options: InspectOptions & { readonly lane: Lane; readonly sequence: bigint },
): Page {
  const stream = streamOf(reader, options.lane, options.incarnation);
  const life = messageLife(reader, stream, options.sequence);
  const { incarnation, lane } = life.stream;
  const json = {
    incarnation,
    lane,
    sequence: jsonInteger(life.sequence),
    ...stateOf(life),
    heldIn: heldIn(life),
    message: life.message
      ? { ...messageView(life.message), payloadBytes: life.message.payload.byteLength }
      : null,
  };
  return { json, lines: linesOf(life, json) };
}

function stateOf({ end, held, message }: MessageLife): { state: string; meaning: string } {
  if (end.kind === 'settled') {
    const { kind, reason, atMicros } = end.settlement;
    const meaning = `it ended without delivery at ${timeText(atMicros)}: ${reason}`;
    return { state: kind, meaning };
  }
  if (end.kind === 'delivered') {
    const id = message?.device ?? '{id}';
    const ask = `ask GET /v1/devices/${id}/readings`;
    return { state: 'delivered', meaning: `the cloud acknowledged it as durable; ${ask}` };
  }
  if (end.kind === 'lost') {
    const meaning = 'accepted, but neither held nor ended: run holdfast-gateway verify';
    return { state: 'lost', meaning };
  }
  if (held?.opened.kind === 'damaged') {
    const meaning = `${held.opened.reason}: it will be settled as damaged and not travel`;
    return { state: 'damaged', meaning };
  }
  const place = held?.row.kind === 'block' ? 'in a sealed block' : 'not sealed into a block yet';
  return { state: 'pending', meaning: `on disk, ${place}, not acknowledged by the cloud` };
}

function heldIn({ held }: MessageLife) {
  if (!held) return null;
  const { row, opened } = held;
  const where = {
    kind: row.kind,
    from: jsonInteger(row.range.first),
    to: jsonInteger(row.range.last),
    bytes: row.bytes?.byteLength ?? null,
  };
  if (opened.kind === 'damaged') return { ...where, codec: null, checksum: null };
  return { ...where, codec: opened.codec, checksum: opened.checksum };
}

function linesOf(
  life: MessageLife,
  view: { incarnation: string; lane: Lane; sequence: number | string },
): string[] {
  const { state, meaning } = stateOf(life);
  const held = heldIn(life);
  return [
    `${view.lane} ${view.sequence} of ${view.incarnation}`,
    `  state      ${state}: ${meaning}`,
    `  held in    ${heldText(held)}`,
    ...messageLines(life),
  ];
}

function heldText(held: ReturnType<typeof heldIn>): string {
  if (!held) return 'nothing: it was freed, and what it said is no longer here';
  const { kind, from, to, bytes, codec, checksum } = held;
  const size = bytes === null ? 'unreadable' : `${bytes} bytes`;
  const sum = checksum ?? 'wrong';
  return `${kind} ${from}-${to}, ${size}, codec ${codec ?? 'unknown'}, checksum ${sum}`;
}

function messageLines({ message }: MessageLife): string[] {
  if (!message) return [];
  const { topic, device, channel, receivedAt, clockConfirmed, qos, retain, key } =
    messageView(message);
  const clock = clockConfirmed ? 'a cloud confirmed the clock' : 'the clock was not confirmed';
  return [
    `  topic      ${topic}`,
    `  device     ${device ?? '-'}, channel ${channel ?? '-'}`,
    `  received   ${receivedAt} (${clock}; epoch of boot ${message.epoch.bootId})`,
    `  payload    ${message.payload.byteLength} bytes, QoS ${qos}, retain ${retain ? 'yes' : 'no'}`,
    `  key        ${key ? `boot ${key.boot}, sequence ${key.sequence}` : 'none'}`,
  ];
}
