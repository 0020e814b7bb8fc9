import { z } from 'zod';
import {
  type AcquirerDayPage,
  type AcquirerFinding,
  type AcquirerOutcome,
  OPERATION_KINDS,
  type OperationRef,
} from './acquirer.ts';

/** The forms of `proto/payment.wsdl`, as the SOAP library hands them over. */
const answerSchema = z.object({
  merchantReference: z.string(),
  operationId: z.string(),
  outcome: z.enum(['done', 'declined', 'absent']),
  code: z.string().optional(),
});

const detailSchema = z.object({ code: z.string().max(100) });
const faultSchema = z.union([
  z.object({ declined: detailSchema }),
  z.object({ retryable: detailSchema }),
  z.object({ invalid: detailSchema }),
]);
const errorSchema = z.object({
  root: z.object({
    Envelope: z.object({
      Body: z.object({
        Fault: z.object({ detail: z.unknown().optional(), Detail: z.unknown().optional() }),
      }),
    }),
  }),
});

const operationSchema = z.object({
  merchantReference: z.string(),
  operationId: z.string(),
  kind: z.enum(OPERATION_KINDS),
  currency: z.string(),
  minorUnits: z.coerce.bigint(),
});
const daySchema = z.object({
  operation: z.union([z.array(operationSchema), operationSchema]).optional(),
  next: z.string().optional(),
});

/** An answer to another request tells nothing about this one. */
export function parseAnswer(answer: unknown, asked: OperationRef): AcquirerFinding {
  const parsed = answerSchema.safeParse(answer);
  if (!parsed.success) return { kind: 'unknown', detail: 'the answer is not one of the contract' };
  const { merchantReference, operationId, outcome, code } = parsed.data;
  if (merchantReference !== asked.reference || operationId !== asked.operationId) {
    return { kind: 'unknown', detail: 'the answer is to another request' };
  }
  return outcome === 'declined' ? { kind: outcome, code: code ?? 'declined' } : { kind: outcome };
}

/** The typed faults; undefined for any other error, which tells nothing. */
export function parseFault(error: unknown): AcquirerOutcome | undefined {
  const found = errorSchema.safeParse(error);
  if (!found.success) return undefined;
  const { detail, Detail } = found.data.root.Envelope.Body.Fault;
  const fault = faultSchema.safeParse(detail ?? Detail);
  if (!fault.success) return undefined;
  if ('declined' in fault.data) return { kind: 'declined', code: fault.data.declined.code };
  if ('retryable' in fault.data) return { kind: 'retryable', detail: fault.data.retryable.code };
  // Sent again it would be just as wrong.
  return { kind: 'declined', code: `invalid:${fault.data.invalid.code}` };
}

export function parseDay(answer: unknown): AcquirerDayPage {
  // An element without children is null.
  const parsed = daySchema.safeParse(answer ?? {});
  if (!parsed.success) return { kind: 'unknown', detail: 'the answer is not one of the contract' };
  const operations = [parsed.data.operation ?? []].flat().map((each) => ({
    reference: each.merchantReference,
    operationId: each.operationId,
    kind: each.kind,
    currency: each.currency,
    minorUnits: each.minorUnits,
  }));
  return { kind: 'page', operations, next: parsed.data.next };
}
