import { writeFileDurably } from '@holdfast/shared/runtime/files.ts';
import { HEADER } from './recording/recorded-row.ts';
import { type ColdStoreOptions, coldStore } from './scenario/cold-store.ts';
import { NO_FAULTS } from './scenario/faults.ts';

export interface RecordOptions extends Pick<ColdStoreOptions, 'seed' | 'deviceCount' | 'rate'> {
  readonly durationMs: number;
}

/** A recording starts at a fixed time, so that the same seed gives the same bytes on any day. */
const RECORDED_FROM_MS = Date.UTC(2026, 0, 5, 6);
const FILE_MODE = 0o644;

/** The scenario's readings as a recording, without faults and without a broker. */
export function recordingOf(options: RecordOptions): string {
  const rows = [HEADER];
  for (const emission of coldStore({ ...options, faults: NO_FAULTS, qos: 1 })) {
    if (emission.atMs >= options.durationMs) break;
    if (emission.kind !== 'message' || emission.channel === undefined) continue;
    const ts = new Date(Math.round(RECORDED_FROM_MS + emission.atMs)).toISOString();
    rows.push([ts, emission.device, emission.channel, emission.value].join(','));
  }
  return `${rows.join('\n')}\n`;
}

/** Writes the recording, and returns how many rows it has. */
export function record(options: RecordOptions & { out: string }): number {
  const text = recordingOf(options);
  writeFileDurably(options.out, text, { mode: FILE_MODE });
  return text.split('\n').length - 2;
}
