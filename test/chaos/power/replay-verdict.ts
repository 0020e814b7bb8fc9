import type { Verdict } from '../kill/audit.ts';

export interface ReplayVerdict extends Verdict {
  /** Starts that failed, and processes that ended by themselves. */
  readonly failedStarts: number;
}

export const NOTHING_COUNTED = {
  acked: 0,
  stored: 0,
  delivered: 0,
  condensed: 0,
  dropped: 0,
  lost: 0,
  duplicated: 0,
  failedStarts: 0,
};

/** For a replay of which nothing can be counted. */
export function failedReplay(finding: string): ReplayVerdict {
  return { ...NOTHING_COUNTED, failedStarts: 1, findings: [finding] };
}
