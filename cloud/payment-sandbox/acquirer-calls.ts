import { looksLikeCardNumber } from '@holdfast/shared/lib/card-number.ts';
import type { Sql } from '@holdfast/shared/platform/sql/sql.ts';
import type { Clock } from '@holdfast/shared/runtime/clock.ts';
import { z } from 'zod';
import type { Behaviours } from './behaviours.ts';
import { type CallName, CONDUCTS, type Delivery } from './domain/behaviour.ts';
import type { OperationKind } from './domain/charge.ts';
import type { Reply } from './soap-service.ts';
import {
  DAY_PAGE_ROWS,
  findOperation,
  operationsOfDay,
  type Performed,
  perform,
} from './store/charges.ts';
import type { SandboxTables } from './store/tables.ts';

const id = z.string().min(1).max(100);
const token = z.string().regex(/^tok_[A-Za-z0-9_-]{1,120}$/);
const operationSchema = z.object({
  merchantReference: id,
  operationId: id,
  orderId: id.optional(),
  currency: z.string().regex(/^[A-Z]{3}$/),
  minorUnits: z.coerce.number().int().min(0).max(1_000_000_000_000),
  token: token.refine((value) => !looksLikeCardNumber(value)),
});
const querySchema = z.object({ merchantReference: id, operationId: id });
const tokenSchema = z.object({ token: z.string() });
const daySchema = z.object({
  day: z.string().regex(/^\d{4}-\d{2}-\d{2}$/),
  after: z.string().max(210).optional(),
});

const KINDS: Readonly<Partial<Record<CallName, OperationKind>>> = {
  Authorise: 'authorise',
  Capture: 'capture',
  Void: 'void',
  Refund: 'refund',
};

/** How the answer to one request goes out; the call decides it. */
export interface CallContext {
  delivery: Delivery;
}

export interface CallDeps {
  readonly sql: Sql<SandboxTables>;
  readonly clock: Clock;
  readonly behaviours: Behaviours;
}

/** Answers each call of the WSDL, as well or as badly as it was told to. */
export function createCalls(deps: CallDeps) {
  return async (name: CallName, request: unknown, context: CallContext): Promise<Reply> => {
    const tokenOf = tokenSchema.safeParse(request).data?.token ?? '';
    const conduct = CONDUCTS[deps.behaviours.take(name, tokenOf) ?? 'obey'];
    context.delivery = conduct.delivery;
    if (conduct.effect === 'none') return fault('retryable', 'try_again');
    if (name === 'Query') return query(deps, request);
    if (name === 'ListDay') return listDay(deps, request);
    return operateOn(deps, { name, request, isDeclined: conduct.effect === 'declined' });
  };
}

async function operateOn(
  { sql, clock }: CallDeps,
  call: { name: CallName; request: unknown; isDeclined: boolean },
): Promise<Reply> {
  const parsed = operationSchema.safeParse(call.request);
  const kind = KINDS[call.name];
  if (!parsed.success || !kind) return fault('invalid', 'malformed');
  const { merchantReference, operationId, orderId = '', currency, minorUnits } = parsed.data;
  const performed = await perform(sql, {
    request: {
      kind,
      reference: merchantReference,
      operationId,
      orderId,
      currency,
      minorUnits: BigInt(minorUnits),
    },
    day: new Date(clock.now()).toISOString().slice(0, 10),
    isDeclined: call.isDeclined,
  });
  return replyOf(performed, { merchantReference, operationId });
}

function replyOf(performed: Performed, ref: object): Reply {
  if (performed.kind !== 'done') return fault(performed.kind, performed.code);
  return { kind: 'answer', body: { ...ref, outcome: 'done' } };
}

async function query({ sql }: CallDeps, request: unknown): Promise<Reply> {
  const parsed = querySchema.safeParse(request);
  if (!parsed.success) return fault('invalid', 'malformed');
  const { merchantReference: reference, operationId } = parsed.data;
  const found = await findOperation(sql, { reference, operationId });
  const outcome = found?.outcome ?? 'absent';
  const code = found?.code ? { code: found.code } : {};
  return { kind: 'answer', body: { ...parsed.data, outcome, ...code } };
}

async function listDay({ sql }: CallDeps, request: unknown): Promise<Reply> {
  const parsed = daySchema.safeParse(request);
  if (!parsed.success) return fault('invalid', 'malformed');
  const [reference = '', operationId = ''] = (parsed.data.after ?? '').split('|');
  const rows = await operationsOfDay(sql, parsed.data.day, [reference, operationId]);
  const last = rows.length === DAY_PAGE_ROWS ? rows.at(-1) : undefined;
  const operation = rows.map((row) => ({
    merchantReference: row.reference,
    operationId: row.operation_id,
    kind: row.kind,
    currency: row.currency,
    minorUnits: String(row.minor_units),
  }));
  const next = last ? { next: `${last.reference}|${last.operation_id}` } : {};
  return { kind: 'answer', body: { operation, ...next } };
}

function fault(kind: 'declined' | 'retryable' | 'invalid', code: string): Reply {
  return { kind: 'fault', fault: kind, code };
}
