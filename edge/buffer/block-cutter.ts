import type { Lane } from '@holdfast/shared/contracts/lanes.ts';
import type { SequenceRange } from '@holdfast/shared/domain/ranges.ts';
import { BLOCK_BYTES_MAX, type BlockHead, type SealOptions } from './buffer.ts';
import type { LaneStream } from './lane-stream.ts';
import type { Cut } from './sealing.ts';
import type { StoreWriter } from './store-writer.ts';

export interface BlockCutterOptions {
  readonly streams: readonly LaneStream[];
  readonly writer: StoreWriter;
  /** Does the work when no other change to positions or blocks runs. */
  readonly change: <T>(work: () => Promise<T>) => Promise<T>;
  /** Settles a group whose bytes are not what was written. */
  readonly damaged: (stream: LaneStream, range: SequenceRange) => Promise<void>;
  readonly soon: (callback: () => void) => void;
  readonly isClosing: () => boolean;
}

/** Cuts what the lanes hold unsealed, one block at a time. */
export class BlockCutter {
  readonly #options: BlockCutterOptions;
  readonly #running = new Map<Lane, Promise<unknown>>();

  constructor(options: BlockCutterOptions) {
    this.#options = options;
  }

  /** One after the other per lane, so that each caller gets whole, ascending heads. */
  seal(lane: Lane, options: SealOptions = {}): Promise<readonly BlockHead[]> {
    const before = this.#running.get(lane) ?? Promise.resolve();
    const heads = before.then(() => this.#cutAll(lane, options));
    const settled = heads.catch(() => {
      // The failure is this caller's alone; the next one only waits.
    });
    this.#running.set(lane, settled);
    return heads;
  }

  /** Resolves when nothing is cut any more. */
  async idle(): Promise<void> {
    await Promise.all(this.#running.values());
  }

  /** One block at a time: a long backlog does not hold up the acknowledgements. */
  async #cutAll(lane: Lane, { bytesMax = BLOCK_BYTES_MAX }: SealOptions): Promise<BlockHead[]> {
    const { streams, soon, isClosing } = this.#options;
    const heads: BlockHead[] = [];
    for (const stream of streams.filter((candidate) => candidate.lane === lane)) {
      const upTo = stream.accepted;
      while (!isClosing()) {
        const cut = await this.#cut(stream, { upTo, bytesMax });
        if (cut.kind === 'nothing') break;
        if (cut.kind === 'block') heads.push(cut.head);
        await new Promise<void>((resolve) => soon(resolve));
      }
    }
    return heads;
  }

  #cut(stream: LaneStream, limits: { upTo: bigint; bytesMax: number }): Promise<Cut> {
    const { writer, change, damaged } = this.#options;
    const { id, incarnation, lane } = stream;
    return change(async () => {
      const cut = await writer.write('cut', { id, incarnation, lane }, limits);
      if (cut.kind === 'damaged') await damaged(stream, cut.range);
      return cut;
    });
  }
}
