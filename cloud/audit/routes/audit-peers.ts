import { auditEntrySchema } from '@holdfast/shared/contracts/events/audit.ts';
import {
  AuditServiceService,
  type Entry,
  type ListEntriesRequest,
  Outcome,
} from '@holdfast/shared/contracts/gen/holdfast/audit/v1/audit.ts';
import type { Sql } from '@holdfast/shared/platform/sql/sql.ts';
import { invalidRequest } from '@holdfast/shared/runtime/http.ts';
import { z } from 'zod';
import { pageOf } from '../../platform/http/page.ts';
import type { PeerService } from '../../platform/peer/peer.ts';
import { type EntryQuery, listEntries } from '../store/entries.ts';
import type { AuditRow, AuditTables } from '../store/tables.ts';
import { cursorPlace, nameText, placeCursor } from './place.ts';
import { traceIdOf } from './schemas.ts';

/** Of one ListEntries. */
export const ENTRIES_MAX = 100;

/** The rows of one thing, for the services that tell its story. */
export function auditPeers(sql: Sql<AuditTables>): PeerService<typeof AuditServiceService> {
  return {
    definition: AuditServiceService,
    callers: ['order'],
    handlers: {
      async listEntries(request, { scope }) {
        const query = queryOf(request, scope.tenant);
        const found = await sql.read((db) => listEntries(db, { ...query, limit: query.limit + 1 }));
        const { items, next } = pageOf(found, query.limit, cursorPlace);
        return { entries: items.map(messageOf), nextCursor: next ?? '' };
      },
    },
  };
}

const requestSchema = z.object({
  resourceKind: nameText,
  resourceId: nameText,
  limit: z.int().min(0).max(ENTRIES_MAX),
  cursor: z
    .string()
    .transform((text) => (text === '' ? undefined : text))
    .pipe(placeCursor),
});

function queryOf(request: ListEntriesRequest, tenant: string): EntryQuery {
  const parsed = requestSchema.safeParse(request);
  if (!parsed.success) throw invalidRequest(parsed.error);
  const { resourceKind, resourceId, limit, cursor } = parsed.data;
  return {
    tenant,
    keys: { resource_kind: resourceKind, resource_id: resourceId },
    order: 'oldest-first',
    after: cursor,
    limit: limit === 0 ? ENTRIES_MAX : limit,
  };
}

const OUTCOMES = { done: Outcome.OUTCOME_DONE, denied: Outcome.OUTCOME_DENIED } as const;

function messageOf(row: AuditRow): Entry {
  const entry = auditEntrySchema.parse(JSON.parse(row.entry));
  const detail = Object.entries(entry.detail ?? {}).map(([key, value]) => [key, String(value)]);
  return {
    service: row.service,
    partition: row.partition,
    index: row.chain_index,
    hash: row.hash,
    eventId: row.event_id,
    timeMicros: BigInt(Date.parse(row.time)) * 1000n,
    action: entry.action,
    outcome: OUTCOMES[entry.outcome],
    actor: entry.actor,
    resourceKind: entry.resource.kind,
    resourceId: entry.resource.id,
    site: entry.site ?? '',
    policyRevision: entry.policyRevision ?? '',
    reasons: entry.reasons ?? [],
    detail: Object.fromEntries(detail),
    traceId: traceIdOf(row),
  };
}
