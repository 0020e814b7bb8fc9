import type { ApiClient } from '@holdfast/shared/ui/api-client.ts';
import { isWorthTelling } from '@holdfast/shared/ui/connection.ts';
import { startPoll } from '@holdfast/shared/ui/poll.ts';
import { useEffect, useRef, useState } from 'preact/hooks';
import { createHistoryReader, type History, type HistoryQuery, type Newest } from './history.ts';

export interface FollowedHistory {
  readonly history: History | undefined;
  readonly failure: unknown;
}

const NOTHING: FollowedHistory = { history: undefined, failure: undefined };

/** Follows one metric while `shown`: a chart that is scrolled out of sight asks nothing. */
export function useHistory(
  api: ApiClient,
  query: HistoryQuery,
  { newest, shown }: { newest: Newest; shown: boolean },
): FollowedHistory {
  const [followed, setFollowed] = useState(NOTHING);
  const present = useRef(newest);
  present.current = newest;
  const { deviceId, site, metric, range, end } = query;

  useEffect(() => setFollowed(NOTHING), [api, deviceId, site, metric, range, end]);
  useEffect(() => {
    if (!shown) return;
    const reader = createHistoryReader(api, { deviceId, site, metric, range, end });
    const poll = startPoll({
      read: (signal) => reader.read(present.current, Date.now(), signal),
      onValue: (history) =>
        setFollowed((before) =>
          before.history === history && before.failure === undefined
            ? before
            : { history, failure: undefined },
        ),
      onFailure(failure, failureCount) {
        if (isWorthTelling(failure, failureCount)) setFollowed((old) => ({ ...old, failure }));
      },
    });
    return poll.stop;
  }, [api, deviceId, site, metric, range, end, shown]);
  return followed;
}

/** True once the element is near the visible part of the page, and while it is. */
export function useShown(): [(element: Element | null) => void, boolean] {
  const [element, setElement] = useState<Element | null>(null);
  const [shown, setShown] = useState(false);
  useEffect(() => {
    if (!element) return;
    const observer = new IntersectionObserver(
      (entries) => setShown(entries.at(-1)?.isIntersecting ?? false),
      { rootMargin: '200px' },
    );
    observer.observe(element);
    return () => observer.disconnect();
  }, [element]);
  return [setElement, shown];
}
