export interface PollOptions<T> {
  /** Must settle by itself: the client's deadline sees to it. */
  readonly read: (signal: AbortSignal) => Promise<T>;
  readonly onValue: (value: T) => void;
  /** `failureCount` failures in a row, this one included. */
  readonly onFailure: (error: unknown, failureCount: number) => void;
  /** A function is asked before each pause. */
  readonly intervalMs?: number | (() => number);
}

export interface Poll {
  /**
   * What is read has changed: reads it again as soon as the pause between two requests allows.
   * After a failure the next attempt keeps its time.
   */
  again(): void;
  stop(): void;
}

export const POLL_INTERVAL_MS = 1_000;
/**
 * The longest pause after failures. With the time of the request itself the page is back within two
 * seconds of the cloud's return.
 */
export const POLL_BACKOFF_MS_MAX = 1_500;
const POLL_BACKOFF_MS_MIN = 250;
/**
 * Between two requests, however slow the answers come: a slow cloud must not be asked without a
 * pause.
 */
const POLL_PAUSE_MS_MIN = 200;
/** From one reading to the next, however fast the changes follow each other. */
export const AGAIN_GAP_MS = 400;

/**
 * Reads again and again while the page is visible; a hidden page costs nothing and is fresh when it
 * is shown.
 */
export function startPoll<T>(options: PollOptions<T>): Poll {
  const stopped = new AbortController();
  let timer: ReturnType<typeof setTimeout> | undefined;
  let failureCount = 0;
  let startedAtMs = 0;
  let isOutdated = false;
  let state: 'reading' | 'waiting' | 'hidden' = 'waiting';

  const round = async (): Promise<void> => {
    if (document.visibilityState === 'hidden') {
      state = 'hidden';
      return;
    }
    state = 'reading';
    startedAtMs = performance.now();
    isOutdated = false;
    try {
      const value = await options.read(stopped.signal);
      if (stopped.signal.aborted) return;
      failureCount = 0;
      options.onValue(value);
    } catch (error) {
      if (stopped.signal.aborted) return;
      failureCount += 1;
      options.onFailure(error, failureCount);
    }
    state = 'waiting';
    timer = setTimeout(round, pauseMs(performance.now() - startedAtMs));
  };
  const pauseMs = (tookMs: number): number =>
    failureCount === 0
      ? Math.max(POLL_PAUSE_MS_MIN, intervalMs() - tookMs)
      : backoffMs(failureCount, Math.random());
  const intervalMs = (): number => {
    // It changed while it was read: the answer may be from before.
    if (isOutdated) return AGAIN_GAP_MS;
    const { intervalMs: wanted = POLL_INTERVAL_MS } = options;
    return typeof wanted === 'number' ? wanted : wanted();
  };
  const atOnce = (): void => {
    if (document.visibilityState === 'hidden' || state === 'reading') return;
    clearTimeout(timer);
    void round();
  };

  document.addEventListener('visibilitychange', atOnce);
  window.addEventListener('online', atOnce);
  void round();
  return {
    again() {
      isOutdated = true;
      if (stopped.signal.aborted || state !== 'waiting' || failureCount > 0) return;
      clearTimeout(timer);
      timer = setTimeout(round, Math.max(0, startedAtMs + AGAIN_GAP_MS - performance.now()));
    },
    stop() {
      stopped.abort();
      clearTimeout(timer);
      document.removeEventListener('visibilitychange', atOnce);
      window.removeEventListener('online', atOnce);
    },
  };
}

/**
 * Doubles up to the limit. Up to a fifth is taken off by chance, so that many pages do not knock
 * together.
 */
export function backoffMs(failureCount: number, chance: number): number {
  const full = POLL_BACKOFF_MS_MIN * 2 ** Math.min(failureCount - 1, 10);
  return Math.min(full, POLL_BACKOFF_MS_MAX) * (1 - 0.2 * chance);
}
