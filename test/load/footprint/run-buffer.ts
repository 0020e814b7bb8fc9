import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Buffer as GatewayBuffer } from '@holdfast/edge/buffer/buffer.ts';
import { openBufferStore } from '@holdfast/edge/buffer/buffer-file.sqlite.ts';
import { bufferSettingsSchema } from '@holdfast/edge/buffer/buffer-settings.ts';
import { openBuffer } from '@holdfast/edge/buffer/open-buffer.ts';
import { startOfflineSealer } from '@holdfast/edge/uplink/offline-sealer.ts';
import { LANES } from '@holdfast/shared/contracts/lanes.ts';
import { type SimulatedClock, simulatedClock } from '@holdfast/shared/runtime/clock.simulated.ts';
import { systemClock } from '@holdfast/shared/runtime/clock.ts';
import { testRuntime } from '@holdfast/shared/runtime/runtime.ts';
import { noSteps } from '@holdfast/shared/runtime/steps.ts';
import type { BufferRun, BufferRunResult } from './buffer-run.ts';
import { diskBytes, writtenBytes } from './process-figures.ts';
import { sensorMessages, type TimedMessage } from './sensor-messages.ts';

const START_MS = Date.UTC(2026, 0, 1);
const TICK_MS = 1;
/** Blocks that the cloud acknowledges at a time. */
const BLOCKS_PER_ACK = 8;

/** The gateway's buffer with its offline sealer, without broker and uplink. */
class BufferRunner {
  readonly #run: BufferRun;
  readonly #clock: SimulatedClock | undefined;
  readonly #buffer: GatewayBuffer;
  readonly #sealer: ReturnType<typeof startOfflineSealer>;
  readonly #fills: number[] = [];
  readonly #drains: number[] = [];
  #commits = 0;
  #messages = 0;
  #acceptedBytes = 0;
  #waiting: Promise<unknown>[] = [];
  #groupEndsMs = 0;

  constructor(run: BufferRun) {
    this.#run = run;
    this.#clock = run.clock === 'simulated' ? simulatedClock(START_MS) : undefined;
    const clock = this.#clock ?? systemClock;
    const reach = (step: string): void => {
      if (step === 'buffer.append.committed') this.#commits += 1;
    };
    const runtime = testRuntime({ clock, steps: { ...noSteps, reach } });
    // The simulated clock decides what shares a commit, so the buffer's own window stays shut.
    const commitWindowMs = this.#clock ? 0 : run.commitWindowMs;
    const settings = bufferSettingsSchema.parse({ commitWindowMs });
    const store = openBufferStore(join(run.folder, 'buffer.sqlite'), runtime);
    this.#buffer = openBuffer(store, { runtime, settings }).buffer;
    this.#sealer = startOfflineSealer({
      buffer: this.#buffer,
      clock,
      isStreaming: () => false,
      onError: fail,
    });
  }

  async run(): Promise<BufferRunResult> {
    const { folder, messages, perSecond, recordings, drainEvery } = this.#run;
    const startedMs = performance.now();
    const written = writtenBytes(process.pid);
    const load = sensorMessages({ perSecond, startMs: START_MS, recordings });
    for await (const timed of load) {
      await (this.#clock ? this.#simulate(this.#clock, timed) : this.#pace(timed, startedMs));
      if (drainEvery !== undefined && this.#messages % drainEvery === 0) await this.#drain();
      if (this.#messages === messages) break;
    }
    await this.#commit();
    await this.#sealer.stop();
    const result = {
      messages: this.#messages,
      acceptedBytes: this.#acceptedBytes,
      writtenBytes: writtenBytes(process.pid) - written,
      commits: this.#commits,
      diskBytes: diskBytes(folder),
      fills: this.#fills,
      drains: this.#drains,
      seconds: (performance.now() - startedMs) / 1000,
    };
    await this.#buffer.close();
    return result;
  }

  /** What comes within one commit window is appended together, as the gateway does. */
  async #simulate(clock: SimulatedClock, { atMs, message }: TimedMessage): Promise<void> {
    if (this.#waiting.length > 0 && atMs >= this.#groupEndsMs) await this.#commit();
    if (this.#waiting.length === 0) this.#groupEndsMs = atMs + this.#run.commitWindowMs;
    await clock.advance(Math.max(0, atMs - clock.monotonicMs()));
    this.#append(message);
  }

  /** What is due is appended, each turn of the event loop. */
  async #pace({ atMs, message }: TimedMessage, startedMs: number): Promise<void> {
    while (performance.now() - startedMs < atMs) await sleep(TICK_MS);
    this.#append(message);
    if (this.#waiting.length >= this.#run.perSecond) await this.#commit();
  }

  #append(message: TimedMessage['message']): void {
    this.#messages += 1;
    this.#acceptedBytes += message.payload.byteLength;
    this.#waiting.push(this.#buffer.append(message));
  }

  async #commit(): Promise<void> {
    const waiting = this.#waiting;
    this.#waiting = [];
    await Promise.all(waiting);
  }

  async #drain(): Promise<void> {
    await this.#commit();
    this.#fills.push(diskBytes(this.#run.folder));
    const { incarnation } = this.#buffer;
    for (const lane of LANES) {
      await this.#buffer.seal(lane);
      for (let from = 1n; ; ) {
        const heads = this.#buffer.sealed(incarnation, lane, from, BLOCKS_PER_ACK);
        const last = heads.at(-1)?.range.last;
        if (last === undefined) break;
        await this.#buffer.acknowledge(incarnation, lane, { contiguous: last, ranges: [] });
        from = last + 1n;
      }
    }
    this.#drains.push(diskBytes(this.#run.folder));
  }
}

function fail(error: unknown): never {
  process.stderr.write(`${(error as Error).stack}\n`);
  process.exit(1);
}

const run = JSON.parse(process.argv[2]!) as BufferRun;
process.stdout.write(`${JSON.stringify(await new BufferRunner(run).run())}\n`);
