import type { Lane } from '@holdfast/shared/contracts/lanes.ts';
import type { BodyEpoch, BodyRecord, DecodedBody } from '@holdfast/shared/lib/block-body.ts';
import { boundedName } from './names.ts';
import { measure, type Payload, whole } from './payload.ts';
import {
  emptyColumns,
  FLAG_SUSPECT,
  FLAG_TEXT,
  HOUR_MICROS,
  MICROS_MAX,
  pushReading,
  type Reading,
  type ReadingColumns,
} from './reading.ts';
import { readingTime } from './reading-time.ts';

/** What one block says of one series. */
export interface SeriesReadings {
  readonly device: string;
  readonly metric: string;
  /** By the start of the hour that they were taken in, microseconds since 1970. */
  readonly hours: Map<number, ReadingColumns>;
  /** The one of the highest sequence. */
  latest: Reading;
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
  const receivedTimeOf = receiveClock();
  for (let index = 0; index < body.count; index++) {
    const record = body.record(index);
    const source = sources.at(record.device ?? record.topic, record.channel);
    const payload = payloadOf(record.payload);
    const { ts, measurements } = record.channel === undefined ? whole(payload) : measure(payload);
    const receivedTime = receivedTimeOf(record);
    const { time, suspect } = readingTime(ts, receivedTime);
    const sequence = firstSequence + index;
    for (const { field, content } of measurements) {
      const text = typeof content === 'number' ? 0 : FLAG_TEXT;
      const flags = suspect ? text | FLAG_SUSPECT : text;
      source.keep(field, { time, receivedTime, sequence, flags, content });
    }
  }
  return sources.series;
}

/**
 * When the gateway received a record; a clock that stands outside of what can be stored counts as
 * its bound.
 */
function receiveClock(): (record: BodyRecord) => number {
  const bases = new Map<BodyEpoch, number>();
  return ({ epoch, elapsedMicros }) => {
    let base = bases.get(epoch);
    if (base === undefined) {
      base = Number(epoch.baseMonotonicMicros + epoch.offsetMicros);
      bases.set(epoch, base);
    }
    return Math.min(Math.max(base + elapsedMicros, 0), MICROS_MAX);
  };
}

function payloadOf(payload: Uint8Array): Payload {
  const bytes = Buffer.from(payload.buffer, payload.byteOffset, payload.byteLength);
  return { text: bytes.toString('utf8'), bytes: () => bytes };
}

/**
 * Series by device, channel and field of one block, so that names are made once and not per record.
 */
class SourceTable {
  readonly series: SeriesReadings[] = [];
  readonly #lane: Lane;
  readonly #devices = new Map<string, Map<string | undefined, Source>>();

  constructor(lane: Lane) {
    this.#lane = lane;
  }

  at(device: string, channel: string | undefined): Source {
    let channels = this.#devices.get(device);
    if (!channels) {
      channels = new Map();
      this.#devices.set(device, channels);
    }
    let source = channels.get(channel);
    if (!source) {
      source = new Source(boundedName(device), channel ?? this.#lane, this.series);
      channels.set(channel, source);
    }
    return source;
  }
}

/** One channel of one device. */
class Source {
  readonly #device: string;
  readonly #channel: string;
  readonly #all: SeriesReadings[];
  readonly #fields = new Map<string, SeriesReadings>();

  constructor(device: string, channel: string, all: SeriesReadings[]) {
    this.#device = device;
    this.#channel = channel;
    this.#all = all;
  }

  keep(field: string, reading: Reading): void {
    const series = this.#fields.get(field) ?? this.#open(field, reading);
    series.latest = reading;
    const hour = reading.time - (reading.time % HOUR_MICROS);
    let columns = series.hours.get(hour);
    if (!columns) {
      columns = emptyColumns();
      series.hours.set(hour, columns);
    }
    pushReading(columns, reading);
  }

  #open(field: string, latest: Reading): SeriesReadings {
    const metric = boundedName(field === '' ? this.#channel : `${this.#channel}.${field}`);
    const series = { device: this.#device, metric, hours: new Map(), latest };
    this.#fields.set(field, series);
    this.#all.push(series);
    return series;
  }
}
