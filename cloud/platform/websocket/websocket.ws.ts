import type { IncomingMessage } from 'node:http';
import type { Duplex } from 'node:stream';
import { AppError } from '@holdfast/shared/lib/app-error.ts';
import { withDeadline } from '@holdfast/shared/runtime/clock.ts';
import { FailureLog } from '@holdfast/shared/runtime/failure-log.ts';
import { problem } from '@holdfast/shared/runtime/http.ts';
import type { Runtime } from '@holdfast/shared/runtime/runtime.ts';
import { type WebSocket, WebSocketServer } from 'ws';
import type { EventLog } from '../event-log/event-log.ts';
import { type Channel, openChannel } from './channel.ts';
import { type Connection, type FrameSocket, openConnection } from './connection.ts';
import type { Tickets } from './ticket.ts';
import { type ChannelDefinition, CONNECTIONS_MAX, MESSAGE_BYTES_MAX } from './websocket.ts';

export const WEBSOCKET_PATH = '/v1/ws';
const DRAIN_MS_MAX = 2_000;

export interface WebSockets {
  /** For the HTTP listener: a request to speak another protocol. */
  upgrade(request: IncomingMessage, socket: Duplex, head: Buffer): void;
  /** Closes each connection with 1001 and a resume token; waits for them, for a moment. */
  drain(): Promise<void>;
}

export interface WebSocketsOptions {
  readonly channels: readonly ChannelDefinition[];
  readonly tickets: Tickets;
  readonly log: EventLog;
  readonly runtime: Runtime;
}

export function openWebSockets({ tickets, runtime, ...options }: WebSocketsOptions): WebSockets {
  const channels = new Map<string, Channel>();
  for (const definition of options.channels) {
    channels.set(definition.name, openChannel({ definition, log: options.log, runtime }));
  }
  const server = new WebSocketServer({
    noServer: true,
    clientTracking: false,
    perMessageDeflate: false,
    maxPayload: MESSAGE_BYTES_MAX,
  });
  const open = new Map<WebSocket, Connection>();
  const { clock } = runtime;
  const failures = new FailureLog(runtime);
  const gauge = runtime.metrics.gauge('holdfast_websocket_connections', 'Open WebSockets.');
  let allClosed = (): void => {};
  let draining = false;
  const admit = async (request: IncomingMessage) => {
    const url = new URL(request.url ?? '', 'http://cloud');
    if (url.pathname !== WEBSOCKET_PATH) throw new AppError('NOT_FOUND', 'no WebSocket is here');
    if (draining || open.size >= CONNECTIONS_MAX) {
      throw new AppError('UNAVAILABLE', 'no more connections are taken here at the moment');
    }
    return tickets.redeem(url.searchParams.get('ticket') ?? undefined);
  };
  const begin = (webSocket: WebSocket, principal: Awaited<ReturnType<typeof admit>>): void => {
    const socket = frameSocket(webSocket);
    const connection = openConnection({ socket, principal, channels, clock, failures });
    open.set(webSocket, connection);
    gauge.set(open.size);
    webSocket.on('message', (data, isBinary) => {
      connection.received(isBinary ? '' : data.toString());
    });
    webSocket.on('pong', connection.answeredPing);
    // Its close follows; what a client does wrong is answered by the code of the close.
    webSocket.on('error', () => webSocket.terminate());
    webSocket.on('close', () => {
      connection.closed();
      open.delete(webSocket);
      gauge.set(open.size);
      if (open.size === 0) allClosed();
    });
    if (draining) connection.drain();
  };
  return {
    upgrade(request, socket, head) {
      socket.on('error', () => socket.destroy());
      admit(request).then(
        (principal) =>
          server.handleUpgrade(request, socket, head, (webSocket) => begin(webSocket, principal)),
        (error: unknown) => refuse(socket, error),
      );
    },
    async drain() {
      draining = true;
      for (const connection of open.values()) connection.drain();
      const closed = new Promise<'closed'>((resolve) => {
        allClosed = () => resolve('closed');
        if (open.size === 0) allClosed();
      });
      const late = (): Error => new AppError('DEADLINE_EXCEEDED', 'clients did not close in time');
      await withDeadline(closed, { clock, ms: DRAIN_MS_MAX, late }).catch(() => {
        // Who does not close is cut; it has its resume token.
        for (const webSocket of open.keys()) webSocket.terminate();
      });
      for (const channel of channels.values()) await channel.stop();
    },
  };
}

function frameSocket(webSocket: WebSocket): FrameSocket {
  const isOpen = (): boolean => webSocket.readyState === webSocket.OPEN;
  return {
    get open() {
      return isOpen();
    },
    send(text) {
      if (isOpen()) webSocket.send(text);
    },
    ping: () => webSocket.ping(),
    close: (code, reason) => webSocket.close(code, reason),
    terminate: () => webSocket.terminate(),
    buffered: () => webSocket.bufferedAmount,
  };
}

/** As every other path would: a problem document. */
async function refuse(socket: Duplex, error: unknown): Promise<void> {
  const answer = problem(error);
  const body = await answer.text();
  const head = [
    `HTTP/1.1 ${answer.status} ${error instanceof AppError ? error.code : 'INTERNAL'}`,
    'connection: close',
    `content-length: ${Buffer.byteLength(body)}`,
    ...[...answer.headers].map(([name, value]) => `${name}: ${value}`),
  ];
  socket.end(`${head.join('\r\n')}\r\n\r\n${body}`);
}
