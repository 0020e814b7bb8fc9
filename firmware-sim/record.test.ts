import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { expect, it } from 'vitest';
import { recordingOf } from './record.ts';
import { readRecording } from './recording/recording-file.ts';

const COMMITTED = fileURLToPath(new URL('recordings/cold-store.csv', import.meta.url));
const BYTES_MAX = 300_000;

it('makes the committed recording again, byte for byte', () => {
  const fresh = recordingOf({ seed: 7, deviceCount: 50, rate: 5, durationMs: 900_000 });
  const isSame = fresh === readFileSync(COMMITTED, 'utf8');
  const refresh =
    'node firmware-sim/main.ts record --scenario cold-store --seed 7 --duration 900 ' +
    '--out firmware-sim/recordings/cold-store.csv';
  expect(isSame, `the recording is stale; run: ${refresh}`).toBe(true);
});

it('keeps the committed recording small and whole', async () => {
  expect(readFileSync(COMMITTED).byteLength).toBeLessThan(BYTES_MAX);
  const devices = new Set<string>();
  for await (const each of readRecording(COMMITTED)) {
    expect(each.kind).toBe('row');
    if (each.kind === 'row') devices.add(each.row.device);
  }
  expect(devices.size).toBe(50);
});
