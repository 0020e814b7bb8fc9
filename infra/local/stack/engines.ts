import type { StackEngine } from './engine.ts';
import { postgres } from './postgres.ts';

/** The real engines that this machine can run. */
export const ENGINES: readonly StackEngine[] = [postgres];
