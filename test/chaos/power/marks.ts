import { openSync, writeSync } from 'node:fs';
import type { Sent } from '../kill/load.ts';

/**
 * What the outside observed, written into the trace itself: a mark is a write to a file of its own,
 * so it stands among the disk's operations at the place where it became true.
 */
export type Mark =
  | { readonly kind: 'claimed'; readonly claim: string }
  | { readonly kind: 'enrolled' }
  /** Before the message goes out. */
  | { readonly kind: 'sent'; readonly message: Omit<Sent, 'acknowledged' | 'topic'> }
  /** After its PUBACK or PUBCOMP came in. */
  | { readonly kind: 'acknowledged'; readonly device: string; readonly id: number }
  /** The watcher, which keeps its session, got its SUBACK. */
  | { readonly kind: 'subscribed' }
  /** The watcher's retained message was acknowledged. */
  | { readonly kind: 'retained'; readonly value: number }
  /** The cloud's API answered so much of each lane. */
  | { readonly kind: 'answered'; readonly held: Readonly<Record<string, number>> }
  /** What follows is the tidying up after the recording. */
  | { readonly kind: 'finished' };

/** The client that keeps its session, and the topic of its retained messages. */
export const WATCHER = 'torture-watcher';
export const WATCHER_TOPIC = `devices/${WATCHER}/event`;

export const MARKS_FILE = 'marks';

export type Marker = (mark: Mark) => void;

export function openMarks(path: string): Marker {
  const handle = openSync(path, 'a');
  return (mark) => void writeSync(handle, JSON.stringify(mark));
}
