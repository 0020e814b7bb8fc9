import { z } from 'zod';
import type { ChannelEvent } from './websocket.ts';

const channel = z.string().min(1).max(64);
const cursor = z.string().min(1).max(256);

/** What clients send. */
export const clientFrameSchema = z.discriminatedUnion('type', [
  z.strictObject({ type: z.literal('subscribe'), channel, cursor: cursor.optional() }),
  z.strictObject({ type: z.literal('unsubscribe'), channel }),
  z.strictObject({ type: z.literal('resume'), token: z.string().min(1).max(1_024) }),
]);
export type ClientFrame = z.infer<typeof clientFrameSchema>;

export type GapReason = 'cursor-unknown' | 'cursor-too-old' | 'too-far-behind' | 'too-slow';

/** What clients get. */
export type ServerFrame =
  | { readonly type: 'welcome'; readonly channels: readonly string[]; readonly heartbeatMs: number }
  | { readonly type: 'subscribed'; readonly channel: string; readonly cursor: string }
  | { readonly type: 'unsubscribed'; readonly channel: string }
  | EventFrame
  | {
      readonly type: 'gap';
      readonly channel: string;
      readonly reason: GapReason;
      readonly from: string | undefined;
      readonly to: string;
    }
  | { readonly type: 'error'; readonly code: string; readonly detail: string }
  /** The last one: what `resume` takes on the next connection. */
  | { readonly type: 'closing'; readonly resumeToken: string };

export interface EventFrame {
  readonly type: 'event';
  readonly channel: string;
  readonly cursor: string;
  readonly event: Omit<ChannelEvent, 'tenant' | 'traceparent'>;
  /** Of who caused it, W3C; empty when it is not traced. */
  readonly traceparent: string;
}

export function eventFrame(name: string, cursorText: string, event: ChannelEvent): string {
  const { id, type, subject, time, sequence, data, traceparent } = event;
  const frame: EventFrame = {
    type: 'event',
    channel: name,
    cursor: cursorText,
    event: { id, type, subject, time, sequence, data },
    traceparent,
  };
  return JSON.stringify(frame);
}

/** `orders=1.abc.0.1,…`: the cursors of all channels. */
export function formatResumeToken(cursors: ReadonlyMap<string, string>): string {
  return [...cursors].map(([name, text]) => `${name}=${text}`).join(',');
}

export function parseResumeToken(token: string): readonly (readonly [string, string])[] {
  return token.split(',').map((part) => {
    const [name = '', text = ''] = part.split('=');
    return [name, text];
  });
}
