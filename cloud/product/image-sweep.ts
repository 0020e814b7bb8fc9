import { messageOf } from '@holdfast/shared/lib/message-of.ts';
import type { Runtime } from '@holdfast/shared/runtime/runtime.ts';
import type { ProductImages } from './routes/product-images.ts';

const PAUSE_MS = 600_000;

export interface ImageSweep {
  start(): void;
  stop(): Promise<void>;
  /** What failed the last time; undefined when nothing did. */
  failure(): string | undefined;
}

/** Deletes what no image names any more, beside the traffic. */
export function createImageSweep(
  images: Pick<ProductImages, 'sweep'>,
  { clock, log }: Pick<Runtime, 'clock' | 'log'>,
): ImageSweep {
  const stopping = new AbortController();
  let failed: string | undefined;
  let running: Promise<void> | undefined;
  const attempt = async (): Promise<void> => {
    try {
      // One batch at a time: what is left waits for the next.
      await images.sweep();
      failed = undefined;
    } catch (err) {
      failed = `sweeping images failed: ${messageOf(err)}`;
      log.error({ err }, 'sweeping images failed; it is tried again');
    }
  };
  const loop = async (): Promise<void> => {
    while (!stopping.signal.aborted) {
      await attempt();
      // Rejects when it is told to stop, which the condition sees.
      await clock.sleep(PAUSE_MS, stopping.signal).catch(() => undefined);
    }
  };
  return {
    start() {
      running = loop();
    },
    async stop() {
      stopping.abort();
      await running;
    },
    failure: () => failed,
  };
}
