import {
  type CondensedNumber,
  type CondensedSeries,
  type CondensedText,
  MINUTE_BYTES_MAX,
  SERIES_BYTES_MAX,
  TEXT_BYTES_MAX,
} from '@holdfast/shared/domain/condensed-body.ts';
import { type Measurement, measure, type Payload, whole } from '@holdfast/shared/domain/payload.ts';
import { MINUTE_MICROS, readingTime, receiveTimes } from '@holdfast/shared/domain/reading-time.ts';
import { merge, type Summary, summaryOf } from '@holdfast/shared/domain/summary.ts';
import type { BodyRecord, DecodedBody } from '@holdfast/shared/lib/block-body.ts';

/** A UTF-16 unit takes at most three bytes of UTF-8; tag and length come on top. */
const UTF8_BYTES_MAX = 3;
const NAME_BYTES_MAX = 4;

/**
 * Condenses telemetry, a minute at a time: of the numbers of a series count, sum, min, max, first
 * and last are left, so that minutes and hours come out exactly as they would have; of its texts,
 * and of payloads that cannot be read, the last of each minute. It cuts payloads into readings by
 * the cloud's own rules. Device keys are left out: repeats are recognised at the gateway, by what
 * it keeps beside the blocks.
 */
export class Condensing {
  readonly #series = new Map<string, Map<string, OpenSeries>>();
  #bytesMax = 64;

  /** The body takes no more than this. */
  get bytesMax(): number {
    return this.#bytesMax;
  }

  /** Takes the records from `from` up to and without `to`, of a body of telemetry. */
  add(
    body: DecodedBody,
    { firstSequence, from, to }: { firstSequence: bigint; from: number; to: number },
  ): void {
    const receivedTimeOf = receiveTimes();
    for (let index = from; index < to; index++) {
      const record = body.record(index);
      this.#addRecord(record, receivedTimeOf(record), Number(firstSequence) + index);
    }
  }

  /** Takes what was condensed before; its sequences are this one's, too. */
  addCondensed(condensed: readonly CondensedSeries[]): void {
    for (const { device, metric, minutes, latest, texts } of condensed) {
      const series = this.#open(device, metric);
      for (const [start, summary] of minutes) this.#addMinute(series, start, summary);
      if (latest && latest.sequence > (series.latest?.sequence ?? -1)) series.latest = latest;
      for (const text of texts) this.#addText(series, text);
    }
  }

  result(): readonly CondensedSeries[] {
    return [...this.#series.values()].flatMap((metrics) =>
      [...metrics.values()].map(({ device, metric, minutes, latest, texts }) => ({
        device,
        metric,
        minutes,
        latest,
        texts: [...texts.values()],
      })),
    );
  }

  #addRecord(record: BodyRecord, receivedTime: number, sequence: number): void {
    const payload = payloadOf(record.payload);
    const { channel } = record;
    const { ts, measurements } = channel === undefined ? whole(payload) : measure(payload);
    const { time, suspect } = readingTime(ts, receivedTime);
    const taken = { time, receivedTime, sequence, suspect };
    for (const measurement of measurements) {
      const series = this.#open(record.device ?? record.topic, metricOf(channel, measurement));
      const { content } = measurement;
      if (typeof content === 'number') {
        this.#addMinute(series, minuteOf(time), summaryOf({ time, sequence, value: content }));
        series.latest = { ...taken, value: content };
      } else this.#addText(series, { ...taken, bytes: content, count: 1 });
    }
  }

  #addMinute(series: OpenSeries, start: number, summary: Summary): void {
    const held = series.minutes.get(start);
    series.minutes.set(start, held ? merge(held, summary) : summary);
    if (!held) this.#bytesMax += MINUTE_BYTES_MAX;
  }

  #addText(series: OpenSeries, text: CondensedText): void {
    const start = minuteOf(text.time);
    const held = series.texts.get(start);
    const count = text.count + (held?.count ?? 0);
    const kept = held && held.sequence > text.sequence ? held : text;
    // A copy: the view would keep the whole body that it was cut from.
    series.texts.set(start, { ...kept, bytes: Uint8Array.from(kept.bytes), count });
    this.#bytesMax += kept.bytes.byteLength - (held?.bytes.byteLength ?? -TEXT_BYTES_MAX);
  }

  #open(device: string, metric: string): OpenSeries {
    let metrics = this.#series.get(device);
    if (!metrics) {
      metrics = new Map();
      this.#series.set(device, metrics);
      this.#bytesMax += nameBytesMax(device);
    }
    let series = metrics.get(metric);
    if (!series) {
      series = { device, metric, minutes: new Map(), latest: undefined, texts: new Map() };
      metrics.set(metric, series);
      this.#bytesMax += SERIES_BYTES_MAX + nameBytesMax(metric);
    }
    return series;
  }
}

interface OpenSeries {
  readonly device: string;
  readonly metric: string;
  readonly minutes: Map<number, Summary>;
  latest: CondensedNumber | undefined;
  /** By the minute's start. */
  readonly texts: Map<number, CondensedText>;
}

/** As the cloud names it; a record without a channel is kept whole under the name of its lane. */
function metricOf(channel: string | undefined, { field }: Measurement): string {
  if (channel === undefined) return 'telemetry';
  return field === '' ? channel : `${channel}.${field}`;
}

function minuteOf(time: number): number {
  return time - (time % MINUTE_MICROS);
}

function payloadOf(payload: Uint8Array): Payload {
  const bytes = Buffer.from(payload.buffer, payload.byteOffset, payload.byteLength);
  return { text: bytes.toString('utf8'), bytes: () => bytes };
}

function nameBytesMax(name: string): number {
  return NAME_BYTES_MAX + name.length * UTF8_BYTES_MAX;
}
