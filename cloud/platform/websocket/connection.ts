import type { Principal } from '@holdfast/shared/contracts/roles.ts';
import { AppError, toldOf } from '@holdfast/shared/lib/app-error.ts';
import type { Clock, Timer } from '@holdfast/shared/runtime/clock.ts';
import type { FailureLog } from '@holdfast/shared/runtime/failure-log.ts';
import type { Runtime } from '@holdfast/shared/runtime/runtime.ts';
import { type Channel, channelUnknown, type Subscription } from './channel.ts';
import {
  type ClientFrame,
  clientFrameSchema,
  formatResumeToken,
  parseResumeToken,
  type ServerFrame,
} from './frames.ts';
import { CONNECTION_MS_MAX, HEARTBEAT_MS, MESSAGES_MAX, MESSAGES_WINDOW_MS } from './websocket.ts';

/** RFC 6455 §7.4.1. */
export const GOING_AWAY = 1001;
export const POLICY_VIOLATION = 1008;
/** RFC 6455 §5.5: a closing frame has 125 bytes, two of them for the code. */
const REASON_BYTES_MAX = 123;

/** The socket below a connection. */
export interface FrameSocket {
  readonly open: boolean;
  send(text: string): void;
  ping(): void;
  close(code: number, reason: string): void;
  /** At once, without a word. */
  terminate(): void;
  buffered(): number;
}

export interface Connection {
  received(text: string): void;
  answeredPing(): void;
  /** Tells where the client stood, and closes. */
  drain(): void;
  /** The socket is closed. */
  closed(): void;
}

export interface ConnectionOptions {
  readonly socket: FrameSocket;
  readonly principal: Principal;
  readonly channels: ReadonlyMap<string, Channel>;
  readonly clock: Clock;
  readonly failures: FailureLog;
}

export function openConnection(options: ConnectionOptions): Connection {
  const { socket, principal, channels, clock, failures } = options;
  const subscriptions = new Map<string, Subscription>();
  const send = (frame: ServerFrame): void => socket.send(JSON.stringify(frame));
  const listener = {
    principal,
    get open() {
      return socket.open;
    },
    send: socket.send,
    buffered: socket.buffered,
  };
  const subscribe = async (name: string, cursor: string | undefined): Promise<void> => {
    const channel = channels.get(name);
    if (!channel) throw channelUnknown(name);
    subscriptions.get(name)?.end();
    const subscription = await channel.subscribe(listener, cursor);
    if (socket.open) subscriptions.set(name, subscription);
    else subscription.end();
  };
  const obey = async (frame: ClientFrame): Promise<void> => {
    if (frame.type === 'subscribe') return subscribe(frame.channel, frame.cursor);
    if (frame.type === 'resume') {
      for (const [name, cursor] of parseResumeToken(frame.token)) await subscribe(name, cursor);
      return;
    }
    subscriptions.get(frame.channel)?.end();
    subscriptions.delete(frame.channel);
    send({ type: 'unsubscribed', channel: frame.channel });
  };
  const drain = (): void => {
    const cursors = [...subscriptions].map(([name, each]) => [name, each.cursor()] as const);
    const resumeToken = formatResumeToken(new Map(cursors));
    send({ type: 'closing', resumeToken });
    socket.close(GOING_AWAY, resumeToken.length <= REASON_BYTES_MAX ? resumeToken : '');
  };
  const beat = heartbeat(socket, { clock, tooOld: drain });
  const budget = createBudget(clock);
  // One after the other: an unsubscribe finds what the subscribe before it made.
  let working = Promise.resolve();
  send({ type: 'welcome', channels: [...channels.keys()], heartbeatMs: HEARTBEAT_MS });
  return {
    received(text) {
      const frame = budget() ? readFrame(text) : undefined;
      if (!frame) return socket.close(POLICY_VIOLATION, 'a frame is not valid, or too many came');
      working = working.then(() => obey(frame)).catch((error: unknown) => send(errorFrame(error)));
    },
    answeredPing: beat.answered,
    drain,
    closed() {
      beat.stop();
      for (const subscription of subscriptions.values()) subscription.end();
      subscriptions.clear();
    },
  };

  function errorFrame(error: unknown): ServerFrame {
    failures.report(error, 'a frame of a WebSocket failed');
    if (error instanceof AppError) {
      const { code, message } = toldOf(error);
      return { type: 'error', code, detail: message };
    }
    return { type: 'error', code: 'INTERNAL', detail: 'an internal error' };
  }
}

/** A client that does not answer is gone; one that stays long proves its rights anew. */
function heartbeat(
  socket: FrameSocket,
  { clock, tooOld }: { clock: Runtime['clock']; tooOld: () => void },
) {
  const untilMs = clock.monotonicMs() + CONNECTION_MS_MAX;
  let isAnswered = true;
  let timer: Timer;
  const beat = (): void => {
    if (!isAnswered) socket.terminate();
    else if (clock.monotonicMs() >= untilMs) tooOld();
    else {
      isAnswered = false;
      socket.ping();
      timer = clock.after(HEARTBEAT_MS, beat);
    }
  };
  timer = clock.after(HEARTBEAT_MS, beat);
  return {
    answered() {
      isAnswered = true;
    },
    stop: () => timer.cancel(),
  };
}

/** True as long as the client sends no more than it may. */
function createBudget(clock: Runtime['clock']): () => boolean {
  let count = 0;
  let sinceMs = clock.monotonicMs();
  return () => {
    const nowMs = clock.monotonicMs();
    if (nowMs - sinceMs > MESSAGES_WINDOW_MS) {
      sinceMs = nowMs;
      count = 0;
    }
    count++;
    return count <= MESSAGES_MAX;
  };
}

function readFrame(text: string): ClientFrame | undefined {
  try {
    return clientFrameSchema.safeParse(JSON.parse(text)).data;
  } catch {
    // Not JSON is as wrong as any other frame.
    return undefined;
  }
}
