import {
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  truncateSync,
  utimesSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { testRuntime } from '@holdfast/shared/runtime/runtime.ts';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { openFolderObjects } from './objects.folder.ts';
import { bytesOf, type Objects } from './objects.ts';

let dir: string;
let objects: Objects;
const open = () => openFolderObjects({ dir, runtime: testRuntime() });
beforeEach(async () => {
  dir = mkdtempSync(join(tmpdir(), 'holdfast-objects-'));
  objects = await open();
});
afterEach(async () => {
  await objects.close();
  rmSync(dir, { recursive: true, force: true });
});

const DAMAGED = { code: 'STORE_DAMAGED' };

describe('objects in a folder', () => {
  it('hold back the last bytes of a damaged object, wherever the damage is', async () => {
    const body = Buffer.alloc(200_000, 7);
    const path = join(dir, 'a=object');
    await objects.put('a', body, { contentType: 'text/plain' });
    const whole = readFileSync(path);
    for (const at of [20, 300, 1024, 100_000, whole.length - 1]) {
      const damaged = Buffer.from(whole);
      damaged[at] = damaged[at]! ^ 1;
      writeFileSync(path, damaged);
      // A flipped blank of the header's padding changes nothing that is read.
      await expect(readAll(), `byte ${at}`).rejects.toMatchObject(DAMAGED);
    }
    writeFileSync(path, whole);
    truncateSync(path, whole.length - 1);
    await expect(readAll()).rejects.toMatchObject(DAMAGED);
    truncateSync(path, 100);
    await expect(objects.head('a')).rejects.toMatchObject(DAMAGED);
  });

  it('clear away what a crash left, but not what another process may be writing', async () => {
    mkdirSync(join(dir, 'x'));
    for (const name of ['a=object.1.tmp', 'x/a=object.2.tmp']) {
      writeFileSync(join(dir, name), 'half');
    }
    utimesSync(join(dir, 'x/a=object.2.tmp'), 1, 1);
    expect(await objects.list('')).toEqual([]);
    await objects.close();
    objects = await open();
    expect(readdirSync(dir).toSorted()).toEqual(['a=object.1.tmp', 'x']);
    expect(readdirSync(join(dir, 'x'))).toEqual([]);
  });
});

async function readAll(): Promise<Buffer> {
  return bytesOf((await objects.get('a'))!);
}
