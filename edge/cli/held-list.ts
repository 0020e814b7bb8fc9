import type { Lane } from '@holdfast/shared/contracts/lanes.ts';
import type { BufferReader } from '../buffer/inspection/buffer-reader.ts';
import { streamOf } from '../buffer/inspection/message-life.ts';
import { jsonInteger } from '../buffer/inspection/message-view.ts';
import { openRow } from '../buffer/inspection/opened-row.ts';
import { type Step, walk } from '../buffer/inspection/walk.ts';
import type { InspectOptions, Page } from './inspect.ts';

const COLUMNS = ['kind', 'from', 'to', 'bytes', 'codec', 'checksum', 'state'] as const;
const WIDTHS = [8, 12, 12, 10, 7, 46, 0];
type Entry = Readonly<Record<(typeof COLUMNS)[number], string | number | null>>;

/** The groups and blocks of a lane, ascending. */
export function heldList(
  reader: BufferReader,
  options: InspectOptions & { readonly lane: Lane },
): Page {
  const stream = streamOf(reader, options.lane, options.incarnation);
  const { accepted, incarnation, lane } = stream;
  const last = options.to !== undefined && options.to < accepted ? options.to : accepted;
  const entries: Entry[] = [];
  let isWhole = true;
  for (const step of walk(reader, stream, { first: options.from ?? 1n, last })) {
    isWhole = entries.length < options.limit;
    if (!isWhole) break;
    entries.push(entryOf(step));
  }
  const lines = [
    `${lane} of ${incarnation}: ${accepted} accepted`,
    entries.length === 0 ? 'nothing of it is held' : line(COLUMNS),
    ...entries.map((entry) => line(COLUMNS.map((name) => entry[name] ?? '-'))),
    ...(isWhole ? [] : [`and more: --from ${Number(entries.at(-1)!.to) + 1}, or a higher --limit`]),
  ];
  const json = { incarnation, lane, accepted: jsonInteger(accepted), held: entries, isWhole };
  return { lines, json };
}

function entryOf(step: Step): Entry {
  const range = step.kind === 'row' ? step.row.range : step.range;
  const span = { from: jsonInteger(range.first), to: jsonInteger(range.last) };
  if (step.kind !== 'row') {
    const state = step.kind === 'unreadable' ? `unreadable: ${step.reason}` : step.kind;
    return { kind: 'nothing', ...span, bytes: null, codec: null, checksum: null, state };
  }
  const { kind, bytes } = step.row;
  const opened = openRow(step.stream, step.row);
  const head = { kind, ...span, bytes: bytes?.byteLength ?? null };
  if (opened.kind === 'damaged')
    return { ...head, codec: null, checksum: null, state: `damaged: ${opened.reason}` };
  return { ...head, codec: opened.codec, checksum: opened.checksum, state: 'intact' };
}

function line(cells: readonly (string | number)[]): string {
  return cells
    .map((cell, at) => String(cell).padEnd(WIDTHS[at] ?? 0))
    .join(' ')
    .trimEnd();
}
