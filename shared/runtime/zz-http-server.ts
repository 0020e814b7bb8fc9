import {
  createServer as createHttpServer,
  type IncomingMessage,
  type Server as PlainServer,
  type ServerResponse,
} from 'node:http';
import { createServer as createTlsServer, type Server as SecureServer } from 'node:https';
import {
  type AddressInfo,
  createServer as createTcpServer,
  type Server,
  type Socket,
} from 'node:net';
import type { Duplex } from 'node:stream';
import { getRequestListener } from '@hono/node-server';
import { AppError } from '../lib/app-error.ts';
import type { HttpApp } from './http.ts';

const HEADERS_TIMEOUT_MS = 10_000;
const FIRST_BYTE_TIMEOUT_MS = 10_000;
const CLOSE_TIMEOUT_MS = 3_000;
/** RFC 8446 §5.1: the first byte of a TLS handshake record. */
const TLS_HANDSHAKE = 0x16;

export interface HttpServerOptions {
  readonly host: string;
  readonly port: number;
  /** The setting that chose the port, named when the port is in use. */
  readonly setting: string;
  /** PEM texts. Without them only loopback is served. */
  readonly tls?: { readonly key: string; readonly cert: string };
  /** Takes over the sockets of requests for a WebSocket. */
  readonly upgrade?: UpgradeHandler;
}

export type UpgradeHandler = (request: IncomingMessage, socket: Duplex, head: Buffer) => void;

export interface HttpServer {
  readonly port: number;
  readonly url: string;
  /** Ends idle connections at once and the others after a deadline. */
  close(): Promise<void>;
}

/**
 * Serves the app. With `tls`, one port answers both TLS and plain HTTP, told apart by the first
 * byte; off loopback a plain request is redirected to https, because pages need a secure context
 * there.
 */
export async function serveHttp(app: HttpApp, options: HttpServerOptions): Promise<HttpServer> {
  const loopback = isLoopback(options.host);
  if (!loopback && !options.tls) {
    throw new AppError('CONFIG_INVALID', `plain HTTP is not served on ${options.host}`, {
      hint: 'give the server a certificate, or listen on 127.0.0.1',
    });
  }
  const listener = getRequestListener(app.fetch, { overrideGlobalObjects: true });
  const { tls, upgrade } = options;
  // Any other protocol that a client offers is passed over: it is answered in HTTP/1.1.
  const shouldUpgradeCallback = (request: IncomingMessage): boolean =>
    upgrade !== undefined && request.headers.upgrade?.toLowerCase() === 'websocket';
  const plain = createHttpServer({ shouldUpgradeCallback }, loopback ? listener : redirectToHttps);
  const secure = tls ? createTlsServer({ ...tls, shouldUpgradeCallback }, listener) : undefined;
  const speaking = loopback ? [plain, secure] : [secure];
  if (upgrade) for (const server of speaking) server?.on('upgrade', upgrade);
  const connections = trackConnections(secure ? [plain, secure] : [plain]);
  const front = createTcpServer((socket) => {
    connections.opened(socket);
    dispatch(socket, plain, secure);
  });
  const port = await listen(front, options);
  const scheme = loopback ? 'http' : 'https';
  return {
    port,
    url: `${scheme}://${options.host}:${port}`,
    close: () => closeAll(front, connections),
  };
}

export function isLoopback(host: string): boolean {
  return host === 'localhost' || host === '::1' || /^127\./.test(host);
}

type Acceptor = Pick<PlainServer, 'emit'>;

function dispatch(socket: Socket, plain: Acceptor, secure: Acceptor | undefined): void {
  // A socket that never speaks or resets is no news; it is dropped after its deadline.
  socket.on('error', () => socket.destroy());
  socket.setTimeout(FIRST_BYTE_TIMEOUT_MS, () => socket.destroy());
  socket.once('data', (chunk: Buffer) => {
    socket.setTimeout(0);
    socket.removeAllListeners('timeout');
    socket.pause();
    socket.unshift(chunk);
    const target = chunk[0] === TLS_HANDSHAKE && secure ? secure : plain;
    target.emit('connection', socket);
    process.nextTick(() => socket.resume());
  });
}

function listen(front: Server, options: HttpServerOptions) {
  return new Promise<number>((resolve, reject) => {
    front.once('error', (cause: NodeJS.ErrnoException) => {
      const address = `${options.host}:${options.port}`;
      reject(
        new AppError('PORT_IN_USE', `cannot listen on ${address}: ${cause.code ?? cause.message}`, {
          cause,
          hint: `choose another port with the setting ${options.setting}`,
        }),
      );
    });
    front.listen(options.port, options.host, () => resolve((front.address() as AddressInfo).port));
  });
}

function redirectToHttps(request: IncomingMessage, response: ServerResponse): void {
  const location = `https://${request.headers.host ?? ''}${request.url ?? '/'}`;
  response.writeHead(308, { location }).end();
}

interface Connections {
  opened(socket: Socket): void;
  /** Cuts what has no request in hand, now and as soon as it has none. */
  drain(): void;
  cut(): void;
}

/**
 * Which sockets have a request in hand. A TLS socket and the raw one below it are the same peer.
 */
function trackConnections(servers: readonly (PlainServer | SecureServer)[]): Connections {
  const open = new Map<string, Socket>();
  const busy = new Set<string>();
  let draining = false;
  for (const server of servers) {
    server.headersTimeout = HEADERS_TIMEOUT_MS;
    // These servers never listen themselves; this starts their check for slow headers.
    server.emit('listening');
    server.on('request', (request: IncomingMessage, response: ServerResponse) => {
      const peer = peerOf(request.socket);
      busy.add(peer);
      response.on('close', () => {
        busy.delete(peer);
        if (draining) open.get(peer)?.destroy();
      });
    });
  }
  return {
    opened(socket) {
      const peer = peerOf(socket);
      open.set(peer, socket);
      socket.on('close', () => open.delete(peer));
    },
    drain() {
      draining = true;
      for (const [peer, socket] of open) if (!busy.has(peer)) socket.destroy();
    },
    cut() {
      for (const socket of open.values()) socket.destroy();
      for (const server of servers) server.close();
    },
  };
}

function peerOf(socket: Socket): string {
  return `${socket.remoteAddress}:${socket.remotePort}`;
}

async function closeAll(front: Server, connections: Connections): Promise<void> {
  const closed = new Promise<void>((resolve) => front.close(() => resolve()));
  connections.drain();
  const timer = setTimeout(connections.cut, CLOSE_TIMEOUT_MS);
  await closed;
  clearTimeout(timer);
  connections.cut();
}
