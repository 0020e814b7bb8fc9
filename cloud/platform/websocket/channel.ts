import type { Principal } from '@holdfast/shared/contracts/roles.ts';
import { AppError } from '@holdfast/shared/lib/app-error.ts';
import { allowsSite } from '@holdfast/shared/runtime/access-token.ts';
import type { Runtime } from '@holdfast/shared/runtime/runtime.ts';
import type { EventLog, LogEvent } from '../event-log/event-log.ts';
import { type Cursor, formatCursor, parseCursor } from './cursor.ts';
import { eventFrame, type GapReason } from './frames.ts';
import { openTopicFeed, type TopicFeed } from './topic-feed.ts';
import {
  type Audience,
  type ChannelDefinition,
  type ChannelEvent,
  CURSOR_AGE_MS_MAX,
  REPLAY_EVENTS_MAX,
  SEND_BUFFER_BYTES_MAX,
} from './websocket.ts';

const DRAIN_LOOK_MS = 50;

/** A connection as a channel sees it. */
export interface Listener {
  readonly principal: Principal;
  readonly open: boolean;
  send(text: string): void;
  /** Bytes that wait for the client. */
  buffered(): number;
}

export interface Subscription {
  /** Where it stands; what a resume token is made of. */
  cursor(): string;
  end(): void;
}

export interface Channel {
  readonly name: string;
  /** Resolves when it is live; frames are sent from then on, and before it what came since. */
  subscribe(listener: Listener, from: string | undefined): Promise<Subscription>;
  stop(): Promise<void>;
}

export interface ChannelOptions {
  readonly definition: ChannelDefinition;
  readonly log: EventLog;
  readonly runtime: Pick<Runtime, 'clock' | 'log' | 'tracing'>;
}

interface Member {
  readonly listener: Listener;
  /** Where it stands in each partition while it is not live yet. */
  readonly next: bigint[];
  live: boolean;
  ended: boolean;
  /** Of the first event that it did not get, as it was too slow. */
  slowSince: string | undefined;
}

export function openChannel(options: ChannelOptions): Channel {
  const { definition, log, runtime } = options;
  const { name, topic } = definition;
  const members = createMembers();
  const feed: TopicFeed = openTopicFeed({
    log,
    topic,
    runtime,
    onEvent: (event) => show(showing, event),
  });
  const showing: Showing = { ...options, members, feed };
  return {
    name,
    async subscribe(listener, from) {
      const next = [...(await feed.look())];
      const member: Member = { listener, next, live: false, ended: false, slowSince: undefined };
      const end = (): void => {
        if (member.ended) return;
        member.ended = true;
        members.delete(member);
        feed.leave();
      };
      members.add(member);
      try {
        await begin(showing, member, from);
      } catch (cause) {
        end();
        throw cause;
      }
      const stands = (): readonly bigint[] => (member.live ? feed.positions() : member.next);
      return { cursor: () => member.slowSince ?? cursorAt(showing, stands()), end };
    },
    stop: () => feed.stop(),
  };
}

interface Showing extends ChannelOptions {
  readonly members: Members;
  readonly feed: TopicFeed;
}

function cursorAt({ runtime, feed }: Showing, next = feed.positions()): string {
  return formatCursor({ atMs: runtime.clock.now(), next });
}

/** One event for all who may see it: read once, written once. */
function show(showing: Showing, logged: LogEvent): void {
  const { definition, members, feed, runtime } = showing;
  const seen = readEvent(logged);
  if (!seen) {
    const { topic, offset } = logged;
    runtime.log.error({ topic, offset: String(offset) }, 'an event cannot be shown');
    return;
  }
  let text: string | undefined;
  for (const member of members.of(seen.tenant, definition.audienceOf(seen))) {
    if (!member.live || logged.offset < member.next[logged.partition]!) continue;
    if (member.slowSince === undefined && isSlow(member)) {
      const before = feed.positions().with(logged.partition, logged.offset);
      member.slowSince = cursorAt(showing, before);
      tellWhenRead(showing, member);
    }
    if (member.slowSince !== undefined) continue;
    text ??= eventFrame(definition.name, cursorAt(showing), seen);
    sendTraced(showing, { member, event: seen, text });
  }
}

/** The gap is told as soon as the client reads again, whether or not another event comes. */
function tellWhenRead(showing: Showing, member: Member): void {
  showing.runtime.clock.after(DRAIN_LOOK_MS, () => {
    if (member.ended) return;
    if (isSlow(member)) return tellWhenRead(showing, member);
    const gap = { reason: 'too-slow', from: member.slowSince } as const;
    member.slowSince = undefined;
    sendGap(showing, member, gap);
  });
}

function sendGap(
  showing: Showing,
  { listener }: Member,
  gap: { readonly reason: GapReason; readonly from: string | undefined },
): void {
  const { name: channel } = showing.definition;
  listener.send(JSON.stringify({ type: 'gap', channel, ...gap, to: cursorAt(showing) }));
}

