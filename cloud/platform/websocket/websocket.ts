import type { Topic } from '@holdfast/shared/contracts/topics.ts';

/**
 * Live events for people, at `/v1/ws`; the frames are described in proto/asyncapi.yaml.
 *
 * - A connection is opened with a ticket, good once and for TICKET_TTL_MS: a token never goes into
 *   a URL. It lasts CONNECTION_MS_MAX at most, so that rights are looked at again.
 * - A channel shows the events of one topic, each to those whom its audience names, in the order of
 *   the log per subject. Every process can serve everybody.
 * - Each event comes with a cursor: who subscribes with it gets what came after it. At least once:
 *   an event may come twice, with the same id.
 * - What cannot be shown is never left out in silence: a `gap` frame says from where to where, when
 *   a cursor is too old or too far back, or the client reads too slowly.
 * - When the process stops, or the connection is too old, each connection gets a resume token and
 *   is closed with 1001.
 * - A message of a client has at most MESSAGE_BYTES_MAX; a larger one closes with 1009, one that
 *   cannot be read or too many with 1008.
 */
export interface ChannelDefinition {
  readonly name: string;
  readonly topic: Topic;
  readonly audienceOf: (event: ChannelEvent) => Audience;
}

export interface ChannelEvent {
  readonly id: string;
  readonly type: string;
  readonly subject: string;
  readonly time: string;
  readonly sequence: string;
  readonly tenant: string;
  readonly traceparent: string;
  readonly data: Readonly<Record<string, unknown>>;
}

/** Who sees an event, always within its tenant. */
export interface Audience {
  /** The customer whom it concerns, by the subject of the token. */
  readonly customer: string | undefined;
  /** Staff sees it when their sites cover all of these; none known: staff of all sites. */
  readonly sites: readonly string[];
}

export const TICKET_TTL_MS = 30_000;
export const CONNECTION_MS_MAX = 3_600_000;
export const CONNECTIONS_MAX = 10_000;
export const MESSAGE_BYTES_MAX = 16 * 1024;
/** Of one connection in ten seconds. */
export const MESSAGES_MAX = 50;
export const MESSAGES_WINDOW_MS = 10_000;
/** What may wait for a client before it counts as too slow. */
export const SEND_BUFFER_BYTES_MAX = 1024 * 1024;
/** A client that answers no ping until the next one is gone. */
export const HEARTBEAT_MS = 20_000;
/** A cursor that is older is answered with a gap. */
export const CURSOR_AGE_MS_MAX = 24 * 3_600_000;
/** How many events of the topic, everybody's, are looked through for one cursor. */
export const REPLAY_EVENTS_MAX = 20_000;
