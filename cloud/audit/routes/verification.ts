import { ROLES } from '@holdfast/shared/contracts/roles.ts';
import { type Api, addRoute } from '../../platform/http/api.ts';
import { cursorOf } from '../../platform/http/page.ts';
import { totals } from '../store/totals.ts';
import { type Place, type Slice, VERIFICATION_START, verifySlice } from '../store/verify.ts';
import type { EntryRouteDeps } from './entries.ts';
import { type VerificationCursor, verificationQuery, verificationSchema } from './schemas.ts';

const VERIFICATION = {
  method: 'get',
  path: '/v1/audit/verification',
  tag: 'audit',
  summary: 'Verifies the hash chains, one slice per request',
  description:
    'Begin without a cursor and go on with `next_cursor` until it is null. The chains are those ' +
    'of the whole installation; no content of a row is shown.',
  caller: ROLES,
  query: verificationQuery,
  answers: { 200: { description: 'What this slice found.', body: verificationSchema } },
} as const;

/** What was found before this slice. */
interface Progress {
  readonly place: Place;
  readonly entries: number;
  readonly heads: number;
  readonly breaks: number;
}

const START: Progress = { place: VERIFICATION_START, entries: 0, heads: 0, breaks: 0 };

export function addVerificationRoute(api: Api, { sql, admit }: EntryRouteDeps): void {
  addRoute(api, VERIFICATION, async ({ c, principal, query: { rows, cursor } }) => {
    await admit(principal);
    const before = cursor ? progressOf(cursor) : START;
    const { slice, total } = await sql.read(async (db) => ({
      slice: await verifySlice(db, before.place, rows),
      total: await totals(db),
    }));
    const after = progressAfter(before, slice);
    const body = {
      state: after.breaks > 0 ? 'broken' : slice.next ? 'unfinished' : 'intact',
      breaks: slice.breaks.map((each) => ({ ...each, index: Number(each.index) })),
      progress: {
        entries: { checked: after.entries, total: total.entries },
        heads: { checked: after.heads, total: total.heads },
      },
      next_cursor: slice.next ? cursorOf(positionOf({ ...after, place: slice.next })) : null,
    };
    return c.json(body, 200, { 'cache-control': 'no-store' });
  });
}

function progressAfter(before: Progress, slice: Slice): Progress {
  return {
    place: before.place,
    entries: before.entries + slice.entriesChecked,
    heads: before.heads + slice.headsChecked,
    breaks: before.breaks + slice.breaks.length,
  };
}

function positionOf({ place, entries, heads, breaks }: Progress): VerificationCursor {
  const chain = place.stage === 'chains' ? place.chain : undefined;
  const { length, hash } = place.end;
  const name = [chain?.service ?? '', String(chain?.partition ?? 0)] as const;
  return [place.stage, ...name, String(length), hash, entries, heads, breaks];
}

function progressOf(cursor: VerificationCursor): Progress {
  const [stage, service, partition, length, hash, entries, heads, breaks] = cursor;
  const end = { length: BigInt(length), hash };
  const chain = service === '' ? undefined : { service, partition: BigInt(partition) };
  const place = stage === 'heads' ? { stage, end } : { stage, chain, end };
  return { place, entries, heads, breaks };
}
