import { ERROR_CODES, type ErrorCode } from '../contracts/error-codes.ts';
import { AppError } from '../lib/app-error.ts';
import { createSessionKeeper, type SessionKeeper, type SessionKeeperOptions } from './session.ts';

export interface ApiClientOptions extends Omit<SessionKeeperOptions, 'post'> {
  readonly fetch: (path: string, init: RequestInit) => Promise<Response>;
}

export interface ApiClient {
  readonly keeper: SessionKeeper;
  /**
   * GET with the session's token. An unchanged answer (304) gives the very same object as before,
   * so that nothing is drawn again. Throws an AppError: UNAVAILABLE or DEADLINE_EXCEEDED without an
   * answer, else the problem's own code.
   */
  get<T>(path: string, options?: GetOptions): Promise<T>;
}

export interface GetOptions {
  readonly timeoutMs?: number;
  readonly signal?: AbortSignal;
  /** False for what is asked once: then the answer is not kept for If-None-Match. */
  readonly again?: boolean;
}

export const REQUEST_TIMEOUT_MS = 3_000;
const CODE_PREFIX = 'urn:holdfast:error:';
/**
 * Answers kept for If-None-Match. The oldest leave first; a page asks for far fewer paths at a
 * time.
 */
export const REMEMBERED_ANSWERS_MAX = 32;

interface Remembered {
  readonly etag: string;
  readonly body: unknown;
}

export function createApiClient(options: ApiClientOptions): ApiClient {
  const remembered = new Map<string, Remembered>();

  const send = async (path: string, init: RequestInit, timeoutMs: number): Promise<Response> => {
    const deadline = AbortSignal.timeout(timeoutMs);
    const signal = init.signal ? AbortSignal.any([init.signal, deadline]) : deadline;
    try {
      return await options.fetch(path, { ...init, signal, cache: 'no-store' });
    } catch (cause) {
      if (init.signal?.aborted) throw cause;
      if (deadline.aborted) throw new AppError('DEADLINE_EXCEEDED', 'no answer in time', { cause });
      throw new AppError('UNAVAILABLE', 'the cloud cannot be reached', { cause });
    }
  };
  const post = async (path: string, body: unknown): Promise<unknown> => {
    const headers = { 'content-type': 'application/json' };
    const init = { method: 'POST', headers, body: JSON.stringify(body) };
    const answer = await send(path, init, 2 * REQUEST_TIMEOUT_MS);
    if (!answer.ok) throw await toAppError(answer);
    return readBody(answer);
  };
  const keeper = createSessionKeeper({ ...options, post });
  keeper.session.watch((session) => {
    // What one user saw must not answer the next one.
    if (session === undefined) remembered.clear();
  });

  const getOnce = (path: string, token: string, o: GetOptions) => {
    const headers: Record<string, string> = { authorization: `Bearer ${token}` };
    const known = remembered.get(path);
    if (known) headers['if-none-match'] = known.etag;
    const init: RequestInit = o.signal ? { headers, signal: o.signal } : { headers };
    return send(path, init, o.timeoutMs ?? REQUEST_TIMEOUT_MS);
  };
  const remember = (path: string, etag: string | null, body: unknown): void => {
    remembered.delete(path);
    if (etag === null) return;
    remembered.set(path, { etag, body });
    const oldest = remembered.keys().next();
    if (remembered.size > REMEMBERED_ANSWERS_MAX && !oldest.done) remembered.delete(oldest.value);
  };

  return {
    keeper,
    async get<T>(path: string, o: GetOptions = {}): Promise<T> {
      const token = await keeper.accessToken();
      let answer = await getOnce(path, token, o);
      if (answer.status === 401) answer = await getOnce(path, await keeper.replace(token), o);
      if (answer.status === 401) keeper.end();
      const known = remembered.get(path);
      if (answer.status === 304 && known) return known.body as T;
      if (!answer.ok) throw await toAppError(answer);
      const body = await readBody(answer);
      remember(path, o.again === false ? null : answer.headers.get('etag'), body);
      return body as T;
    },
  };
}

async function readBody(answer: Response): Promise<unknown> {
  try {
    return await answer.json();
  } catch (cause) {
    // Cut off in mid-answer, or not our cloud that answers.
    throw new AppError('UNAVAILABLE', 'the answer could not be read', { cause });
  }
}

/** The problem document's own code and words, or what the status alone tells. */
async function toAppError(answer: Response): Promise<AppError> {
  const text = await answer.text().catch(() => '');
  const problem = parseProblem(text);
  const code = problem.type?.startsWith(CODE_PREFIX) ? problem.type.slice(CODE_PREFIX.length) : '';
  const known = code in ERROR_CODES ? (code as ErrorCode) : codeOfStatus(answer.status);
  return new AppError(known, problem.detail ?? problem.title ?? ERROR_CODES[known].title);
}

function parseProblem(text: string): { type?: string; title?: string; detail?: string } {
  try {
    return (JSON.parse(text) ?? {}) as { type?: string; title?: string; detail?: string };
  } catch {
    // A proxy's page, not a problem document: the status has to do.
    return {};
  }
}

function codeOfStatus(status: number): ErrorCode {
  if (status === 401) return 'TOKEN_INVALID';
  if (status === 403) return 'FORBIDDEN';
  if (status === 404) return 'NOT_FOUND';
  if (status === 429) return 'RATE_LIMITED';
  return status >= 500 ? 'UNAVAILABLE' : 'REQUEST_INVALID';
}
