import { useEffect, useState } from 'preact/hooks';
import type { ApiClient } from './api-client.ts';
import { isWorthTelling } from './connection.ts';
import { startPoll } from './poll.ts';

export interface Polled<T> {
  /** The last answer, kept while later ones fail. */
  readonly data: T | undefined;
  /** Why the last rounds failed; undefined when the last did not. */
  readonly failure: unknown;
  /** When the last answer came. */
  readonly atMs: number;
}

const NOTHING = { data: undefined, failure: undefined, atMs: 0 };

/** Follows a path of the API. Another path starts empty; `undefined` asks nothing. */
export function usePoll<T>(api: ApiClient, path: string | undefined): Polled<T> {
  const [polled, setPolled] = useState<Polled<T> & { path?: string }>(NOTHING);
  useEffect(() => {
    if (path === undefined) return;
    const poll = startPoll({
      read: (signal) => api.get<T>(path, { signal }),
      onValue: (data) => setPolled({ data, failure: undefined, atMs: Date.now(), path }),
      onFailure: (failure, failureCount) => {
        if (!isWorthTelling(failure, failureCount)) return;
        setPolled((before) => ({ ...(before.path === path ? before : NOTHING), failure, path }));
      },
    });
    return poll.stop;
  }, [api, path]);
  return polled.path === path ? polled : NOTHING;
}
