import type { Clock, Timer } from '@holdfast/shared/runtime/clock.ts';
import { headroomOf, type VolumeSpace } from './budget.ts';
import type { Volume } from './volume.ts';

const LOOK_EVERY_MS = 1_000;

export interface VolumeWatchOptions {
  readonly volume: Volume;
  readonly clock: Clock;
  /** There is news of the volume, or room on it again. */
  readonly looked: () => void;
  readonly onError: (error: unknown) => void;
}

/**
 * Looks at the volume once a second, keeps the reserve on it, and gives the reserve back when a
 * write finds the disk full.
 */
export class VolumeWatch {
  readonly #options: VolumeWatchOptions;
  #space: VolumeSpace | undefined;
  #timer: Timer | undefined;
  #looking: Promise<void> | undefined;
  #stopped = false;

  constructor(options: VolumeWatchOptions) {
    this.#options = options;
  }

  /** As it was when last looked at; undefined before. */
  get space(): VolumeSpace | undefined {
    return this.#space;
  }

  /** Whether `stock` can rely on its reserve. */
  get isReserved(): boolean {
    return this.#options.volume.isReserved;
  }

  start(): void {
    this.#look();
  }

  async stop(): Promise<void> {
    this.#stopped = true;
    this.#timer?.cancel();
    await this.#looking;
  }

  /** A write found no room. True when some was made for it. */
  full(): boolean {
    if (this.#space) this.#space = { ...this.#space, freeBytes: 0 };
    return this.#options.volume.release();
  }

  #look(): void {
    this.#looking = this.#lookOnce()
      .catch(this.#options.onError)
      .finally(() => {
        if (this.#stopped) return;
        this.#timer = this.#options.clock.after(LOOK_EVERY_MS, () => this.#look());
      });
  }

  async #lookOnce(): Promise<void> {
    const { volume, looked } = this.#options;
    const space = await volume.space();
    this.#space = space;
    // Only from what is left over beyond the headroom: the reserve must not be what fills the disk.
    if (!volume.isReserved && space.freeBytes > headroomOf(space)) await volume.reserve();
    if (!this.#stopped) looked();
  }
}
