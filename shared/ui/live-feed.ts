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
  return new ChannelFeed(options);
}

type Timer = ReturnType<typeof setTimeout>;
type Place = { readonly cursor: string } | { readonly token: string };

class ChannelFeed implements LiveFeed {
  readonly isLive = createObservable(false);
  readonly #options: LiveFeedOptions;
  readonly #listeners = new Set<LiveListener>();
  #line: Line | undefined;
  #place: Place | undefined;
  #failureCount = 0;
  #retryTimer: Timer | undefined;
  #openingTimer: Timer | undefined;
  #lingerTimer: Timer | undefined;

  constructor(options: LiveFeedOptions) {
    this.#options = options;
  }

  follow(listener: LiveListener): () => void {
    clearTimeout(this.#lingerTimer);
    this.#listeners.add(listener);
    this.#open();
    return () => {
      this.#listeners.delete(listener);
      if (this.#listeners.size > 0) return;
      this.#lingerTimer = setTimeout(() => this.#drop(), LINGER_MS);
    };
  }

  renew(): void {
    if (this.#line !== undefined) this.#lose();
  }

  stop(): void {
    this.#listeners.clear();
    clearTimeout(this.#lingerTimer);
    this.#drop();
  }

  #open(): void {
    if (this.#line !== undefined || this.#listeners.size === 0) return;
    clearTimeout(this.#retryTimer);
    const line: Line = {};
    this.#line = line;
    this.#openingTimer = setTimeout(() => this.#lose(), OPENING_TIMEOUT_MS);
    this.#options.ticket().then(
      (ticket) => this.#connect(line, ticket),
      // Why there is none, the page's own requests say.
      () => this.#lose(line),
    );
  }

  #connect(line: Line, ticket: string): void {
    if (this.#line !== line) return;
    line.socket = this.#options.connect(ticket, {
      onText: (text) => {
        const frame = readFrame(text);
        if (this.#line === line && frame) this.#obey(frame);
      },
      onClose: () => this.#lose(line),
    });
  }

  /** This line, or whichever there is, ends; another one is tried while somebody follows. */
  #lose(line = this.#line): void {
    if (line !== this.#line) return;
    this.#drop();
    if (this.#listeners.size === 0) return;
    this.#failureCount += 1;
    const pauseMs = backoffMs(this.#failureCount, this.#options.chance());
    this.#retryTimer = setTimeout(() => this.#open(), pauseMs);
  }

  #drop(): void {
    clearTimeout(this.#openingTimer);
    clearTimeout(this.#retryTimer);
    const dropped = this.#line;
    this.#line = undefined;
    this.isLive.set(false);
    dropped?.socket?.close();
  }

  #obey(frame: ServerFrame): void {
    if (frame.type === 'welcome') this.#greet();
    if (frame.type === 'closing' && frame.resumeToken) this.#place = { token: frame.resumeToken };
    if (frame.type === 'error') {
      // The place itself may be what was refused.
      this.#place = undefined;
      this.#lose();
    }
    if (frame.channel !== this.#options.channel) return;
    if (frame.type === 'subscribed') this.#subscribed(frame.cursor);
    if (frame.type === 'event') this.#tell(frame.event, frame.cursor);
    if (frame.type === 'gap') this.#tell(undefined, frame.to);
  }

  #greet(): void {
    const place = this.#place;
    const isResumed = place !== undefined && 'token' in place;
    const words = isResumed
      ? { type: 'resume', token: place.token }
      : { type: 'subscribe', channel: this.#options.channel, ...place };
    this.#line?.socket?.send(JSON.stringify(words));
  }

  #subscribed(cursor: string | undefined): void {
    clearTimeout(this.#openingTimer);
    this.#failureCount = 0;
    const isFirst = this.#place === undefined;
    if (cursor) this.#place = { cursor };
    this.isLive.set(true);
    if (isFirst) this.#tell(undefined, cursor);
  }

  #tell(event: LiveEvent | undefined, cursor: string | undefined): void {
    if (cursor) this.#place = { cursor };
    for (const listener of [...this.#listeners]) listener(event);
  }
}

function readFrame(text: string): ServerFrame | undefined {
  try {
    return JSON.parse(text) as ServerFrame;
  } catch {
    // Not of this protocol; the next frame may be.
    return undefined;
  }
}
