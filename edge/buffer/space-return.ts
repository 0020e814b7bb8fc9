export interface SpaceReturnOptions {
  /** One step; true when there is more to give back. */
  readonly shrink: () => Promise<boolean>;
  /** Calls back when the present turn of the event loop is over. */
  readonly soon: (callback: () => void) => void;
  readonly onError: (error: unknown) => void;
}

/**
 * Gives free space back to the volume after something was freed: step by step, so that what is
 * appended meanwhile goes between the steps.
 */
export class SpaceReturn {
  readonly #options: SpaceReturnOptions;
  #isGiving = false;

  constructor(options: SpaceReturnOptions) {
    this.#options = options;
  }

  freed(): void {
    if (this.#isGiving) return;
    this.#isGiving = true;
    void this.#give();
  }

  async #give(): Promise<void> {
    try {
      while (await this.#options.shrink())
        await new Promise<void>((resolve) => this.#options.soon(resolve));
    } catch (error) {
      // The file stays as large as it is; what is freed next asks again.
      this.#options.onError(error);
    } finally {
      this.#isGiving = false;
    }
  }
}
