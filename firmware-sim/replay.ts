import { createHash } from 'node:crypto';
import { basename } from 'node:path';
import { AppError } from '@holdfast/shared/lib/app-error.ts';
import { type DeviceLink, type OutgoingMessage, openDeviceLink } from './link/device-link.ts';
import { newTally, type Summary, summaryOf, type Tally } from './link/tally.ts';
import type { DeviceKey } from './payload.ts';
import { payloadOf } from './payload.ts';
import { createPace, type Pace, type Speed } from './recording/pace.ts';
import type { RecordedRow } from './recording/recorded-row.ts';
import { assertRecording, type NumberedRow, readRecording } from './recording/recording-file.ts';
import { topicLevel } from './recording/topic-level.ts';
import { DRAIN_MS_MAX, type Stage, waitUntil } from './stage.ts';

export interface ReplayOptions extends Stage {
  readonly csv: string;
  readonly url: string;
  readonly speed: Speed;
  /** From the beginning again, until the signal. */
  readonly loop: boolean;
  /** The times of the recording move, so that it starts now and runs at its speed. */
  readonly now: boolean;
  /** The first malformed row ends the replay. */
  readonly strict: boolean;
  /** The same file, device and run id give the same keys: what a run repeats is recognised. */
  readonly runId: string;
  readonly firstConnectMsMax?: number;
  /** Told of the first malformed rows. */
  readonly onNote?: (note: string) => void;
  readonly onAcknowledged?: (message: OutgoingMessage) => void;
  readonly tally?: Tally;
}

export interface ReplaySummary extends Summary {
  readonly rows: number;
  readonly malformed: number;
}

/** One counter per device; beyond it the recording is not one of devices. */
export const DEVICES_MAX = 100_000;
/** Of malformed rows the first ones are told, all are counted. */
const NOTES_MAX = 10;

/**
 * Publishes a recording in its order, at its pace. Throws UNAVAILABLE or FORBIDDEN when there is no
 * broker to speak to, NOT_FOUND or REQUEST_INVALID when there is no recording to read.
 */
export async function replay(options: ReplayOptions): Promise<ReplaySummary> {
  await assertRecording(options.csv);
  const tally = options.tally ?? newTally();
  const link = await openDeviceLink({
    ...options,
    tally,
    clientId: `replay-${createHash('sha256').update(options.runId).digest('hex').slice(0, 12)}`,
    session: 'clean',
  });
  const run = new Replay(options, link);
  try {
    await run.play();
  } finally {
    await link.close(DRAIN_MS_MAX);
  }
  return { ...summaryOf(tally), rows: run.rows, malformed: run.malformed };
}

class Replay {
  rows = 0;
  malformed = 0;
  readonly #options: ReplayOptions;
  readonly #link: DeviceLink;
  readonly #pace: Pace;
  readonly #startedAtMs: number;
  readonly #startedNow: number;
  readonly #sequences = new Map<string, number>();

  constructor(options: ReplayOptions, link: DeviceLink) {
    this.#options = options;
    this.#link = link;
    this.#pace = createPace(options.speed);
    this.#startedAtMs = options.clock.monotonicMs();
    this.#startedNow = options.clock.now();
  }

  async play(): Promise<void> {
    const { loop, signal } = this.#options;
    for (let pass = 1; !signal?.aborted; pass++) {
      const before = this.rows;
      await this.#playOnce(pass);
      if (!loop || signal?.aborted) return;
      // Without this a loop over an empty recording would turn for ever.
      if (this.rows === before) throw this.#empty();
      this.#pace.border();
    }
  }

  async #playOnce(pass: number): Promise<void> {
    this.#sequences.clear();
    for await (const numbered of readRecording(this.#options.csv)) {
      if (this.#options.signal?.aborted) return;
      if (numbered.kind === 'malformed') this.#note(numbered.line, numbered.problem);
      else await this.#publish(numbered, pass);
    }
  }

  async #publish({ row }: NumberedRow & { kind: 'row' }, pass: number): Promise<void> {
    const { clock, signal } = this.#options;
    const dueMs = this.#pace.dueMs(row.tsMs);
    await waitUntil(this.#startedAtMs + dueMs, { clock, signal });
    if (signal?.aborted) return;
    const { value } = row;
    const payload = payloadOf({ value, ts: this.#timeOf(row, dueMs), key: this.#keyOf(row, pass) });
    const topic = `devices/${topicLevel(row.device)}/telemetry/${topicLevel(row.metric)}`;
    this.rows++;
    await this.#link.send({ topic, payload, qos: 1 });
  }

  #timeOf(row: RecordedRow, dueMs: number): string {
    const { now, speed, clock } = this.#options;
    if (!now) return row.ts;
    return new Date(speed === 'max' ? clock.now() : this.#startedNow + dueMs).toISOString();
  }

  #keyOf({ device }: RecordedRow, pass: number): DeviceKey {
    const { csv, runId } = this.#options;
    const seq = (this.#sequences.get(device) ?? 0) + 1;
    if (seq === 1 && this.#sequences.size >= DEVICES_MAX) {
      throw new AppError('REQUEST_INVALID', `${csv} has more than ${DEVICES_MAX} devices`);
    }
    this.#sequences.set(device, seq);
    return { boot: bootOf([basename(csv), device, runId, String(pass)]), seq };
  }

  #note(line: number, problem: string): void {
    const { csv, strict, onNote } = this.#options;
    const text = `${csv}:${line}: ${problem}`;
    if (strict) throw new AppError('REQUEST_INVALID', text);
    this.malformed++;
    if (this.malformed <= NOTES_MAX) onNote?.(`${text}; the row is left out`);
  }

  #empty(): AppError {
    return new AppError('REQUEST_INVALID', `${this.#options.csv} has no row to replay`);
  }
}

function bootOf(parts: readonly string[]): string {
  return createHash('sha256').update(parts.join('\0')).digest('hex').slice(0, 12);
}
