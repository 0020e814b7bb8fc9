import { existsSync, writeFileSync } from 'node:fs';
import type { Steps } from '@holdfast/shared/runtime/steps.ts';

/** Where a victim is to die: when it reached a step so often. */
export interface Sentence {
  /** Undefined: any step counts. */
  readonly step?: string | undefined;
  readonly afterSteps: number;
  /**
   * The name of the step at which it died is written here. Of several processes with one file the
   * first to come to its step dies; the others are spared.
   */
  readonly recordFile: string;
}

/**
 * Kills this process with SIGKILL at the drawn step: nothing is flushed, no handler runs. The
 * thread waits for its end inside the step, so that not one line after it is executed.
 */
export function killingSteps(sentence: Sentence): Steps {
  let left = sentence.afterSteps;
  return {
    reach(step) {
      if (sentence.step !== undefined && sentence.step !== step) return;
      if (--left > 0) return;
      if (existsSync(sentence.recordFile)) return;
      writeFileSync(sentence.recordFile, step);
      process.kill(process.pid, 'SIGKILL');
      Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0);
    },
  };
}

export const SENTENCE_VARIABLE = 'TORTURE_SENTENCE';
export const PLANT_VARIABLE = 'TORTURE_PLANT';

export function sentenceFromEnvironment(): Sentence | undefined {
  const text = process.env[SENTENCE_VARIABLE];
  return text ? (JSON.parse(text) as Sentence) : undefined;
}
