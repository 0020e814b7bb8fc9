import { useCallback, useEffect, useRef, useState } from 'preact/hooks';
import type { ApiClient } from './api-client.ts';
import { isWorthTelling } from './connection.ts';
import { POLL_INTERVAL_MS, type Poll, startPoll } from './poll.ts';

export interface Polled<T> {
  /** The last answer, kept while later ones fail. */
  readonly data: T | undefined;
  /** Why the last rounds failed; undefined when the last did not. */
  readonly failure: unknown;
  /** When the last answer came. */
  readonly atMs: number;
}

export interface FollowedPoll<T> extends Polled<T> {
  /** Something says that the answer is another one by now. */
  again(): void;
}

const NOTHING = { data: undefined, failure: undefined, atMs: 0 };

/**
 * Follows a path of the API. Another path starts empty; `undefined` asks nothing. The pause may be
 * another one each time that it is drawn.
 */
export function usePoll<T>(
  api: ApiClient,
  path: string | undefined,
  pauseMs?: number,
): FollowedPoll<T> {
  const [polled, setPolled] = useState<Polled<T> & { path?: string }>(NOTHING);
  const poll = useRef<Poll>(undefined);
  const pause = useRef(pauseMs);
  pause.current = pauseMs;
  useEffect(() => {
    if (path === undefined) return;
    poll.current = startPoll({
      read: (signal) => api.get<T>(path, { signal }),
      intervalMs: () => pause.current ?? POLL_INTERVAL_MS,
      onValue: (data) => setPolled({ data, failure: undefined, atMs: Date.now(), path }),
      onFailure: (failure, failureCount) => {
        if (!isWorthTelling(failure, failureCount)) return;
        setPolled((before) => ({ ...(before.path === path ? before : NOTHING), failure, path }));
      },
    });
    return poll.current.stop;
  }, [api, path]);
  const again = useCallback(() => poll.current?.again(), []);
  return { ...(polled.path === path ? polled : NOTHING), again };
}
