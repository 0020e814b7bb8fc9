import { ERROR_CODES, type ErrorCode } from '@holdfast/shared/contracts/error-codes.ts';
import { AppError } from '@holdfast/shared/lib/app-error.ts';
import { requestJson } from '@holdfast/shared/runtime/outbound.ts';
import { z } from 'zod';

export const CALL_TIMEOUT_MS = 15_000;

export interface CloudCall<T> {
  readonly cloudUrl: string;
  readonly path: string;
  readonly body: unknown;
  /** PEM: the only authority that is trusted. */
  readonly ca: string;
  readonly answer: z.ZodType<T>;
  readonly timeoutMs?: number | undefined;
}

/** A POST over TLS. What the cloud refuses is thrown as the cloud named it. */
export async function callCloud<T>(call: CloudCall<T>): Promise<T> {
  const { status, body } = await requestJson({
    url: new URL(call.path, call.cloudUrl).href,
    method: 'POST',
    body: call.body,
    ca: call.ca,
    timeoutMs: call.timeoutMs ?? CALL_TIMEOUT_MS,
  });
  if (status !== 200) throw refusalOf(status, body);
  const answer = call.answer.safeParse(body);
  if (answer.success) return answer.data;
  throw new AppError('UNAVAILABLE', `${call.cloudUrl} gave an answer that is not understood`, {
    cause: answer.error,
  });
}

/** Only https, as the secret goes there; anything else is a mistake that we can name. */
export function checkCloudUrl(cloudUrl: string): void {
  const url = URL.parse(cloudUrl);
  if (url?.protocol === 'https:') return;
  const hint =
    url?.protocol === 'http:'
      ? `use ${cloudUrl.replace(/^http:/i, 'https:')}`
      : 'it looks like https://cloud.example:8080';
  throw new AppError('REQUEST_INVALID', `${cloudUrl} is not an https address`, { hint });
}

const problemSchema = z.object({
  code: z.string(),
  detail: z.string(),
  hint: z.string().optional(),
});

function refusalOf(status: number, body: unknown): AppError {
  const problem = problemSchema.safeParse(body);
  if (!problem.success || !(problem.data.code in ERROR_CODES)) {
    return new AppError('UNAVAILABLE', `the cloud answered with status ${status}`);
  }
  const { code, detail, hint } = problem.data;
  return new AppError(code as ErrorCode, detail, hint === undefined ? {} : { hint });
}
