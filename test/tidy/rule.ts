import type { Repository } from './repository.ts';

export interface Violation {
  readonly path: string;
  /** From 1. */
  readonly line: number;
  /** What is wrong. */
  readonly message: string;
  /** What to do instead. */
  readonly wayOut: string;
}

export interface Rule {
  readonly name: string;
  check(repository: Repository): readonly Violation[];
}

export interface Finding extends Violation {
  readonly rule: string;
}

export function describeFinding({ rule, path, line, message, wayOut }: Finding): string {
  return `${path}:${line} [${rule}] ${message}; ${wayOut}`;
}
