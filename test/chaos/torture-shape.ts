import type { Verdict } from './kill/audit.ts';

export interface TortureOptions {
  readonly cycles: number;
  readonly seed: number;
  /** `damage`: this cycle alone. */
  readonly only?: number | undefined;
  /** One of the torture's plants. */
  readonly plant?: string | undefined;
  /** What `power` recorded in an earlier run. */
  readonly trace?: string | undefined;
  /** For whoever waits. */
  readonly progress: (text: string) => void;
}

export interface TortureReport {
  readonly verdict: Verdict;
  /** What happened how often, one thing a line. */
  readonly remarks: readonly string[];
}

export interface Torture {
  readonly summary: string;
  readonly cyclesDefault: number;
  /** Bugs that it must find, by name. */
  readonly plants: Readonly<Record<string, string>>;
  run(options: TortureOptions): Promise<TortureReport>;
}
