import type { Lane } from '@holdfast/shared/contracts/lanes.ts';
import { measure, type Payload, whole } from '@holdfast/shared/domain/payload.ts';
import { isBelievable, readingTime, receiveTimes } from '@holdfast/shared/domain/reading-time.ts';
import type { BodyRecord, DecodedBody } from '@holdfast/shared/lib/block-body.ts';
import { PayloadScanner } from './payload-scanner.ts';
import { FLAG_SUSPECT, FLAG_TEXT, type Reading, type ReadingColumns } from './reading.ts';
import type { Summaries } from './roll-up.ts';
import { type Occasion, type Source, SourceTable } from './source-table.ts';

/** What one block says of one series. */
export interface SeriesReadings {
  readonly device: string;
  readonly metric: string;
  /** By the start of the hour that they were taken in, microseconds since 1970. */
  readonly hours: Map<number, ReadingColumns>;
  /** Of a condensed block: what its minutes came to, by the start of the hour. */
  readonly minutes?: ReadonlyMap<number, Summaries>;
  /** The one of the highest sequence. */
  readonly latest: Reading;
}

/**
 * Cuts a block into readings. A record with a channel is measured; one without (the `stock` and
 * `event` lanes) is kept whole, under the name of its lane. A record without a device belongs to
 * its topic, which holds a slash as no device does.
 */
export function readingsOf(
  body: DecodedBody,
  { lane, firstSequence }: { readonly lane: Lane; readonly firstSequence: number },
): readonly SeriesReadings[] {
  const sources = new SourceTable(lane);
  const scanner = new PayloadScanner();
  const receivedTimeOf = receiveTimes();
  for (let index = 0; index < body.count; index++) {
    const record = body.record(index);
    const { channel, payload } = record;
    const source = sources.at(record.device ?? record.topic, channel);
    const receipt = { receivedTime: receivedTimeOf(record), sequence: firstSequence + index };
    if (channel !== undefined && source.scan(scanner, payload)) {
      source.keepScanned(scanner, occasionOf(scanner, receipt));
    } else keepMeasured(source, record, receipt);
  }
  return sources.series;
}

type Receipt = Pick<Reading, 'receivedTime' | 'sequence'>;

function occasionOf(scanner: PayloadScanner, { receivedTime, sequence }: Receipt): Occasion {
  if (!scanner.hasTime) return { time: receivedTime, receivedTime, sequence, flags: 0 };
  return isBelievable(scanner.time, receivedTime)
    ? { time: scanner.time, receivedTime, sequence, flags: 0 }
    : { time: receivedTime, receivedTime, sequence, flags: FLAG_SUSPECT };
}

function keepMeasured(source: Source, record: BodyRecord, receipt: Receipt): void {
  const payload = payloadOf(record.payload);
  const { ts, measurements } = record.channel === undefined ? whole(payload) : measure(payload);
  const { time, suspect } = readingTime(ts, receipt.receivedTime);
  for (const { field, content } of measurements) {
    const text = typeof content === 'number' ? 0 : FLAG_TEXT;
    const flags = suspect ? text | FLAG_SUSPECT : text;
    source.keep(field, { ...receipt, time, flags, content });
  }
}

function payloadOf(payload: Uint8Array): Payload {
  const bytes = Buffer.from(payload.buffer, payload.byteOffset, payload.byteLength);
  return { text: bytes.toString('utf8'), bytes: () => bytes };
}
