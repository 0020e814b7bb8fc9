import { fork } from 'node:child_process';
import { createHash } from 'node:crypto';
import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { seededRandom, systemRandom } from '@holdfast/shared/runtime/random.ts';
import { testRuntime } from '@holdfast/shared/runtime/runtime.ts';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { ObjectsTask } from './objects.case.child.ts';
import { openFolderObjects } from './objects.folder.ts';
import { bytesOf, type Objects, type StoredObject } from './objects.ts';

interface ObjectsAdapter {
  readonly name: string;
  /** `place` is empty at first; opening it again is a restart. */
  open(place: string): Promise<Objects>;
  /** A process that puts the object for ever; see the child. */
  putForEver(place: string, key: string): ReturnType<typeof fork>;
}

const folder: ObjectsAdapter = {
  name: 'folder',
  open: (place) => openFolderObjects({ dir: join(place, 'objects'), runtime: testRuntime() }),
  putForEver: (place, key) =>
    fork(join(import.meta.dirname, 'objects.case.child.ts'), [
      JSON.stringify({ dir: join(place, 'objects'), key } satisfies ObjectsTask),
    ]),
};

const TEXT = { contentType: 'text/plain' };
const LARGE = systemRandom.bytes(300_000);
let place: string;
let objects: Objects;
beforeEach(() => {
  place = mkdtempSync(join(tmpdir(), 'holdfast-objects-'));
});
afterEach(async () => {
  await objects.close();
  rmSync(place, { recursive: true, force: true });
});

for (const adapter of [folder]) {
  describe(`objects on ${adapter.name}`, () => {
    beforeEach(async () => {
      objects = await adapter.open(place);
    });
    describe('values', () => valueCases(adapter));
    describe('refusals', refusalCases);
    describe('readers and writers', () => concurrencyCases(adapter));
    describe('lists', listCases);
  });
}

function valueCases(adapter: ObjectsAdapter): void {
  it('keeps bytes, type and checksum over a restart', async () => {
    const info = await objects.put('a/b.png', LARGE, { contentType: 'image/png' });
    const checksum = createHash('sha256').update(LARGE).digest('hex');
    const expected = { key: 'a/b.png', bytes: 300_000, contentType: 'image/png', checksum };
    expect(info).toEqual(expected);
    await objects.close();
    objects = await adapter.open(place);
    expect(await objects.head('a/b.png')).toEqual(expected);
    const object = await objects.get('a/b.png');
    await object?.close();
    expect(object).toMatchObject(expected);
    expect(LARGE.equals(await read('a/b.png'))).toBe(true);
  });

  it('takes a stream as it takes bytes, and an empty body', async () => {
    await objects.put('stream', inPieces(LARGE, 7_000), TEXT);
    expect(LARGE.equals(await read('stream'))).toBe(true);
    await objects.put('empty', new Uint8Array(), TEXT);
    expect(await read('empty')).toHaveLength(0);
  });

  it('has nothing for a key that is not there', async () => {
    expect(await objects.get('a')).toBeUndefined();
    expect(await objects.head('a')).toBeUndefined();
  });

  it('deletes idempotently', async () => {
    await objects.put('a/b', LARGE, TEXT);
    await objects.delete('a/b');
    await objects.delete('a/b');
    await objects.delete('never/was');
    expect(await objects.get('a/b')).toBeUndefined();
    await objects.close();
    objects = await adapter.open(place);
    expect(await objects.head('a/b')).toBeUndefined();
  });

  it('hides no key behind another', async () => {
    const keys = ['a', 'a/b', 'a/b/c', 'a.object/b', 'a.object', 'a-b', 'a.tmp', '0'.repeat(200)];
    for (const key of keys) await objects.put(key, Buffer.from(key), TEXT);
    for (const key of keys) expect(String(await read(key))).toBe(key);
    await objects.delete('a');
    for (const key of keys.slice(1)) expect(String(await read(key))).toBe(key);
  });
}

function refusalCases(): void {
  it('refuses a wrong checksum, and keeps what was there', async () => {
    await objects.put('a', Buffer.from('first'), TEXT);
    const checksum = createHash('sha256').update('second').digest('hex');
    await expect(
      objects.put('a', Buffer.from('third'), { ...TEXT, checksum }),
    ).rejects.toMatchObject({ code: 'REQUEST_INVALID' });
    expect(String(await read('a'))).toBe('first');
    await objects.put('a', Buffer.from('second'), { ...TEXT, checksum });
    expect(String(await read('a'))).toBe('second');
  });

  it('refuses more bytes than asked for, of bytes and of a stream', async () => {
    for (const body of [LARGE, inPieces(LARGE, 1_000)]) {
      await expect(
        objects.put('a', body, { ...TEXT, bytesMax: LARGE.byteLength - 1 }),
      ).rejects.toMatchObject({ code: 'PAYLOAD_TOO_LARGE' });
    }
    expect(await objects.list('')).toEqual([]);
    await objects.put('a', LARGE, { ...TEXT, bytesMax: LARGE.byteLength });
  });

  it('keeps what was there when the sender breaks off', async () => {
    await objects.put('a', Buffer.from('first'), TEXT);
    await expect(objects.put('a', breakingOff(), TEXT)).rejects.toThrow('the sender went away');
    expect(String(await read('a'))).toBe('first');
    expect(await objects.list('')).toEqual(['a']);
  });

  it('refuses what is no key and what is no content type', async () => {
    const wrong = ['', '/', 'a/', '/a', 'a//b', '..', 'a/../b', 'A', 'a b', 'ä', 'a\0', 'a=object'];
    for (const key of [...wrong, 'a'.repeat(201), `${'a/'.repeat(256)}aa`]) {
      const refusal = { code: 'REQUEST_INVALID' };
      await expect(objects.put(key, LARGE, TEXT), key).rejects.toMatchObject(refusal);
      await expect(objects.get(key), key).rejects.toMatchObject(refusal);
      await expect(objects.head(key), key).rejects.toMatchObject(refusal);
      await expect(objects.delete(key), key).rejects.toMatchObject(refusal);
    }
    for (const contentType of ['', 'text/plain\r\nx: y', 'ü', 'a'.repeat(129)]) {
      await expect(objects.put('a', LARGE, { contentType })).rejects.toMatchObject({
        code: 'REQUEST_INVALID',
      });
    }
  });

  it('throws UNAVAILABLE after close', async () => {
    await objects.close();
    await expect(objects.get('a')).rejects.toMatchObject({ code: 'UNAVAILABLE' });
    await expect(objects.list('')).rejects.toMatchObject({ code: 'UNAVAILABLE' });
    await expect(objects.put('a', LARGE, TEXT)).rejects.toMatchObject({ code: 'UNAVAILABLE' });
  });
}

