import type { Runtime } from '@holdfast/shared/runtime/runtime.ts';

/** What the embedded log needs of the world. */
export interface LogWorld extends Pick<Runtime, 'clock' | 'random' | 'log' | 'steps'> {
  /**
   * Calls back once the work of this turn of the event loop is done, after its input and output.
   */
  soon(callback: () => void): void;
}