function sendTraced(
  { definition, runtime }: Showing,
  sent: { readonly member: Member; readonly event: ChannelEvent; readonly text: string },
): void {
  const { member, event, text } = sent;
  const attributes = { 'messaging.destination.name': definition.name, 'event.type': event.type };
  const options = { kind: 'producer', parent: event.traceparent, attributes } as const;
  runtime.tracing.span('websocket.send', options, () => member.listener.send(text));
}

async function begin(showing: Showing, member: Member, from: string | undefined): Promise<void> {
  const { feed, runtime, definition } = showing;
  const start = from === undefined ? undefined : parseCursor(from, feed.partitionCount);
  const refusal = from === undefined ? undefined : staleness(start, feed, runtime.clock.now());
  if (start && !refusal) for (const [each, at] of start.next.entries()) member.next[each] = at;
  const reason = refusal ?? (start ? await catchUp(showing, member) : undefined);
  if (reason) sendGap(showing, member, { reason, from });
  for (const [each, end] of feed.positions().entries()) member.next[each] = end;
  member.live = true;
  const cursor = cursorAt(showing);
  member.listener.send(JSON.stringify({ type: 'subscribed', channel: definition.name, cursor }));
}

/** What came since the cursor, up to where the feed is by then. */
async function catchUp(showing: Showing, member: Member): Promise<GapReason | undefined> {
  const { feed, runtime, definition } = showing;
  const { principal } = member.listener;
  let looked = 0;
  for (;;) {
    const behind = feed.positions().findIndex((end, each) => member.next[each]! < end);
    if (behind < 0 || member.ended) return undefined;
    const end = feed.positions()[behind]!;
    const events = await feed.read(behind, member.next[behind]!);
    looked += events.length;
    if (looked > REPLAY_EVENTS_MAX) return 'too-far-behind';
    // Nothing is left before `end`: the offsets have a gap up to there.
    if (events.length === 0) member.next[behind] = end;
    for (const logged of events) {
      member.next[behind] = logged.offset + 1n;
      const event = readEvent(logged);
      if (!event || !maySee(principal, event.tenant, definition.audienceOf(event))) continue;
      while (isSlow(member) && !member.ended) await runtime.clock.sleep(DRAIN_LOOK_MS);
      const text = eventFrame(definition.name, cursorAt(showing, member.next), event);
      sendTraced(showing, { member, event, text });
    }
  }
}

function isSlow({ listener }: Member): boolean {
  return listener.buffered() > SEND_BUFFER_BYTES_MAX;
}

function staleness(start: Cursor | undefined, feed: TopicFeed, nowMs: number) {
  const ends = feed.positions();
  if (!start || start.next.some((at, each) => at > ends[each]!)) return 'cursor-unknown' as const;
  return nowMs - start.atMs > CURSOR_AGE_MS_MAX ? ('cursor-too-old' as const) : undefined;
}

interface Members {
  add(member: Member): void;
  delete(member: Member): void;
  of(tenant: string, audience: Audience): Iterable<Member>;
}

/** By tenant and customer, so that an event costs what its audience is, not what is connected. */
function createMembers(): Members {
  const byKey = new Map<string, Set<Member>>();
  const keyOf = ({ listener: { principal } }: Member): string =>
    isStaff(principal)
      ? JSON.stringify([principal.tenant])
      : JSON.stringify([principal.tenant, principal.subject]);
  return {
    add(member) {
      const key = keyOf(member);
      const members = byKey.get(key) ?? new Set();
      byKey.set(key, members.add(member));
    },
    delete(member) {
      const key = keyOf(member);
      const members = byKey.get(key);
      members?.delete(member);
      if (members?.size === 0) byKey.delete(key);
    },
    *of(tenant, audience) {
      const { customer } = audience;
      if (customer !== undefined) yield* byKey.get(JSON.stringify([tenant, customer])) ?? [];
      for (const member of byKey.get(JSON.stringify([tenant])) ?? []) {
        if (maySee(member.listener.principal, tenant, audience)) yield member;
      }
    },
  };
}

/** I10: the tenant's own, and of it the customer's own, or what lies in the sites of the staff. */
function maySee(principal: Principal, tenant: string, { customer, sites }: Audience): boolean {
  if (principal.tenant !== tenant) return false;
  if (!isStaff(principal)) return customer !== undefined && principal.subject === customer;
  if (sites.length === 0) return principal.sites.includes('*');
  return sites.every((site) => allowsSite(principal, site));
}

function isStaff({ roles }: Principal): boolean {
  return roles.some((role) => role !== 'customer' && role !== 'service');
}

/** The attributes as they are: what is in the log was checked when it was written. */
function readEvent({ headers, value }: LogEvent): ChannelEvent | undefined {
  const attribute = (name: string): string => headers[`ce_${name}`] ?? '';
  try {
    return {
      id: attribute('id'),
      type: attribute('type'),
      subject: attribute('subject'),
      time: attribute('time'),
      sequence: attribute('sequence'),
      tenant: attribute('tenant'),
      traceparent: attribute('traceparent'),
      data: JSON.parse(Buffer.from(value.buffer, value.byteOffset, value.byteLength).toString()),
    };
  } catch {
    // Not JSON: the caller reports it, with its offset.
    return undefined;
  }
}

export function channelUnknown(name: string): AppError {
  return new AppError('NOT_FOUND', `there is no channel ${name}`);
}