function concurrencyCases(adapter: ObjectsAdapter): void {
  it('reads to the end what was replaced or deleted meanwhile', async () => {
    for (const change of [
      () => objects.put('a', Buffer.from('next'), TEXT),
      () => objects.delete('a'),
    ]) {
      await objects.put('a', LARGE, TEXT);
      const begun = await begin('a');
      await change();
      expect(LARGE.equals(await begun.rest())).toBe(true);
    }
  });

  it('lets a reader go before the end', async () => {
    await objects.put('a', LARGE, TEXT);
    const unread = await objects.get('a');
    await unread?.close();
    const begun = await begin('a');
    await begun.object.close();
    expect(LARGE.equals(await read('a'))).toBe(true);
  });

  it('ends with one of two bodies that were put at the same time', async () => {
    const bodies = [1, 2, 3, 4].map((fill) => Buffer.alloc(200_000, fill));
    await Promise.all(bodies.map((body) => objects.put('x/a', inPieces(body, 9_000), TEXT)));
    const kept = await read('x/a');
    expect(bodies.filter((body) => body.equals(kept))).toHaveLength(1);
  });

  it('shows a whole object, and loses no resolved put, when the writer is killed', async () => {
    for (let round = 0; round < 4; round++) {
      const child = adapter.putForEver(place, 'deep/er/a');
      let resolved = 0;
      child.on('message', (count: number) => {
        resolved = count;
        if (count > 5 + round * 3) child.kill('SIGKILL');
      });
      await once(child, 'close');
      const text = String(await read('deep/er/a'));
      expect(text).toBe(text.slice(0, 10).repeat(20_000));
      expect(Number(text.slice(0, 10))).toBeGreaterThanOrEqual(resolved);
      expect(await objects.list('')).toEqual(['deep/er/a']);
    }
  });
}

function listCases(): void {
  it('lists by prefix, sorted by bytes, page by page, as a plain sort would', async () => {
    const seed = Number(process.env['HOLDFAST_SEED']);
    const random = seededRandom(seed);
    const part = (): string =>
      Array.from({ length: 1 + random.int(2) }, (_, at) =>
        at === 0 ? 'ab0'[random.int(3)] : 'ab.-_'[random.int(5)],
      ).join('');
    const key = (): string => Array.from({ length: 1 + random.int(3) }, part).join('/');
    const keys = new Set(Array.from({ length: 60 }, key));
    for (const each of keys) await objects.put(each, Buffer.from(each), TEXT);
    const sorted = [...keys].sort();
    for (const prefix of ['', 'a', 'a/', 'a/b', 'b.', 'zz', ...Array.from({ length: 10 }, key)]) {
      const expected = sorted.filter((each) => each.startsWith(prefix));
      expect(await objects.list(prefix), `seed ${seed}, prefix ${prefix}`).toEqual(expected);
      expect(await pages(prefix, 7), `seed ${seed}, prefix ${prefix}`).toEqual(expected);
    }
  });
}

async function pages(prefix: string, limit: number): Promise<string[]> {
  const all: string[] = [];
  for (;;) {
    const page = await objects.list(prefix, { after: all.at(-1) ?? '', limit });
    all.push(...page);
    if (page.length < limit) return all;
  }
}

async function read(key: string): Promise<Buffer> {
  const object = await objects.get(key);
  expect(object, key).toBeDefined();
  return bytesOf(object!);
}

async function begin(key: string): Promise<{ object: StoredObject; rest(): Promise<Buffer> }> {
  const object = (await objects.get(key))!;
  const reader = object.body[Symbol.asyncIterator]();
  const first = await reader.next();
  const rest = async (): Promise<Buffer> => {
    const chunks = [first.value as Uint8Array];
    for (let next = await reader.next(); !next.done; next = await reader.next()) {
      chunks.push(next.value);
    }
    return Buffer.concat(chunks);
  };
  return { object, rest };
}

async function* inPieces(bytes: Buffer, size: number): AsyncIterable<Uint8Array> {
  for (let at = 0; at < bytes.byteLength; at += size) yield bytes.subarray(at, at + size);
}

async function* breakingOff(): AsyncIterable<Uint8Array> {
  yield LARGE;
  throw new Error('the sender went away');
}
