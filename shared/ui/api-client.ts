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
  /** The entity tag of what `get` gave last for the path. */
  tagOf(path: string): string | undefined;
  /** A file, such as an image. */
  bytes(path: string, signal?: AbortSignal): Promise<Blob>;
  /**
   * POST, PUT, PATCH or DELETE. After UNAVAILABLE and DEADLINE_EXCEEDED nobody knows whether it was
   * done: ask again with the same idempotency key.
   */
  change<T>(method: ChangeMethod, path: string, options?: ChangeOptions): Promise<T>;
}

export type ChangeMethod = 'POST' | 'PUT' | 'PATCH' | 'DELETE';

export interface ChangeOptions {
  /** Sent as JSON; a file as it is. */
  readonly body?: object | Blob;
  readonly idempotencyKey?: string;
  /** The entity tag of the version that the change was made from. */
  readonly ifMatch?: string;
}

export interface GetOptions {
  readonly timeoutMs?: number;
  readonly signal?: AbortSignal;
  /** False for what is asked once: then the answer is not kept for If-None-Match. */
  readonly again?: boolean;
}

export const REQUEST_TIMEOUT_MS = 3_000;
/** What the cloud does for it may need calls of its own. */
export const CHANGE_TIMEOUT_MS = 10_000;
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

  const send = createSender(options.fetch);
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

  /** With the session's token; a refused one is replaced once. A refusal of the cloud is thrown. */
  const sendSigned = async (path: string, init: RequestInit, timeoutMs: number) => {
    const sendWith = (token: string): Promise<Response> => {
      const headers = { ...init.headers, authorization: `Bearer ${token}` };
      return send(path, { ...init, headers }, timeoutMs);
    };
    const token = await keeper.accessToken();
    let answer = await sendWith(token);
    if (answer.status === 401) answer = await sendWith(await keeper.replace(token));
    if (answer.status === 401) keeper.end();
    if (!answer.ok && answer.status !== 304) throw await toAppError(answer);
    return answer;
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
      const known = remembered.get(path);
      const init: RequestInit = known ? { headers: { 'if-none-match': known.etag } } : {};
      if (o.signal) init.signal = o.signal;
      const answer = await sendSigned(path, init, o.timeoutMs ?? REQUEST_TIMEOUT_MS);
      if (answer.status === 304 && known) return known.body as T;
      const body = await readBody(answer);
      remember(path, o.again === false ? null : answer.headers.get('etag'), body);
      return body as T;
    },
    tagOf: (path) => remembered.get(path)?.etag,
    async bytes(path, signal) {
      // The address names the bytes, so the browser may keep them.
      const init: RequestInit = { cache: 'default', ...(signal && { signal }) };
      const answer = await sendSigned(path, init, CHANGE_TIMEOUT_MS);
      return answer.blob();
    },
    async change<T>(method: ChangeMethod, path: string, o: ChangeOptions = {}): Promise<T> {
      const init = { method, headers: changeHeaders(o), body: changeBody(o) };
      const answer = await sendSigned(path, init, CHANGE_TIMEOUT_MS);
      return (answer.status === 204 ? undefined : await readBody(answer)) as T;
    },
  };
}

type Send = (path: string, init: RequestInit, timeoutMs: number) => Promise<Response>;

/** Every request has a deadline; without an answer it is UNAVAILABLE or DEADLINE_EXCEEDED. */
function createSender(fetch: ApiClientOptions['fetch']): Send {
  return async (path: string, init: RequestInit, timeoutMs: number): Promise<Response> => {
    const deadline = AbortSignal.timeout(timeoutMs);
    const signal = init.signal ? AbortSignal.any([init.signal, deadline]) : deadline;
    try {
      return await fetch(path, { cache: 'no-store', ...init, signal });
    } catch (cause) {
      if (init.signal?.aborted) throw cause;
      if (deadline.aborted) throw new AppError('DEADLINE_EXCEEDED', 'no answer in time', { cause });
      throw new AppError('UNAVAILABLE', 'the cloud cannot be reached', { cause });
    }
  };
}

function changeHeaders({ body, idempotencyKey, ifMatch }: ChangeOptions): Record<string, string> {
  return {
    // A POST without a body is JSON, too: any other type could be sent by a form of another site.
    'content-type': body instanceof Blob ? body.type : 'application/json',
    ...(idempotencyKey !== undefined && { 'idempotency-key': idempotencyKey }),
    ...(ifMatch !== undefined && { 'if-match': ifMatch }),
  };
}

function changeBody({ body }: ChangeOptions): BodyInit | null {
  if (body === undefined) return null;
  return body instanceof Blob ? body : JSON.stringify(body);
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
  const fields = (problem.errors ?? []).filter((field) => typeof field?.pointer === 'string');
  const words = problem.detail ?? problem.title ?? ERROR_CODES[known].title;
  return new AppError(known, words, { fields });
}

interface Problem {
  readonly type?: string;
  readonly title?: string;
  readonly detail?: string;
  readonly errors?: readonly { readonly pointer: string; readonly detail: string }[];
}

function parseProblem(text: string): Problem {
  try {
    return (JSON.parse(text) ?? {}) as Problem;
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
