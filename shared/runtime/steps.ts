/**
 * The steps of a durable path, by name ("buffer.committed"). The product passes `noSteps`; the
 * torture passes one that kills the process at a drawn step, so that "killed between any two lines"
 * is something that a test does.
 */
export interface Steps {
  reach(step: string): void;
}

export const noSteps: Steps = { reach: () => {} };
