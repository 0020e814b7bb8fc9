import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';
import { deserialize, serialize } from 'node:v8';
import { zstdCompressSync, zstdDecompressSync } from 'node:zlib';
import { readTrace, type TraceStep } from './operations.ts';
import { POWER_PLANT_VARIABLE, type PowerPlant } from './plants.ts';
import type { ScenarioOptions } from './scenario.ts';
import { traceProgram } from './strace.ts';

/** Longer than the scenario takes before it gives itself up. */
const TRACE_TIMEOUT_MS = 150_000;
const PRELOAD = pathToFileURL(fileURLToPath(new URL('planted-disk.ts', import.meta.url))).href;

export interface RecordingOptions {
  readonly seed: number;
  readonly eventCount: number;
  readonly plant?: PowerPlant;
}

/** Records one life of gateway and cloud, and writes its steps to the file. */
export async function record(options: RecordingOptions, file: string): Promise<void> {
  const dir = mkdtempSync(join(tmpdir(), 'holdfast-trace-'));
  const { plant, ...rest } = options;
  const scenario: ScenarioOptions = plant ? { ...rest, preload: PRELOAD } : rest;
  const traceFile = join(dir, 'strace');
  try {
    await traceProgram({
      entry: 'test/chaos/power/scenario.ts',
      args: [JSON.stringify(scenario)],
      env: { [POWER_PLANT_VARIABLE]: plant ?? '' },
      traceFile,
      timeoutMs: TRACE_TIMEOUT_MS,
    });
    writeSteps(file, readTrace(readFileSync(traceFile)));
  } finally {
    rmSync(dir, { recursive: true, force: true });
  }
}

function writeSteps(file: string, steps: readonly TraceStep[]): void {
  writeFileSync(file, zstdCompressSync(serialize(steps)));
}

export function readSteps(file: string): readonly TraceStep[] {
  const steps = deserialize(zstdDecompressSync(readFileSync(file))) as readonly TraceStep[];
  // V8 gives bytes back as they are in memory, without Node's methods.
  return steps.map((step): TraceStep => {
    const { operation, begun, done } = step;
    if (operation?.kind !== 'write') return step;
    const { buffer, byteOffset, byteLength } = operation.bytes;
    const bytes = Buffer.from(buffer, byteOffset, byteLength);
    return { begun, done, operation: { ...operation, bytes } };
  });
}
