export interface Print {
  /** For whoever waits. */
  progress(text: string): void;
  /** Lines of the result; the last is the JSON that others read. */
  result(lines: readonly string[]): void;
}

export interface Bench {
  readonly summary: string;
  readonly help: string;
  /** Throws with a sentence when an option is wrong or a server fails. */
  run(args: readonly string[], print: Print): Promise<void>;
}
