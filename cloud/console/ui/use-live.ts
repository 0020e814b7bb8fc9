import type { LiveEvent } from '@holdfast/shared/ui/live-feed.ts';
import { useObservable } from '@holdfast/shared/ui/observable.ts';
import { type FollowedPoll, usePoll } from '@holdfast/shared/ui/use-poll.ts';
import { useEffect, useRef } from 'preact/hooks';
import { useConsole } from './console-context.ts';

/** While changes are told, the page still looks by itself: some steps have no event. */
const LIVE_PAUSE_MS = 10_000;
export const NOT_LIVE_PAUSE_MS = 2_000;

export interface LivePoll<T> extends FollowedPoll<T> {
  readonly isLive: boolean;
}

/**
 * Follows a path whose answer changes with orders. An event says that it did; what it is then, the
 * path says: so nothing that was missed, came twice or belongs to another filter is ever shown.
 */
export function useLive<T>(path: string, concerns: (event: LiveEvent) => boolean): LivePoll<T> {
  const { api, orders } = useConsole();
  const isLive = useObservable(orders.isLive);
  const polled = usePoll<T>(api, path, isLive ? LIVE_PAUSE_MS : NOT_LIVE_PAUSE_MS);
  const { again } = polled;
  const judge = useRef(concerns);
  judge.current = concerns;
  useEffect(
    () =>
      orders.follow((event) => {
        if (event === undefined || judge.current(event)) again();
      }),
    [orders, again],
  );
  return { ...polled, isLive };
}
