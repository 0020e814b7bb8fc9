/**
 * A real engine on this machine, for development and tests: bound to loopback, its data in a folder
 * of ours.
 */
export interface StackEngine {
  readonly name: string;
  /** Where its programs are; says which package brings them when they are absent. */
  find(): Found;
  /** Starts it, or takes over the one that runs on these data already. */
  up(folder: string): Promise<Running>;
  /** True when the one that was started answers. */
  answers(running: Running): boolean;
  /** Stops it and waits for its end. Harmless when it is not running. */
  down(running: Running): Promise<void>;
}

export type Found =
  | { readonly kind: 'found' }
  | { readonly kind: 'absent'; readonly debianPackage: string };

export interface Running {
  readonly url: string;
  readonly pid: number;
  readonly port: number;
  /** Where the data are; not always below the stack's folder, see `data-folder.ts`. */
  readonly folder: string;
}

/** An error for the person at the terminal: shown as one sentence, without a stack. */
export class StackError extends Error {
  override readonly name = 'StackError';
}
