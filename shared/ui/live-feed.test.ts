import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import {
  LINGER_MS,
  type LiveEvent,
  type LiveFeed,
  type LiveSocketEvents,
  OPENING_TIMEOUT_MS,
  openLiveFeed,
} from './live-feed.ts';

interface Line extends LiveSocketEvents {
  readonly ticket: string;
  readonly said: { type: string; cursor?: string; token?: string }[];
  closed: boolean;
}

let lines: Line[];
let tickets: number;
let giveTicket: () => Promise<string>;
let told: (string | undefined)[];
let feed: LiveFeed;

beforeEach(() => {
  vi.useFakeTimers();
  lines = [];
  tickets = 0;
  told = [];
  giveTicket = async () => {
    tickets += 1;
    return `ticket-${tickets}`;
  };
  feed = openLiveFeed({
    channel: 'orders',
    ticket: () => giveTicket(),
    chance: () => 0,
    connect(ticket, events) {
      const line: Line = { ...events, ticket, said: [], closed: false };
      lines.push(line);
      return {
        send: (text) => line.said.push(JSON.parse(text)),
        close: () => {
          line.closed = true;
        },
      };
    },
  });
});
afterEach(() => {
  feed.stop();
  vi.useRealTimers();
});

const listener = (event: LiveEvent | undefined) => told.push(event?.subject);
const passed = (ms = 0) => vi.advanceTimersByTimeAsync(ms);
const last = (): Line => lines.at(-1)!;
const say = (frame: object): void => last().onText(JSON.stringify(frame));

function event(subject: string, cursor: string): object {
  return { type: 'event', channel: 'orders', cursor, event: { id: subject, subject } };
}

async function goLive(): Promise<void> {
  await passed();
  say({ type: 'welcome' });
  say({ type: 'subscribed', channel: 'orders', cursor: 'c0' });
}

describe('a live feed', () => {
  it('opens when it is followed, and tells that anything may have changed', async () => {
    await passed(60_000);
    expect(lines).toEqual([]);
    feed.follow(listener);
    await goLive();
    expect(last().ticket).toBe('ticket-1');
    expect(last().said).toEqual([{ type: 'subscribe', channel: 'orders' }]);
    expect(feed.isLive.get()).toBe(true);
    expect(told).toEqual([undefined]);
  });

  it('tells each event, and after a gap that anything may have changed', async () => {
    feed.follow(listener);
    await goLive();
    say(event('ord_1', 'c1'));
    say({ type: 'gap', channel: 'orders', reason: 'too-slow', from: 'c1', to: 'c9' });
    expect(told).toEqual([undefined, 'ord_1', undefined]);
    last().onClose();
    await passed(2_000);
    say({ type: 'welcome' });
    expect(last().said[0]).toMatchObject({ cursor: 'c9' });
  });

  it('is not live when the line is lost, and asks for what came meanwhile', async () => {
    feed.follow(listener);
    await goLive();
    say(event('ord_1', 'c1'));
    last().onClose();
    expect(feed.isLive.get()).toBe(false);
    await passed(2_000);
    say({ type: 'welcome' });
    expect(last().ticket).toBe('ticket-2');
    expect(last().said).toEqual([{ type: 'subscribe', channel: 'orders', cursor: 'c1' }]);
    say(event('ord_2', 'c2'));
    say({ type: 'subscribed', channel: 'orders', cursor: 'c2' });
    expect(feed.isLive.get()).toBe(true);
    expect(told).toEqual([undefined, 'ord_1', 'ord_2']);
  });

  it('resumes with the token of a cloud that said goodbye', async () => {
    feed.follow(listener);
    await goLive();
    say({ type: 'closing', resumeToken: 'orders=c5' });
    last().onClose();
    await passed(2_000);
    say({ type: 'welcome' });
    expect(last().said).toEqual([{ type: 'resume', token: 'orders=c5' }]);
  });

  it('begins anew when its place is refused', async () => {
    feed.follow(listener);
    await goLive();
    say(event('ord_1', 'c1'));
    say({ type: 'error', code: 'REQUEST_INVALID', detail: 'no such cursor' });
    expect(last().closed).toBe(true);
    await passed(2_000);
    say({ type: 'welcome' });
    expect(last().said).toEqual([{ type: 'subscribe', channel: 'orders' }]);
  });

  it('tries again when there is no ticket, and when nobody answers', async () => {
    giveTicket = () => Promise.reject(new Error('away'));
    feed.follow(listener);
    await passed(5_000);
    expect(lines).toEqual([]);
    giveTicket = async () => 'late';
    await passed(2_000);
    expect(lines).toHaveLength(1);
    await passed(OPENING_TIMEOUT_MS + 2_000);
    expect(lines[0]!.closed).toBe(true);
    expect(lines).toHaveLength(2);
  });

  it('does not believe a silent line when the cloud is away', async () => {
    feed.follow(listener);
    await goLive();
    feed.renew();
    expect(feed.isLive.get()).toBe(false);
    expect(lines[0]!.closed).toBe(true);
    await passed(2_000);
    expect(lines).toHaveLength(2);
  });

  it('outlives its last follower for a moment, so that the next page finds it open', async () => {
    const leave = feed.follow(listener);
    await goLive();
    leave();
    await passed(LINGER_MS - 1);
    const leaveAgain = feed.follow(listener);
    await passed(LINGER_MS);
    expect(lines).toHaveLength(1);
    expect(last().closed).toBe(false);
    leaveAgain();
    await passed(LINGER_MS);
    expect(last().closed).toBe(true);
    expect(feed.isLive.get()).toBe(false);
  });
});
