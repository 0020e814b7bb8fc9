import { availableParallelism, loadavg } from 'node:os';

/** A caution when something else runs: it takes turns with the servers, not the same in each. */
export function busyMachine(): string[] {
  const load = loadavg()[0]!;
  if (load < availableParallelism() / 2) return [];
  return [`the machine was busy before the run: load ${load.toFixed(1)}; repeat it on a quiet one`];
}
