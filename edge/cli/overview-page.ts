import { isUtf8 } from 'node:buffer';
import type { SequenceRange } from '@holdfast/shared/domain/ranges.ts';
import { systemClock } from '@holdfast/shared/runtime/clock.ts';
import type { BufferOnDisk, BufferReader } from '../buffer/inspection/buffer-reader.ts';
import { jsonInteger, timeText } from '../buffer/inspection/message-view.ts';
import { type LaneOverview, laneOverview } from '../buffer/inspection/overview.ts';
import type { Page } from './inspect.ts';

/** A lane's acknowledged and settled ranges can be many; the newest are shown. */
const RANGES_SHOWN_MAX = 20;

export function overviewPage(disk: BufferOnDisk, reader: BufferReader): Page {
  const { fileBytes, incarnation } = reader;
  const turn = turnText(reader.turn);
  const nowMicros = systemClock.nowMicros();
  const lanes = reader.streams().map((stream) => laneOverview(reader, stream));
  const quarantined = disk.quarantined();
  const json = {
    file: disk.file,
    fileBytes,
    incarnation,
    turn,
    lanes: lanes.map((lane) => laneJson(lane, nowMicros)),
    quarantined,
  };
  const lines = [
    `file         ${disk.file} (${fileBytes} bytes)`,
    `incarnation  ${incarnation}`,
    `turn         ${turn ?? 'none: no cloud has welcomed this gateway yet'}`,
    ...lanes.flatMap((lane) => laneLines(lane, nowMicros)),
    ...quarantined.map(({ file, bytes }) => `\nset aside    ${file} (${bytes} bytes)`),
  ];
  return { json, lines };
}

/** A turn is the cloud's own token; it says nothing of its age. */
function turnText(turn: Uint8Array): string | null {
  if (turn.byteLength === 0) return null;
  const isText = isUtf8(turn) && /^[\x21-\x7e]+$/.test(Buffer.from(turn).toString());
  return Buffer.from(turn).toString(isText ? 'utf8' : 'hex');
}

function laneJson({ stream, pending, totals, oldest }: LaneOverview, nowMicros: bigint) {
  const { acknowledged, settled } = stream;
  return {
    incarnation: stream.incarnation,
    lane: stream.lane,
    accepted: jsonInteger(stream.accepted),
    acknowledged: {
      contiguous: jsonInteger(acknowledged.contiguous),
      ranges: acknowledged.ranges.map(rangeJson),
    },
    settled: settled
      .slice(-RANGES_SHOWN_MAX)
      .map(({ kind, range, reason }) => ({ kind, ...rangeJson(range), reason })),
    settledLeftOff: Math.max(0, settled.length - RANGES_SHOWN_MAX),
    pending: jsonInteger(pending),
    groups: jsonInteger(totals.groups),
    blocks: jsonInteger(totals.blocks),
    bytes: jsonInteger(totals.bytes),
    oldestPending: oldest
      ? {
          sequence: jsonInteger(oldest.sequence),
          receivedAt: oldest.receivedMicros === undefined ? null : timeText(oldest.receivedMicros),
          ageSeconds: oldest.receivedMicros === undefined ? null : ageOf(oldest.receivedMicros),
        }
      : null,
  };

  function ageOf(micros: bigint): number {
    return Math.round(Number(nowMicros - micros) / 1e6);
  }
}

function rangeJson({ first, last }: SequenceRange) {
  return { from: jsonInteger(first), to: jsonInteger(last) };
}

function laneLines(lane: LaneOverview, nowMicros: bigint): string[] {
  const { stream, pending, totals } = lane;
  const { contiguous, ranges } = stream.acknowledged;
  const start = contiguous > 0n ? [{ first: 1n, last: contiguous }] : [];
  const settled = stream.settled.slice(-RANGES_SHOWN_MAX);
  const leftOff = stream.settled.length - settled.length;
  const { groups, blocks, bytes } = totals;
  return [
    `\n${stream.lane} of ${stream.incarnation}`,
    `  accepted      ${stream.accepted}`,
    `  acknowledged  ${[...start, ...ranges].map(rangeText).join(', ') || 'nothing'}`,
    ...settled.map(
      ({ kind, range, reason }) => `  settled       ${rangeText(range)} ${kind}: ${reason}`,
    ),
    ...(leftOff > 0 ? [`  settled       and ${leftOff} earlier ranges`] : []),
    `  pending       ${pending} in ${groups} groups and ${blocks} blocks, ${bytes} bytes`,
    ...oldestLines(lane, nowMicros),
  ];
}

function oldestLines({ oldest }: LaneOverview, nowMicros: bigint): string[] {
  if (!oldest) return [];
  const { sequence, receivedMicros } = oldest;
  if (receivedMicros === undefined) return [`  oldest        ${sequence}, which is not readable`];
  const age = ageText(Number(nowMicros - receivedMicros) / 1e6);
  return [`  oldest        ${sequence}, received ${timeText(receivedMicros)} (${age})`];
}

function ageText(seconds: number): string {
  if (seconds < 0) return 'ahead of this clock';
  if (seconds < 120) return `${Math.round(seconds)} s ago`;
  if (seconds < 7_200) return `${Math.round(seconds / 60)} min ago`;
  if (seconds < 172_800) return `${Math.round(seconds / 3_600)} h ago`;
  return `${Math.round(seconds / 86_400)} days ago`;
}

function rangeText({ first, last }: SequenceRange): string {
  return `${first}-${last}`;
}
