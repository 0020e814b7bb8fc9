/** Prepared statements that a connection keeps; texts beyond these are parsed each time. */
const NAMES_MAX = 256;
/** Texts that were seen once; when there are more, all of them have to be seen twice again. */
const SEEN_MAX = 1024;

/**
 * The names of the prepared statements of one pool. A text gets one when it comes for the second
 * time: lists of all lengths make many texts that come once.
 */
export class StatementNames {
  #generation = 0;
  readonly #names = new Map<string, string>();
  readonly #seen = new Set<string>();

  /** Changes when all names were dropped: connections from before keep statements for nothing. */
  get generation(): number {
    return this.#generation;
  }

  nameOf(sql: string): string | undefined {
    const name = this.#names.get(sql);
    if (name || this.#names.size >= NAMES_MAX) return name;
    if (this.#seen.delete(sql)) {
      // Never a name from before: the driver takes that for a statement which the server has.
      const fresh = `${this.#generation}.${this.#names.size}`;
      this.#names.set(sql, fresh);
      return fresh;
    }
    if (this.#seen.size >= SEEN_MAX) this.#seen.clear();
    this.#seen.add(sql);
    return undefined;
  }

  /** After the server refused this one: a migration elsewhere changed what its plan gives. */
  dropAll(sql: string, name: string): void {
    // Another connection found it first, and the names are new already.
    if (this.#names.get(sql) !== name) return;
    this.#generation += 1;
    this.#names.clear();
    this.#seen.clear();
  }
}
