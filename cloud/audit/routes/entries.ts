import { ROLES } from '@holdfast/shared/contracts/roles.ts';
import type { Sql } from '@holdfast/shared/platform/sql/sql.ts';
import { type Api, addRoute } from '../../platform/http/api.ts';
import { pageOf, pageReply } from '../../platform/http/page.ts';
import { listEntries } from '../store/entries.ts';
import type { AuditTables } from '../store/tables.ts';
import { cursorPlace } from './place.ts';
import type { ReaderGate } from './reader.ts';
import { entryJson, entryPage, listQuery } from './schemas.ts';

const ENTRIES = {
  method: 'get',
  path: '/v1/audit',
  tag: 'audit',
  summary: 'What was done and what was refused, newest first',
  description: "Rows of the caller's tenant. The policy decides who reads; administrators do.",
  // Who may not is told so by the policy, which leaves an audit row of it.
  caller: ROLES,
  query: listQuery,
  list: true,
  answers: { 200: { description: 'A page of audit rows.', body: entryPage } },
} as const;

export interface EntryRouteDeps {
  readonly sql: Sql<AuditTables>;
  readonly admit: ReaderGate;
}

export function addEntryRoutes(api: Api, { sql, admit }: EntryRouteDeps): void {
  addRoute(api, ENTRIES, async ({ c, principal, query }) => {
    await admit(principal);
    const { limit, cursor, resourceKind, resourceId, ...named } = query;
    const keys = { resource_kind: resourceKind, resource_id: resourceId, ...named };
    const { tenant } = principal;
    const order = 'newest-first';
    const wanted = { tenant, keys, order, after: cursor, limit: limit + 1 } as const;
    const found = await sql.read((db) => listEntries(db, wanted));
    const page = pageOf(found, limit, cursorPlace);
    return pageReply(c, { items: page.items.map(entryJson), next_cursor: page.next });
  });
}
