import {
  type ClientRequest,
  type IncomingMessage,
  Agent as PlainAgent,
  request as plainRequest,
} from 'node:http';
import { Agent as SecureAgent, request as secureRequest } from 'node:https';
import { guardXml, SOAP_BYTES_MAX } from '@holdfast/shared/lib/xml-guard.ts';
import type { Clock } from '@holdfast/shared/runtime/clock.ts';
import type { IHttpClient } from 'soap';

/** Connections to the acquirer at once; more calls wait for one within their deadline. */
export const CONNECTIONS_MAX = 64;
/** An idle connection is given up before servers usually do. */
const IDLE_MS_MAX = 4_000;

export interface SoapHttp extends IHttpClient {
  close(): void;
}

type Done = (error: Error | null, response?: { status: number }, body?: string) => void;

/** In place of the library's own client: bounded, guarded, and with a deadline over the whole. */
export function createSoapHttp(options: {
  readonly url: () => string;
  readonly clock: Clock;
  readonly timeoutMs: number;
}): SoapHttp {
  const keep = { keepAlive: true, maxSockets: CONNECTIONS_MAX, timeout: IDLE_MS_MAX };
  const agents = { plain: new PlainAgent(keep), secure: new SecureAgent(keep) };
  const request = (xml: string, done: Done, headers: object): void => {
    const url = options.url();
    const body = Buffer.from(xml);
    const isSecure = url.startsWith('https:');
    const agent = isSecure ? agents.secure : agents.plain;
    const send = isSecure ? secureRequest : plainRequest;
    const sent = send(url, {
      method: 'POST',
      agent,
      headers: {
        ...headers,
        accept: 'text/xml, application/soap+xml',
        'content-length': body.length,
      },
    });
    exchange(sent, { ...options, done });
    sent.end(body);
  };
  return {
    // The library takes the answer by the callback alone; the promise is a leftover of its own
    // client.
    request: ((...[, xml, done, headers = {}]: [string, string, Done, object?]) =>
      request(xml, done, headers)) as unknown as IHttpClient['request'],
    close() {
      agents.plain.destroy();
      agents.secure.destroy();
    },
  };
}

function exchange(
  sent: ClientRequest,
  { clock, timeoutMs, done }: { clock: Clock; timeoutMs: number; done: Done },
): void {
  let isOver = false;
  const finish: Done = (error, response, body) => {
    if (isOver) return;
    isOver = true;
    timer.cancel();
    // Its connection is not used again: what else comes on it belongs to nobody.
    if (error) sent.destroy();
    done(error, response, body);
  };
  const timer = clock.after(timeoutMs, () => finish(new Error(`no answer in ${timeoutMs} ms`)));
  sent.on('error', (error) => finish(error));
  sent.on('close', () => {
    // Also after each answer: an error is made only when it is told.
    if (!isOver) finish(new Error('the connection closed before the answer'));
  });
  sent.on('response', (response) => collect(response, finish));
}

function collect(response: IncomingMessage, finish: Done): void {
  const chunks: Buffer[] = [];
  let bytes = 0;
  response.on('data', (chunk: Buffer) => {
    bytes += chunk.length;
    if (bytes > SOAP_BYTES_MAX) finish(new Error(`an answer of more than ${SOAP_BYTES_MAX} bytes`));
    else chunks.push(chunk);
  });
  response.on('error', (error) => finish(error));
  response.on('aborted', () => finish(new Error('the answer was cut')));
  response.on('end', () => {
    const verdict = guardXml(Buffer.concat(chunks, bytes));
    if (verdict.kind === 'refused') return finish(new Error(`an answer with ${verdict.reason}`));
    return finish(null, { status: response.statusCode ?? 0 }, verdict.text);
  });
}

const NEVER_SENT = new Set([
  'ECONNREFUSED',
  'ENOTFOUND',
  'EAI_AGAIN',
  'EHOSTUNREACH',
  'ENETUNREACH',
]);

/** True when there was no connection, so that nothing can have been done. */
export function isNeverSent(error: unknown): boolean {
  return error instanceof Error && NEVER_SENT.has((error as NodeJS.ErrnoException).code ?? '');
}
