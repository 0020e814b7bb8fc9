import type { ApiClient } from '@holdfast/shared/ui/api-client.ts';
import type { Page, ReadingItem } from './api.ts';
import { type Point, replaceTail, toPoints } from './chart-points.ts';
import {
  type RangeEnd,
  type RangeId,
  RESOLUTION_MS,
  type Resolution,
  rangeMs,
  resolutionOf,
} from './chart-range.ts';

export interface HistoryQuery {
  readonly deviceId: string;
  readonly site: string;
  readonly metric: string;
  readonly range: RangeId;
  readonly end: RangeEnd;
}

/** The newest reading as the latest state tells it: when it changes there is something to fetch. */
export interface Newest {
  /** Incarnation and sequence: another one is another reading. */
  readonly key: string;
  readonly timeMs: number;
}

export interface History {
  readonly resolution: Resolution;
  readonly points: readonly Point[];
}

export interface HistoryReader {
  /**
   * Everything on the first call and every RELOAD_MS, else only what came since. The same object
   * when nothing did.
   */
  read(newest: Newest, nowMs: number, signal: AbortSignal): Promise<History>;
}

/**
 * What a closing backlog fills in lies before the newest reading: only reading the range again
 * shows it.
 */
export const RELOAD_MS = 10_000;
/** A summary changes little in a second. */
const SUMMARY_TAIL_MS = 5_000;
const ITEMS_MAX = 10_000;
/** Ten years of hours. */
const HOUR_PAGES_MAX = 9;
const TIMEOUT_MS = 10_000;

export function createHistoryReader(api: ApiClient, query: HistoryQuery): HistoryReader {
  const fetchSpan = createFetch(api, query);
  let history: History | undefined;
  let loadedAtMs = 0;
  let tailAtMs = 0;
  let seen = '';
  return {
    async read(newest, nowMs, signal) {
      const pauseMs = history?.resolution === 'raw' ? 0 : SUMMARY_TAIL_MS;
      if (!history || nowMs - loadedAtMs >= RELOAD_MS) {
        const span = wholeSpan(query, newest, nowMs);
        history = await load(fetchSpan, { range: query.range, span }, signal);
        loadedAtMs = nowMs;
      } else if (newest.key !== seen && nowMs - tailAtMs >= pauseMs) {
        history = await addTail(fetchSpan, history, signal);
      } else {
        return history;
      }
      tailAtMs = nowMs;
      seen = newest.key;
      return history;
    },
  };
}

interface Span {
  readonly fromMs?: number;
  readonly toMs?: number;
}

interface Asked extends Span {
  readonly resolution: Resolution;
  /** False for what is asked for once only. */
  readonly again: boolean;
}

/** `whole` is false when there is more than one answer holds. */
type FetchSpan = (
  asked: Asked,
  signal: AbortSignal,
) => Promise<{ points: readonly Point[]; whole: boolean }>;

function createFetch(api: ApiClient, query: HistoryQuery): FetchSpan {
  const base = `/v1/devices/${encodeURIComponent(query.deviceId)}/readings`;
  return async (asked, signal) => {
    const parameters = parametersOf(query, asked);
    const points: Point[] = [];
    // Hours are the coarsest there is, so they may take several answers; the finer give way to a
    // coarser one.
    for (let left = asked.resolution === '1h' ? HOUR_PAGES_MAX : 1; left > 0; left -= 1) {
      const page = await api.get<Page<ReadingItem>>(`${base}?${parameters}`, {
        signal,
        timeoutMs: TIMEOUT_MS,
        again: asked.again,
      });
      points.push(...toPoints(page.items));
      if (page.next_cursor === null) return { points, whole: true };
      parameters.set('cursor', page.next_cursor);
    }
    return { points, whole: false };
  };
}

function parametersOf({ metric, site }: HistoryQuery, asked: Asked): URLSearchParams {
  const { fromMs, toMs, resolution } = asked;
  const parameters = new URLSearchParams({ metric, site, resolution, limit: String(ITEMS_MAX) });
  if (fromMs !== undefined) parameters.set('from', new Date(fromMs).toISOString());
  if (toMs !== undefined) parameters.set('to', new Date(toMs).toISOString());
  return parameters;
}

/**
 * Up to now has no end: a device whose clock runs ahead is shown, too. `to` is not included, so one
 * more.
 */
function wholeSpan({ range, end }: HistoryQuery, newest: Newest, nowMs: number): Span {
  const toMs = end === 'newest' ? newest.timeMs + 1 : undefined;
  const upTo = toMs === undefined ? {} : { toMs };
  if (range === 'all') return upTo;
  return { fromMs: wholeMinute((toMs ?? nowMs) - rangeMs(range)), ...upTo };
}

function load(
  fetchSpan: FetchSpan,
  { range, span }: { range: RangeId; span: Span },
  signal: AbortSignal,
): Promise<History> {
  if (range === 'all') return loadAll(fetchSpan, span, signal);
  return loadFinest(fetchSpan, { ...span, resolution: resolutionOf(rangeMs(range)) }, signal);
}

/** How long "all" is, only the hours tell; then it may be short enough for something finer. */
async function loadAll(fetchSpan: FetchSpan, span: Span, signal: AbortSignal): Promise<History> {
  const { points } = await fetchSpan({ ...span, resolution: '1h', again: true }, signal);
  const [first, last] = [points[0], points.at(-1)];
  if (!first || !last) return { resolution: '1h', points };
  const resolution = resolutionOf(last.atMs + RESOLUTION_MS['1h'] - first.atMs);
  if (resolution === '1h') return { resolution, points };
  return loadFinest(fetchSpan, { ...span, fromMs: first.atMs, resolution }, signal);
}

/** Coarser and coarser until the range fits into one answer. */
async function loadFinest(
  fetchSpan: FetchSpan,
  span: Span & { resolution: Resolution },
  signal: AbortSignal,
): Promise<History> {
  const { points, whole } = await fetchSpan({ ...span, again: true }, signal);
  if (whole || span.resolution === '1h') return { resolution: span.resolution, points };
  const resolution = span.resolution === 'raw' ? '1m' : '1h';
  return loadFinest(fetchSpan, { ...span, resolution }, signal);
}

async function addTail(
  fetchSpan: FetchSpan,
  { resolution, points }: History,
  signal: AbortSignal,
): Promise<History> {
  const fromMs = points.at(-1)?.atMs;
  const after = fromMs === undefined ? {} : { fromMs };
  const tail = await fetchSpan({ ...after, resolution, again: false }, signal);
  return { resolution, points: replaceTail(points, fromMs ?? 0, tail.points) };
}

/** The same path for a whole minute, so that an unchanged answer is a 304. */
function wholeMinute(ms: number): number {
  return Math.floor(ms / RESOLUTION_MS['1m']) * RESOLUTION_MS['1m'];
}
