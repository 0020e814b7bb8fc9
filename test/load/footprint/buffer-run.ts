/** What one run of the buffer alone does; it gets this as JSON in its only argument. */
export interface BufferRun {
  /** Where its file lies: a fresh folder. */
  readonly folder: string;
  readonly messages: number;
  readonly perSecond: number;
  /** As in the gateway's settings. */
  readonly commitWindowMs: number;
  /** `simulated`: as fast as the machine can, on a clock that moves from message to message. */
  readonly clock: 'simulated' | 'real';
  /** A folder with recordings; without it the simulated cold store. */
  readonly recordings?: string | undefined;
  /** Everything is acknowledged after so many messages, again and again; never when absent. */
  readonly drainEvery?: number | undefined;
}

/** What it prints, as one line of JSON. */
export interface BufferRunResult {
  readonly messages: number;
  readonly acceptedBytes: number;
  readonly writtenBytes: number;
  readonly commits: number;
  /** What the folder takes on the disk at the end, its file not closed yet. */
  readonly diskBytes: number;
  /** The same at the end of each fill and of each drain. */
  readonly fills: readonly number[];
  readonly drains: readonly number[];
  readonly seconds: number;
}
