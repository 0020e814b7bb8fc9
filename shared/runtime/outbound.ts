import { X509Certificate } from 'node:crypto';
import { type IncomingMessage, request as plainRequest } from 'node:http';
import { request as secureRequest } from 'node:https';
import { connect, type DetailedPeerCertificate } from 'node:tls';
import { AppError } from '../lib/app-error.ts';

/**
 * Calls from this process to another, each with a deadline over the whole exchange and a bound on
 * the answer.
 */

const ANSWER_BYTES_MAX = 1_048_576;
const CHAIN_LENGTH_MAX = 10;

export interface OutboundRequest {
  readonly url: string;
  readonly method?: 'GET' | 'POST' | 'PUT' | 'PATCH' | 'DELETE';
  /** Sent as JSON. */
  readonly body?: unknown;
  readonly headers?: Readonly<Record<string, string>>;
  /** PEM: the only authority that is trusted; replaces the system's roots. */
  readonly ca?: string;
  readonly timeoutMs: number;
}

export interface OutboundAnswer {
  readonly status: number;
  /** The parsed JSON; undefined when the answer has no body. */
  readonly body: unknown;
}

/**
 * Any status is an answer; redirects are not followed. Throws UNAVAILABLE when there is no answer,
 * DEADLINE_EXCEEDED when it is late, and CERTIFICATE_REJECTED when the server does not prove who it
 * is; nothing was sent in that case.
 */
export async function requestJson(options: OutboundRequest): Promise<OutboundAnswer> {
  const signal = AbortSignal.timeout(options.timeoutMs);
  const text = options.body === undefined ? undefined : JSON.stringify(options.body);
  try {
    const response = await send(options, { text, signal });
    const body = await readBody(response, signal);
    return { status: response.statusCode ?? 0, body: parseBody(body, options.url) };
  } catch (cause) {
    throw signal.aborted ? late(options) : outboundError(options.url, cause);
  }
}

/**
 * The certificates that a TLS server shows, leaf first. Nobody is trusted and nothing is sent: this
 * is for finding out whether the server is the pinned one before a connection is made that trusts
 * only that.
 */
export function presentedChain(options: {
  readonly url: string;
  readonly timeoutMs: number;
}): Promise<X509Certificate[]> {
  const { hostname, port } = new URL(options.url);
  const host = hostname.replace(/^\[(.*)\]$/, '$1');
  return new Promise((resolve, reject) => {
    const socket = connect({
      host,
      port: Number(port || 443),
      ...(isAddress(host) ? {} : { servername: host }),
      rejectUnauthorized: false,
    });
    const timer = setTimeout(() => socket.destroy(late(options)), options.timeoutMs);
    socket.once('secureConnect', () => {
      resolve(chainOf(socket.getPeerCertificate(true)));
      socket.destroy();
    });
    socket.once('error', (cause) => reject(outboundError(options.url, cause)));
    socket.once('close', () => {
      clearTimeout(timer);
      const message = `${options.url} closed the connection`;
      reject(new AppError('UNAVAILABLE', message, { operatorOnly: true }));
    });
  });
}

interface Sending {
  readonly text: string | undefined;
  readonly signal: AbortSignal;
}

function send(options: OutboundRequest, { text, signal }: Sending): Promise<IncomingMessage> {
  const url = new URL(options.url);
  const secure = url.protocol === 'https:';
  const headers = {
    accept: 'application/json',
    ...(text === undefined
      ? {}
      : { 'content-type': 'application/json', 'content-length': Buffer.byteLength(text) }),
    ...options.headers,
  };
  return new Promise((resolve, reject) => {
    const sent = (secure ? secureRequest : plainRequest)(
      url,
      {
        method: options.method ?? (text === undefined ? 'GET' : 'POST'),
        headers,
        signal,
        // One connection per call: these are rare, and a kept one would outlive a change of the
        // trusted authority.
        agent: false,
        ...(secure && options.ca !== undefined ? { ca: options.ca } : {}),
      },
      resolve,
    );
    sent.on('error', reject);
    sent.end(text);
  });
}

async function readBody(response: IncomingMessage, signal: AbortSignal): Promise<string> {
  const chunks: Buffer[] = [];
  let bytes = 0;
  for await (const chunk of response as AsyncIterable<Buffer>) {
    bytes += chunk.length;
    if (bytes > ANSWER_BYTES_MAX) {
      response.destroy();
      throw new AppError('UNAVAILABLE', `the answer is larger than ${ANSWER_BYTES_MAX} bytes`);
    }
    signal.throwIfAborted();
    chunks.push(chunk);
  }
  return Buffer.concat(chunks).toString();
}

function parseBody(text: string, url: string): unknown {
  if (text === '') return undefined;
  try {
    return JSON.parse(text);
  } catch (cause) {
    throw new AppError('UNAVAILABLE', `${url} did not answer with JSON`, {
      cause,
      hint: 'check that the address is that of a Holdfast cloud',
      operatorOnly: true,
    });
  }
}

function chainOf(leaf: DetailedPeerCertificate): X509Certificate[] {
  const chain: X509Certificate[] = [];
  let at: DetailedPeerCertificate | undefined = leaf;
  // A self-signed authority names itself as its issuer.
  while (at?.raw && chain.length < CHAIN_LENGTH_MAX) {
    chain.push(new X509Certificate(at.raw));
    at = at.issuerCertificate === at ? undefined : at.issuerCertificate;
  }
  return chain;
}

function isAddress(host: string): boolean {
  return host.includes(':') || /^\d+(\.\d+){3}$/.test(host);
}

function late(options: { url: string; timeoutMs: number }): AppError {
  const message = `${options.url} did not answer within ${options.timeoutMs} ms`;
  return new AppError('DEADLINE_EXCEEDED', message, { operatorOnly: true });
}

/** OpenSSL's verdicts on a chain, and Node's on a name. */
const CERTIFICATE_ERROR =
  /^(ERR_TLS_CERT_|CERT_|UNABLE_TO_|DEPTH_ZERO_|SELF_SIGNED_|INVALID_(CA|PURPOSE)|PATH_LENGTH_)/;

function outboundError(url: string, cause: unknown): AppError {
  if (cause instanceof AppError) return cause;
  const { code = '', message = String(cause) } = cause as NodeJS.ErrnoException;
  if (CERTIFICATE_ERROR.test(code)) {
    return new AppError('CERTIFICATE_REJECTED', `the certificate of ${url} is refused: ${code}`, {
      cause,
      hint:
        code === 'ERR_TLS_CERT_ALTNAME_INVALID'
          ? 'the certificate does not name this host; use a name that the cloud is configured with'
          : 'check the address, the authority and the clock of this machine',
      operatorOnly: true,
    });
  }
  return new AppError('UNAVAILABLE', `${url} cannot be reached: ${code || message}`, {
    cause,
    operatorOnly: true,
  });
}
