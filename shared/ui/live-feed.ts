import { createObservable, type Observable } from './observable.ts';
import { backoffMs } from './poll.ts';

/** An event of a channel, as proto/asyncapi.yaml says. */
export interface LiveEvent {
  readonly id: string;
  readonly type: string;
  readonly subject: string;
  readonly time: string;
}

/** What the browser's WebSocket is to this file. */
export interface LiveSocket {
  send(text: string): void;
  close(): void;
}

export interface LiveSocketEvents {
  readonly onText: (text: string) => void;
  readonly onClose: () => void;
}

export interface LiveFeedOptions {
  readonly channel: string;
  /** Draws a ticket: good once, and no token is ever in an address. */
  readonly ticket: () => Promise<string>;
  readonly connect: (ticket: string, events: LiveSocketEvents) => LiveSocket;
  /** From 0 to 1. */
  readonly chance: () => number;
}

/** `undefined`: anything may have changed, as after a gap. */
export type LiveListener = (event: LiveEvent | undefined) => void;

export interface LiveFeed {
  /** Whether changes are told as they happen. */
  readonly isLive: Observable<boolean>;
  follow(listener: LiveListener): () => void;
  /** The cloud does not answer: this connection is not to be believed any more. */
  renew(): void;
  stop(): void;
}

/** One connection; another one takes its place when it is lost. */
interface Line {
  socket?: LiveSocket;
}

/** From the ticket to `subscribed`. */
export const OPENING_TIMEOUT_MS = 5_000;
/** A connection outlives its last follower by this: the next page mostly follows the same. */
export const LINGER_MS = 5_000;

interface ServerFrame {
  readonly type: string;
  readonly channel?: string;
  readonly cursor?: string;
  readonly to?: string;
  readonly resumeToken?: string;
  readonly event?: LiveEvent;
}

/**
 * One channel of /v1/ws, open while somebody follows it. What came while it was away is asked for
 * by the last cursor, or by the token with which the cloud said goodbye.
 */
export function openLiveFeed(options: LiveFeedOptions): LiveFeed {
  const { channel } = options;
  const isLive = createObservable(false);
  const listeners = new Set<LiveListener>();
  let line: Line | 'opening' | undefined;
  let place: { readonly cursor: string } | { readonly token: string } | undefined;
  let failureCount = 0;
  let retryTimer: ReturnType<typeof setTimeout> | undefined;
  let openingTimer: ReturnType<typeof setTimeout> | undefined;
  let lingerTimer: ReturnType<typeof setTimeout> | undefined;

  const tell = (event: LiveEvent | undefined): void => {
    for (const listener of [...listeners]) listener(event);
  };
  const open = async (): Promise<void> => {
    if (line !== undefined || listeners.size === 0) return;
    line = 'opening';
    openingTimer = setTimeout(lose, OPENING_TIMEOUT_MS);
    const ticket = await options.ticket().catch(() => undefined);
    if (line !== 'opening') return;
    // Why there is none, the page's own requests say.
    if (ticket === undefined) return lose();
    const opened: Line = {};
    line = opened;
    opened.socket = options.connect(ticket, {
      onText(text) {
        const frame = readFrame(text);
        if (line === opened && frame) obey(frame);
      },
      onClose() {
        if (line === opened) lose();
      },
    });
  };
  const drop = (): void => {
    clearTimeout(openingTimer);
    clearTimeout(retryTimer);
    const dropped = line;
    line = undefined;
    isLive.set(false);
    if (dropped !== undefined && dropped !== 'opening') dropped.socket?.close();
  };
  function lose(): void {
    drop();
    if (listeners.size === 0) return;
    failureCount += 1;
    retryTimer = setTimeout(open, backoffMs(failureCount, options.chance()));
  }
  const greet = (): void => {
    const words = JSON.stringify(greeting(channel, place));
    if (line !== undefined && line !== 'opening') line.socket?.send(words);
  };
  const obey = (frame: ServerFrame): void => {
    if (frame.type === 'welcome') greet();
    else if (frame.type === 'closing' && frame.resumeToken) place = { token: frame.resumeToken };
    else if (frame.type === 'error') {
      // The place itself may be what was refused.
      place = undefined;
      lose();
    } else if (frame.channel !== channel) return;
    else if (frame.type === 'subscribed') subscribed(frame.cursor);
    else if (frame.type === 'event') {
      if (frame.cursor) place = { cursor: frame.cursor };
      tell(frame.event);
    } else if (frame.type === 'gap') {
      if (frame.to) place = { cursor: frame.to };
      tell(undefined);
    }
  };
  const subscribed = (cursor: string | undefined): void => {
    clearTimeout(openingTimer);
    failureCount = 0;
    const isResumed = place !== undefined;
    if (cursor) place = { cursor };
    isLive.set(true);
    if (!isResumed) tell(undefined);
  };
  return {
    isLive,
    follow(listener) {
      clearTimeout(lingerTimer);
      listeners.add(listener);
      void open();
      return () => {
        listeners.delete(listener);
        if (listeners.size === 0) lingerTimer = setTimeout(drop, LINGER_MS);
      };
    },
    renew: () => void (line !== undefined && lose()),
    stop() {
      listeners.clear();
      clearTimeout(lingerTimer);
      drop();
    },
  };
}

function greeting(
  channel: string,
  place: { readonly cursor: string } | { readonly token: string } | undefined,
): object {
  if (place && 'token' in place) return { type: 'resume', token: place.token };
  return { type: 'subscribe', channel, ...place };
}

function readFrame(text: string): ServerFrame | undefined {
  try {
    return JSON.parse(text) as ServerFrame;
  } catch {
    // Not of this protocol; the next frame may be.
    return undefined;
  }
}
