import type { ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { readFile } from 'node:fs/promises';
import { systemClock } from './clock.ts';
import type { Steps } from './steps.ts';

/** Where a process that a suite started halts: when it reaches the step for the n-th time. */
export interface HaltAt {
  readonly step: string;
  readonly count: number;
  /** After SIGSTOP it stands still until SIGCONT. SIGKILL when absent. */
  readonly signal?: 'SIGKILL' | 'SIGSTOP';
}

const STOPPED_WITHIN_MS = 20_000;

/** Halts this process once, if it may: of several that were told the same, one. */
export function haltingSteps(haltAt: HaltAt | undefined, mayHalt = () => true): Steps {
  let left = haltAt?.count ?? Number.POSITIVE_INFINITY;
  return {
    reach: (step) => {
      if (step !== haltAt?.step || --left > 0 || !mayHalt()) return;
      left = Number.POSITIVE_INFINITY;
      process.kill(process.pid, haltAt.signal ?? 'SIGKILL');
    },
  };
}

/**
 * Wakes one that stands still and asks it to stop: when it has ended, what it had in hand is done.
 * Throws when it did not end well.
 */
export async function wakeAndDrain(child: ChildProcess): Promise<void> {
  const closed = once(child, 'close');
  child.kill('SIGCONT');
  child.send('stop');
  const [code] = await closed;
  if (code !== 0) throw new Error(`the process that woke ended with code ${code}`);
}

/**
 * The first of them that stands still. Linux alone: see proc_pid_stat(5). Throws when none does
 * within 20 s.
 */
export async function firstStopped(children: readonly ChildProcess[]): Promise<ChildProcess> {
  const untilMs = systemClock.monotonicMs() + STOPPED_WITHIN_MS;
  while (systemClock.monotonicMs() < untilMs) {
    for (const child of children) {
      const stat = await readFile(`/proc/${child.pid}/stat`, 'utf8');
      if (stat.slice(stat.lastIndexOf(')')).startsWith(') T')) return child;
    }
    await systemClock.sleep(10);
  }
  throw new Error(`no process stood still within ${STOPPED_WITHIN_MS} ms`);
}
