export interface ConnectionLimitsOptions {
  readonly connectionsMax: number;
  readonly connectionsPerAddressMax: number;
}

/** `release` exactly once, when the connection is closed. */
export type Entry =
  | { readonly kind: 'entered'; readonly release: () => void }
  | { readonly kind: 'refused'; readonly reason: 'connections' | 'connections-per-address' };

/** How many connections there are, in all and from one address. */
export class ConnectionLimits {
  readonly #options: ConnectionLimitsOptions;
  readonly #perAddress = new Map<string, number>();
  #count = 0;

  constructor(options: ConnectionLimitsOptions) {
    this.#options = options;
  }

  get count(): number {
    return this.#count;
  }

  enter(address: string): Entry {
    const fromHere = this.#perAddress.get(address) ?? 0;
    if (this.#count >= this.#options.connectionsMax)
      return { kind: 'refused', reason: 'connections' };
    if (fromHere >= this.#options.connectionsPerAddressMax)
      return { kind: 'refused', reason: 'connections-per-address' };
    this.#count += 1;
    this.#perAddress.set(address, fromHere + 1);
    return { kind: 'entered', release: () => this.#release(address) };
  }

  #release(address: string): void {
    this.#count -= 1;
    const left = this.#perAddress.get(address)! - 1;
    if (left === 0) this.#perAddress.delete(address);
    else this.#perAddress.set(address, left);
  }
}
