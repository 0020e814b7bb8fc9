import { testRuntime } from '@holdfast/shared/runtime/runtime.ts';
import { sqliteError } from '@holdfast/shared/runtime/sqlite.ts';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { keyed, payloads, sealedOf, type World, world } from './buffer.case.fixture.ts';
import type { Buffer as GatewayBuffer } from './buffer.ts';
import { openBufferStore } from './buffer-file.sqlite.ts';
import { bufferSettingsSchema } from './buffer-settings.ts';
import type { OpenedStore } from './buffer-store.ts';
import { openBuffer } from './open-buffer.ts';

let place: World;
let buffer: GatewayBuffer;
/** The disk's next answers; empty while it is well. */
let faults: {
  write: string[];
  reopen: number;
  remedy?: string;
  /** So many times a salvage fails when it has moved the file. */
  steps: number;
};
beforeEach(() => {
  place = world();
  faults = { write: [], reopen: 0, steps: 0 };
  const steps = {
    reach(step: string): void {
      if (step !== 'buffer.salvage.moved' || faults.steps === 0) return;
      faults.steps -= 1;
      throw new Error('out of memory');
    },
  };
  const runtime = testRuntime({ steps });
  const opened = sickDisk(openBufferStore(place.file, runtime));
  ({ buffer } = openBuffer(opened, { runtime, settings: bufferSettingsSchema.parse({}) }));
});
afterEach(async () => {
  await buffer.close();
  place.remove();
});

/** A disk that fails where it is told to: after the write, as a failed sync does. */
function sickDisk(opened: OpenedStore): OpenedStore {
  const { writer } = opened;
  return {
    ...opened,
    writer: {
      async write(name, ...what) {
        const result = await writer.write(name, ...what);
        const code = faults.write.shift();
        if (code) throw sqliteError(code, 'the disk failed');
        return result;
      },
      get bytes() {
        return writer.bytes;
      },
    },
    reopen(remedy) {
      faults.remedy = remedy;
      if (faults.reopen-- > 0) throw sqliteError('SQLITE_IOERR', 'the disk is still sick');
      return sickDisk(opened.reopen(remedy));
    },
  };
}

const reopened = () => new Promise<void>((resolve) => buffer.onReopened(resolve));
const text = (value: number) => ({ payload: Buffer.from(`${value}`) });

it('acknowledges nothing after a failed sync, and goes on when it was opened anew', async () => {
  await buffer.append(keyed(1, text(1)));
  const { incarnation } = buffer;
  faults.write = ['SQLITE_IOERR_FSYNC'];
  const well = reopened();
  await expect(buffer.append(keyed(2, text(2)))).rejects.toMatchObject({ code: 'UNAVAILABLE' });
  await expect(buffer.append(keyed(3, text(3)))).rejects.toMatchObject({ code: 'UNAVAILABLE' });
  await well;
  expect(buffer.incarnation).toBe(incarnation);
  // The device sends again what was not acknowledged: what the disk had is known by its key.
  expect(await buffer.append(keyed(2, text(2)))).toEqual({ kind: 'duplicate' });
  expect(await buffer.append(keyed(3, text(3)))).toEqual({ kind: 'stored', sequence: 3n });
  await buffer.seal('telemetry');
  expect(await payloads(buffer, sealedOf(buffer, 'telemetry'))).toEqual(['1', '2', '3']);
});

it('is tried again while the disk stays sick', async () => {
  faults.write = ['SQLITE_IOERR_FSYNC'];
  faults.reopen = 2;
  const well = reopened();
  await expect(buffer.append(keyed(1))).rejects.toMatchObject({ code: 'UNAVAILABLE' });
  await well;
  expect(faults.reopen).toBe(-1);
  expect((await buffer.append(keyed(2))).kind).toBe('stored');
});

it('still says what it holds meanwhile, and listeners stay', async () => {
  await buffer.append(keyed(1));
  let grown = 0;
  buffer.onCommitted(() => grown++);
  faults.write = ['SQLITE_IOERR_FSYNC'];
  const well = reopened();
  await expect(buffer.append(keyed(2))).rejects.toMatchObject({ code: 'UNAVAILABLE' });
  expect(buffer.ledger(new Map()).reduce((sum, { accepted }) => sum + accepted, 0)).toBe(1);
  expect(() => buffer.sealed(buffer.incarnation, 'telemetry', 1n, 1)).toThrow(/opened again/);
  await well;
  grown = 0;
  await buffer.append(keyed(3));
  await new Promise((resolve) => setImmediate(resolve));
  expect(grown).toBe(1);
});

it('salvages when the file is not what was written', async () => {
  await buffer.append(keyed(1, text(1)));
  faults.write = ['SQLITE_CORRUPT'];
  const well = reopened();
  await expect(buffer.append(keyed(2, text(2)))).rejects.toMatchObject({ code: 'UNAVAILABLE' });
  await well;
  const lane = buffer.ledger(new Map()).find((one) => one.lane === 'telemetry');
  expect(lane).toMatchObject({ accepted: 2, damaged: 0, pending: 2 });
});

it('salvages a file that fails again and again, though the disk does not', async () => {
  await buffer.append(keyed(1, text(1)));
  const remedies: string[] = [];
  for (let at = 0; at < 3; at++) {
    faults.write = ['NO_ERROR_OF_THE_DISK'];
    const well = reopened();
    await expect(buffer.append(keyed(2, text(2)))).rejects.toMatchObject({ code: 'UNAVAILABLE' });
    await well;
    remedies.push(faults.remedy!);
    faults.write = [];
  }
  expect(remedies).toEqual(['again', 'again', 'salvage']);
  expect(await buffer.append(keyed(2, text(2)))).toEqual({ kind: 'duplicate' });
});

it('goes on with a salvage that failed in the middle, and loses nothing by it', async () => {
  await buffer.append(keyed(1, text(1)));
  faults.write = ['SQLITE_CORRUPT'];
  faults.steps = 1;
  const well = reopened();
  await expect(buffer.append(keyed(2, text(2)))).rejects.toMatchObject({ code: 'UNAVAILABLE' });
  await well;
  expect(faults.steps).toBe(0);
  const lane = buffer.ledger(new Map()).find((one) => one.lane === 'telemetry');
  expect(lane).toMatchObject({ accepted: 2, damaged: 0, pending: 2 });
});
