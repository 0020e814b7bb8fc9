import { auditEntrySchema } from '@holdfast/shared/contracts/events/audit.ts';
import { parseTraceparent } from '@holdfast/shared/runtime/tracing.ts';
import { z } from 'zod';
import { cursorParameter, limitParameter, pageSchema } from '../../platform/http/page.ts';
import { BREAK_REASONS } from '../domain/verify.ts';
import type { AuditRow } from '../store/tables.ts';
import { nameText, numberText, placeCursor } from './place.ts';

export const listQuery = z.strictObject({
  limit: limitParameter(),
  cursor: placeCursor,
  resourceKind: nameText.optional(),
  resourceId: nameText.optional(),
  actor: nameText.optional(),
  action: nameText.optional(),
  outcome: auditEntrySchema.shape.outcome.optional(),
});

const entrySchema = z
  .strictObject({
    id: z.string().meta({ description: "The event's id." }),
    time: z.iso.datetime(),
    service: z.string(),
    partition: z.int().meta({ description: 'With the service, names the chain.' }),
    index: z.int().meta({ description: 'Gapless from 1 in its chain, over all tenants.' }),
    hash: z.string().meta({ description: 'SHA-256, hexadecimal.' }),
    traceId: z.string().optional(),
    ...auditEntrySchema.shape,
  })
  .meta({ id: 'AuditEntry' });

export const entryPage = pageSchema(entrySchema);

export function entryJson(row: AuditRow): z.output<typeof entrySchema> {
  const traceId = traceIdOf(row);
  return {
    id: row.event_id,
    time: row.time,
    service: row.service,
    partition: Number(row.partition),
    index: Number(row.chain_index),
    hash: row.hash,
    ...(traceId && { traceId }),
    ...auditEntrySchema.parse(JSON.parse(row.entry)),
  };
}

export function traceIdOf({ traceparent }: Pick<AuditRow, 'traceparent'>): string {
  return parseTraceparent(traceparent)?.traceId ?? '';
}

/** Rows of one slice: enough to be quick, few enough to leave the process to others. */
const SLICE_ROWS_MAX = 5_000;
const SLICE_ROWS_DEFAULT = 1_000;

const count = z.int().min(0);
const hashText = z.string().regex(/^[0-9a-f]{64}$/);

/** Stage, service, partition, index, hash; checked entries and heads; breaks found. */
export const verificationCursor = z.tuple([
  z.enum(['chains', 'heads']),
  nameText.or(z.literal('')),
  numberText,
  numberText,
  hashText,
  count,
  count,
  count,
]);
export type VerificationCursor = z.output<typeof verificationCursor>;

export const verificationQuery = z.strictObject({
  rows: limitParameter({ preset: SLICE_ROWS_DEFAULT, max: SLICE_ROWS_MAX }),
  cursor: cursorParameter(verificationCursor),
});

const progressSchema = z.strictObject({ checked: count, total: count });

export const verificationSchema = z
  .strictObject({
    state: z.enum(['unfinished', 'intact', 'broken']).meta({
      description: '`broken` as soon as a break was found in this slice or one before it.',
    }),
    breaks: z
      .array(
        z.strictObject({
          chain: z.string().meta({ description: '`service/partition`, or `heads`.' }),
          index: z.int().meta({ description: 'The first that is broken.' }),
          reason: z.enum(BREAK_REASONS),
        }),
      )
      .meta({ description: 'Of this slice; a chain is left at its first.' }),
    progress: z.strictObject({ entries: progressSchema, heads: progressSchema }),
    next_cursor: z.string().nullable().meta({ description: 'Null when all is verified.' }),
  })
  .meta({ id: 'AuditVerification' });
