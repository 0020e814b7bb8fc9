/**
 * How a backlog closes, judged from what was seen of it: no promise of the gateway, only
 * arithmetic.
 */
export interface BacklogSample {
  readonly atMs: number;
  readonly left: number;
}

export interface BacklogTrack {
  /** The highest count since there was none: what "of 20,000" means. */
  readonly total: number;
  /** Of the last RATE_WINDOW_MS, oldest first. */
  readonly samples: readonly BacklogSample[];
}

export interface BacklogProgress {
  readonly left: number;
  readonly total: number;
  /** From 0 (nothing done) to 1. */
  readonly doneShare: number;
  /** undefined while it does not shrink, or before two samples tell. */
  readonly secondsLeft: number | undefined;
}

const RATE_WINDOW_MS = 15_000;
/** Less than this says nothing about a rate: the gateway reports once a second. */
const RATE_SPAN_MS_MIN = 900;

/** Adds a sample. undefined while there is no backlog; a backlog that grows is measured anew. */
export function observeBacklog(
  track: BacklogTrack | undefined,
  sample: BacklogSample,
): BacklogTrack | undefined {
  if (sample.left === 0) return undefined;
  const last = track?.samples.at(-1);
  if (!track || !last) return { total: sample.left, samples: [sample] };
  if (sample.left > last.left) {
    return { total: Math.max(track.total, sample.left), samples: [sample] };
  }
  const recent = track.samples.filter((each) => sample.atMs - each.atMs <= RATE_WINDOW_MS);
  return { total: track.total, samples: [...recent, sample] };
}

export function backlogProgress(track: BacklogTrack): BacklogProgress {
  const first = track.samples[0]!;
  const last = track.samples.at(-1)!;
  const spanMs = last.atMs - first.atMs;
  const closed = first.left - last.left;
  const secondsLeft =
    spanMs >= RATE_SPAN_MS_MIN && closed > 0 ? (last.left * spanMs) / closed / 1000 : undefined;
  return {
    left: last.left,
    total: track.total,
    doneShare: 1 - last.left / track.total,
    secondsLeft,
  };
}

/** "~15 s", "~4 min": an estimate must not look more exact than it is. */
export function formatSecondsLeft(seconds: number): string {
  if (seconds < 10) return `~${Math.max(1, Math.round(seconds))} s`;
  if (seconds < 90) return `~${Math.round(seconds / 5) * 5} s`;
  if (seconds < 90 * 60) return `~${Math.round(seconds / 60)} min`;
  return `~${Math.round(seconds / 3600)} h`;
}
