/**
 * A stream has at least so much, however many there are: less than that and each block would wait
 * for the one before it. Beyond `totalBytes` memory grows by this and one block a stream.
 */
export const STREAM_CREDIT_BYTES_MIN = 64 * 1024;

export interface CreditSharesOptions {
  /** Bytes of blocks that all streams of the process together may have in flight. */
  readonly totalBytes: number;
  /** What one stream has at most. */
  readonly streamBytesMax: number;
}

/** One stream's part of the credits. */
export interface CreditShare {
  /** What the Welcome grants. */
  open(): number;
  /** An answer covers so many bytes; returns the credits that go with it. */
  giveBack(coveredBytes: number): number;
  close(): void;
}

/**
 * Shares what may be in flight evenly among the open streams. A stream that has more than its part,
 * since others came, gets less back than it used until it has not; one that has less gets more.
 */
export class CreditShares {
  readonly #options: CreditSharesOptions;
  #streams = 0;
  #grantedBytes = 0;

  constructor(options: CreditSharesOptions) {
    this.#options = options;
  }

  /** Credits that are given out and not given back. */
  get grantedBytes(): number {
    return this.#grantedBytes;
  }

  share(): CreditShare {
    let held = 0;
    let isOpen = false;
    const grant = (bytes: number): number => {
      held += bytes;
      this.#grantedBytes += bytes;
      return bytes;
    };
    return {
      open: () => {
        isOpen = true;
        this.#streams++;
        return grant(this.#part());
      },
      giveBack: (coveredBytes) => {
        grant(-Math.min(coveredBytes, held));
        return isOpen ? grant(Math.max(0, this.#part() - held)) : 0;
      },
      close: () => {
        if (!isOpen) return;
        isOpen = false;
        this.#streams--;
        grant(-held);
      },
    };
  }

  #part(): number {
    const { totalBytes, streamBytesMax } = this.#options;
    const even = Math.floor(totalBytes / Math.max(1, this.#streams));
    return Math.min(streamBytesMax, Math.max(STREAM_CREDIT_BYTES_MIN, even));
  }
}
