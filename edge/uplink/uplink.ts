import type { Lane } from '@holdfast/shared/contracts/lanes.ts';
import { AppError } from '@holdfast/shared/lib/app-error.ts';
import type { Module } from '@holdfast/shared/runtime/modules.ts';
import type { Runtime } from '@holdfast/shared/runtime/runtime.ts';
import type { Buffer as GatewayBuffer } from '../buffer/buffer.ts';
import type { GatewayCredentials } from '../identity/credentials.ts';
import { BlockSize, sealingBySize } from './block-size.ts';
import type { OpenLink } from './link.ts';
import { createMeters } from './meters.ts';
import { startOfflineSealer } from './offline-sealer.ts';
import { retryDelayMs } from './retry-delay.ts';
import type { UplinkSettings } from './settings.ts';
import { fencedError, type StreamEnd, UplinkStream } from './uplink-stream.ts';

export interface OpenUplinkOptions {
  readonly buffer: GatewayBuffer;
  /** Asked before each stream, so that a renewed certificate is used. */
  readonly identity: () => GatewayCredentials;
  readonly settings: UplinkSettings;
  readonly runtime: Runtime;
  /** How to reach the cloud. */
  readonly openLink: OpenLink;
  readonly softwareVersion: string;
  readonly connectedDevices?: () => number;
  /** Told the cloud's clock, microseconds since 1970, at each Welcome. */
  readonly onCloudTime?: (unixMicros: bigint) => void;
}

export interface UplinkState {
  /** `fenced` stays until a person enrols the gateway again and restarts it. */
  readonly phase: 'stopped' | 'connecting' | 'streaming' | 'waiting' | 'fenced';
  /** Why it is not streaming. */
  readonly error: AppError | undefined;
  /** The highest sequence that is backlog, by lane; as the last Welcome drew it. */
  readonly lines: ReadonlyMap<Lane, bigint>;
  /** Lanes that hold back, with the reason. */
  readonly holds: readonly { readonly lane: Lane; readonly hold: string }[];
}

export interface Uplink {
  readonly module: Module;
  state(): UplinkState;
}

/**
 * Keeps one stream to the cloud open, for as long as the module runs. Being offline is a state, not
 * a failure.
 */
export function openUplink(options: OpenUplinkOptions): Uplink {
  const uplink = new ReconnectingUplink(options);
  return {
    module: {
      name: 'uplink',
      needs: ['buffer'],
      start: async () => uplink.start(),
      stop: () => uplink.stop(),
      degraded: () => uplink.degraded(),
    },
    state: () => uplink.state(),
  };
}

class ReconnectingUplink {
  readonly #options: OpenUplinkOptions;
  readonly #meters;
  readonly #stopping = new AbortController();
  readonly #blockSize = new BlockSize();
  #spreadMs = 0;
  #phase: UplinkState['phase'] = 'stopped';
  #error: AppError | undefined;
  #lines: ReadonlyMap<Lane, bigint> = new Map();
  #stream: UplinkStream | undefined;
  #sealer: ReturnType<typeof startOfflineSealer> | undefined;
  #running: Promise<void> | undefined;

  constructor(options: OpenUplinkOptions) {
    this.#options = options;
    this.#meters = createMeters(options.runtime.metrics);
    this.#meters.connected.set(0);
  }

  start(): void {
    const { buffer, runtime } = this.#options;
    this.#sealer = startOfflineSealer({
      buffer: sealingBySize(buffer, this.#blockSize),
      clock: runtime.clock,
      isStreaming: () => this.#phase === 'streaming',
      onError: (error) => runtime.log.warn({ err: error }, 'the backlog is not sealed'),
    });
    this.#running = this.#run();
  }

  async stop(): Promise<void> {
    this.#stopping.abort();
    await this.#sealer?.stop();
    await this.#stream?.stop();
    await this.#running;
    if (this.#phase !== 'fenced') this.#phase = 'stopped';
  }

  state(): UplinkState {
    return {
      phase: this.#phase,
      error: this.#error,
      lines: this.#lines,
      holds: this.#stream?.holds() ?? [],
    };
  }

  degraded(): string | undefined {
    if (this.#phase !== 'streaming') return describe(this.#error) ?? 'connecting to the cloud';
    const holds = this.#stream?.holds().filter(({ hold }) => hold === 'stuck') ?? [];
    if (holds.length === 0) return undefined;
    const lanes = holds.map(({ lane }) => lane).join(', ');
    return `lane ${lanes}: the cloud lacks what was acknowledged; a person has to look`;
  }

  async #run(): Promise<void> {
    let failures = 0;
    while (!this.#stopping.signal.aborted) {
      this.#phase = 'connecting';
      const end = await this.#streamOnce();
      this.#meters.connected.set(0);
      if (end.kind === 'fenced') return this.#fenced(end.hint);
      failures = end.isProven ? 1 : failures + 1;
      if (!(await this.#pause(end, failures))) return;
      this.#meters.reconnects.add(1);
    }
  }

  async #streamOnce(): Promise<StreamEnd> {
    try {
      const stream = new UplinkStream({
        ...this.#options,
        credentials: this.#options.identity(),
        meters: this.#meters,
        blockSize: this.#blockSize,
        connectedDevices: this.#options.connectedDevices ?? (() => 0),
        onStreaming: (lines) => this.#streaming(lines),
        onRetrySpread: (spreadMs) => {
          this.#spreadMs = spreadMs;
        },
        onCloudTime: this.#options.onCloudTime ?? (() => {}),
      });
      this.#stream = stream;
      return await stream.finished;
    } catch (cause) {
      if (!(cause instanceof AppError)) throw cause;
      return { kind: 'ended', error: cause, retryNow: false, isProven: false };
    } finally {
      this.#stream = undefined;
    }
  }

  #streaming(lines: ReadonlyMap<Lane, bigint>): void {
    this.#phase = 'streaming';
    this.#error = undefined;
    this.#lines = lines;
    this.#meters.connected.set(1);
    this.#options.runtime.log.info('the cloud is connected');
  }

  #fenced(hint: string): void {
    this.#phase = 'fenced';
    this.#error = fencedError(hint);
    this.#options.runtime.log.error({ hint }, 'fenced: nothing is sent until a person chooses');
  }

  /** Waits before the next stream; false when the module stops meanwhile. */
  async #pause(end: Extract<StreamEnd, { kind: 'ended' }>, failures: number): Promise<boolean> {
    const { runtime, settings } = this.#options;
    const { signal } = this.#stopping;
    if (signal.aborted) return false;
    const { error, retryNow } = end;
    // One line for each new reason: an outage of days must not fill the log.
    const level = error.code === this.#error?.code ? 'debug' : 'warn';
    runtime.log[level]({ err: error, failures }, 'the stream to the cloud ended');
    this.#phase = 'waiting';
    this.#error = error;
    const fraction = runtime.random.fraction();
    const delayMs = retryNow
      ? settings.retryDelayMsMin
      : retryDelayMs(settings, { failures, error, fraction, spreadMs: this.#spreadMs });
    const stopped = Symbol('stopped');
    const slept = await runtime.clock.sleep(delayMs, signal).catch(() => stopped);
    return slept !== stopped;
  }
}

function describe(error: AppError | undefined): string | undefined {
  if (!error) return undefined;
  return error.hint ? `${error.message}; ${error.hint}` : error.message;
}
