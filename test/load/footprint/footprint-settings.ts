export const PARTS = ['memory', 'start', 'writes', 'outage', 'month'] as const;
export type Part = (typeof PARTS)[number];

export interface FootprintSettings {
  readonly parts: ReadonlySet<Part>;
  /** Messages. */
  readonly backlog: number;
  readonly perSecond: number;
  /** The backlog is filled at that rate, too. */
  readonly isSteady: boolean;
  readonly payloadBytes: number;
  readonly windowMs: number;
  /** Starts. */
  readonly rounds: number;
  readonly outageHours: number;
  /** Of each run of writes. */
  readonly writeMessages: number;
  readonly fills: number;
  readonly fillMessages: number;
  /** A folder with recordings, beside the simulated cold store. */
  readonly recordings: string | undefined;
}
