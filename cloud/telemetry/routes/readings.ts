import type { Lane } from '@holdfast/shared/contracts/lanes.ts';
import { boundedName } from '@holdfast/shared/domain/names.ts';
import { rfc3339 } from '@holdfast/shared/domain/reading-time.ts';
import type { Summary } from '@holdfast/shared/domain/summary.ts';
import { AppError } from '@holdfast/shared/lib/app-error.ts';
import type { Reader } from '@holdfast/shared/platform/sql/sql.ts';
import { z } from 'zod';
import { type Api, addRoute } from '../../platform/http/api.ts';
import { cursorParameter, limitParameter, pageOf, pageReply } from '../../platform/http/page.ts';
import { FLAG_CONDENSED, MICROS_MAX } from '../domain/reading.ts';
import { type SeriesRow, seriesOf, sitesWith } from '../store/devices.ts';
import {
  type AfterSequence,
  type AfterTime,
  readingsBySequence,
  readingsByTime,
  type StoredReading,
} from '../store/raw-readings.ts';
import { BUCKET_MICROS, type Bucket, bucketsOf } from '../store/roll-ups.ts';
import { streamNames } from '../store/streams.ts';
import type { TelemetryTables } from '../store/tables.ts';
import { readingPage } from './answers.ts';
import { findSite, type RouteDeps } from './devices.ts';
import { deviceParams, nameParameter, STAFF, timeParameter } from './query.ts';
import { contentOf } from './reading-json.ts';

export const READINGS_LIMIT_MAX = 10_000;

/** A position in one of the orders; each list refuses another's. */
const cursorPosition = z.union([
  z.tuple([z.literal('time'), z.int().min(0), z.int().min(0), z.string()]),
  z.tuple([z.literal('sequence'), z.string(), z.int().min(0)]),
  z.tuple([z.enum(['1m', '1h']), z.int().min(0)]),
]);

const query = z.strictObject({
  metric: nameParameter.optional(),
  from: timeParameter.optional(),
  to: timeParameter.optional(),
  resolution: z.enum(['raw', '1m', '1h']).default('raw'),
  order: z.enum(['time', 'sequence']).default('time'),
  limit: limitParameter({ preset: 1_000, max: READINGS_LIMIT_MAX }),
  cursor: cursorParameter(cursorPosition),
  site: nameParameter.optional(),
});

type Query = z.output<typeof query>;
type Db = Reader<TelemetryTables>;

const READINGS = {
  method: 'get',
  path: '/v1/devices/{id}/readings',
  tag: 'telemetry',
  summary: 'Readings, or summaries per minute or hour',
  caller: STAFF,
  params: deviceParams,
  query,
  list: true,
  answers: { 200: { description: 'A page of readings.', body: readingPage } },
  problems: ['CONFLICT'],
} as const;

export function readingRoutes(api: Api, { sql }: RouteDeps): void {
  addRoute(api, READINGS, async ({ c, principal, params, query: asked }) => {
    const id = boundedName(params.id);
    const body = await sql.read(async (db) => {
      const site = await findSite(principal, asked.site, (scope) => sitesWith(db, scope, id));
      const all = await seriesOf(db, principal.tenant, { site, device: id });
      const series = chosen(all, asked.metric);
      const page = await pageFor(db, series?.id, asked);
      const metric = series?.metric ?? asked.metric;
      const head = { id, site, metric, resolution: asked.resolution };
      return { ...head, items: page.items, next_cursor: page.next };
    });
    return pageReply(c, body);
  });
}

/** Undefined when the device has no such metric: then it has no readings. */
function chosen(all: readonly SeriesRow[], metric: string | undefined): SeriesRow | undefined {
  if (metric !== undefined) return all.find((series) => series.metric === metric);
  if (all.length === 1) return all[0];
  const names = all.slice(0, 20).map((series) => series.metric);
  const detail = `is needed, the device has several: ${names.join(', ')}`;
  throw new AppError('REQUEST_INVALID', `/metric: ${detail}`, {
    fields: [{ pointer: '/metric', detail }],
  });
}

interface Page {
  readonly items: readonly unknown[];
  readonly next: string | null;
}

