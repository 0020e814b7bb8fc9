import { fileURLToPath } from 'node:url';
import type { Runtime } from '@holdfast/shared/runtime/runtime.ts';
import { type Client, createClientAsync } from 'soap';
import type {
  Acquirer,
  AcquirerDayPage,
  AcquirerFinding,
  AcquirerOrder,
  AcquirerOutcome,
  OperationRef,
} from './acquirer.ts';
import { parseAnswer, parseDay, parseFault } from './soap-answer.ts';
import { createSoapHttp, isNeverSent } from './soap-http.soap.ts';
import { usernameToken } from './username-token.ts';

const WSDL = fileURLToPath(new URL('../../../proto/payment.wsdl', import.meta.url));
export const ACQUIRER_TIMEOUT_MS = 3_000;

export interface SoapAcquirerOptions {
  /** Where it answers, asked at each call. */
  readonly url: () => string;
  readonly username: string;
  readonly secretPassword: string;
  readonly runtime: Pick<Runtime, 'clock' | 'random'>;
  readonly version?: '1.1' | '1.2';
  /** Of each call, from the connection to the last byte. */
  readonly timeoutMs?: number;
}

/**
 * An acquirer that speaks SOAP. The WSDL is read once; connections are kept; each request gets a
 * fresh UsernameToken.
 */
export async function openSoapAcquirer(options: SoapAcquirerOptions): Promise<Acquirer> {
  const { url, runtime, timeoutMs = ACQUIRER_TIMEOUT_MS } = options;
  const http = createSoapHttp({ url, clock: runtime.clock, timeoutMs });
  const client = await createClientAsync(WSDL, {
    httpClient: http,
    forceSoap12Headers: options.version === '1.2',
    // The cache would give both versions one document, and the options live in it.
    disableCache: true,
  });
  client.addSoapHeader(() => usernameToken(options));
  return {
    send: (order) => send(client, order),
    ask: (question) => ask(client, question),
    listDay: (day, after) => listDay(client, day, after),
    close: async () => http.close(),
  };
}

const METHODS = {
  authorise: 'Authorise',
  capture: 'Capture',
  void: 'Void',
  refund: 'Refund',
} as const;

async function send(client: Client, order: AcquirerOrder): Promise<AcquirerOutcome> {
  const { reference, operationId, orderId, currency, minorUnits, token } = order;
  const request = {
    merchantReference: reference,
    operationId,
    ...(order.kind === 'authorise' && { orderId }),
    currency,
    minorUnits: String(minorUnits),
    token,
  };
  const called = await call(client, METHODS[order.kind], request);
  if (called.kind === 'failed') return outcomeOfError(called.error);
  const answer = parseAnswer(called.answer, order);
  if (answer.kind === 'absent') return { kind: 'unknown', detail: 'an answer that is none' };
  return answer;
}

async function ask(client: Client, question: OperationRef): Promise<AcquirerFinding> {
  const { reference, operationId } = question;
  const called = await call(client, 'Query', { merchantReference: reference, operationId });
  if (called.kind === 'failed') return { kind: 'unknown', detail: messageOf(called.error) };
  return parseAnswer(called.answer, question);
}

async function listDay(client: Client, day: string, after?: string): Promise<AcquirerDayPage> {
  const called = await call(client, 'ListDay', after === undefined ? { day } : { day, after });
  if (called.kind === 'failed') return { kind: 'unknown', detail: messageOf(called.error) };
  return parseDay(called.answer);
}

type Called =
  | { readonly kind: 'answered'; readonly answer: unknown }
  | { readonly kind: 'failed'; readonly error: unknown };

type Method = (request: object, done: (error: unknown, answer: unknown) => void) => void;

/** What the library throws or hands over as an error is judged by the caller, never lost. */
function call(client: Client, name: string, request: object): Promise<Called> {
  const method = client[name] as Method;
  return new Promise((resolve) => {
    method(request, (error, answer) => {
      resolve(error ? { kind: 'failed', error } : { kind: 'answered', answer });
    });
  });
}

function outcomeOfError(error: unknown): AcquirerOutcome {
  const fault = parseFault(error);
  if (fault) return fault;
  const detail = messageOf(error);
  return isNeverSent(error) ? { kind: 'retryable', detail } : { kind: 'unknown', detail };
}

const DETAIL_CHARS_MAX = 200;

function messageOf(error: unknown): string {
  const text = error instanceof Error ? error.message : JSON.stringify(error);
  return (text || 'no answer').slice(0, DETAIL_CHARS_MAX);
}