async function pageFor(db: Db, seriesId: bigint | undefined, asked: Query): Promise<Page> {
  if (seriesId === undefined) return { items: [], next: null };
  if (asked.resolution !== 'raw') return bucketPage(db, seriesId, asked);
  return asked.order === 'time' ? timePage(db, seriesId, asked) : sequencePage(db, seriesId, asked);
}

async function timePage(db: Db, seriesId: bigint, asked: Query): Promise<Page> {
  let after: AfterTime | undefined;
  if (asked.cursor) {
    if (asked.cursor[0] !== 'time') throw wrongCursor();
    const [, time, sequence, streamId] = asked.cursor;
    after = { time, sequence, streamId: idOf(streamId) };
  }
  const found = await readingsByTime(db, rangeOf(seriesId, asked), after);
  const page = pageOf(found, asked.limit, (last) => [
    'time',
    last.time,
    last.sequence,
    String(last.streamId),
  ]);
  return { ...page, items: await readingsJson(db, page.items) };
}

async function sequencePage(db: Db, seriesId: bigint, asked: Query): Promise<Page> {
  let after: AfterSequence | undefined;
  if (asked.cursor) {
    if (asked.cursor[0] !== 'sequence') throw wrongCursor();
    const [, streamId, sequence] = asked.cursor;
    after = { streamId: idOf(streamId), sequence };
  }
  const found = await readingsBySequence(db, rangeOf(seriesId, asked), after);
  const page = pageOf(found, asked.limit, (last) => [
    'sequence',
    String(last.streamId),
    last.sequence,
  ]);
  return { ...page, items: await readingsJson(db, page.items) };
}

async function bucketPage(db: Db, seriesId: bigint, asked: Query): Promise<Page> {
  const resolution = asked.resolution === '1h' ? '1h' : '1m';
  let { from } = rangeOf(seriesId, asked);
  if (asked.cursor) {
    if (asked.cursor[0] !== resolution) throw wrongCursor();
    from = asked.cursor[1] + BUCKET_MICROS[resolution];
  }
  const range = { ...rangeOf(seriesId, asked), from, resolution } as const;
  const page = pageOf(await bucketsOf(db, range), asked.limit, (last) => [resolution, last.start]);
  return { ...page, items: page.items.map(bucketJson) };
}

/** One more than asked for: it only tells whether there is a next page. */
function rangeOf(seriesId: bigint, { from = 0, to = MICROS_MAX, limit }: Query) {
  return { seriesId, from, to, limit: limit + 1 };
}

function idOf(text: string): bigint {
  if (!/^[0-9]{1,18}$/.test(text)) throw wrongCursor();
  return BigInt(text);
}

function wrongCursor(): AppError {
  const detail = 'is not a cursor of this list';
  return new AppError('REQUEST_INVALID', `/cursor: ${detail}`, {
    fields: [{ pointer: '/cursor', detail }],
  });
}

async function readingsJson(db: Db, readings: readonly StoredReading[]) {
  const streams = await streamNames(db, [...new Set(readings.map(({ streamId }) => streamId))]);
  return readings.map((reading) => readingJson(reading, streams.get(reading.streamId)));
}

interface Stream {
  readonly gatewayId: string;
  readonly incarnation: string;
  readonly lane: Lane;
}

/** A minute that the gateway condensed stands in the place of its first reading. */
function condensedJson(summary: Summary, stream: Stream | undefined) {
  const { first, last } = summary;
  const form = 'condensed';
  const until = rfc3339(last.time);
  const { time: _start, ...numbers } = bucketJson({ start: first.time, summary });
  return {
    time: rfc3339(first.time),
    until,
    form,
    ...numbers,
    sequence: first.sequence,
    ...stream,
  };
}

function readingJson(reading: StoredReading, stream: Stream | undefined) {
  if (reading.condensed) return condensedJson(reading.condensed, stream);
  return {
    ...(reading.flags & FLAG_CONDENSED && { form: 'condensed' }),
    time: rfc3339(reading.time),
    receivedAt: rfc3339(reading.receivedTime),
    ...contentOf(reading.content, reading.flags),
    sequence: reading.sequence,
    ...stream,
  };
}

function bucketJson({ start, summary }: Bucket) {
  const { count, sum, min, max, first, last } = summary;
  const time = rfc3339(start);
  return { time, count, sum, mean: sum / count, min, max, first: first.value, last: last.value };
}
