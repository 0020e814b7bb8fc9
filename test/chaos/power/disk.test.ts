import { seededRandom } from '@holdfast/shared/runtime/random.ts';
import { describe, expect, it } from 'vitest';
import { Disk } from './disk.ts';
import { drawFates, type Fates, NOTHING_SURVIVES } from './fates.ts';
import type { DiskOperation } from './operations.ts';

const EVERYTHING_SURVIVES: Fates = {
  keepsName: () => true,
  ofFile: () => ({ kind: 'kept' }),
  noise: () => 'zeros',
};
const TRIES = 300;

const create = (path: string): DiskOperation => ({ kind: 'create', path, mode: 0o600 });
const write = (path: string, text: string, offset = 0): DiskOperation => ({
  kind: 'write',
  path,
  offset,
  bytes: Buffer.from(text),
});
const sync = (path: string): DiskOperation => ({ kind: 'sync', path });

function diskWith(...operations: DiskOperation[]): Disk {
  const disk = new Disk('gateway');
  for (const [at, operation] of operations.entries())
    disk.apply(operation, { begun: at, done: at });
  return disk;
}

function cutOf(disk: Disk, fates: Fates): Record<string, string> {
  const files = [...disk.cut(fates)].filter(([path]) => path !== 'gateway');
  return Object.fromEntries(files.map(([path, { bytes }]) => [path, bytes?.toString() ?? '/']));
}

/** Every outcome that drawn cuts led to, as JSON. */
function outcomes(disk: Disk): Set<string> {
  const random = seededRandom(1);
  const draws = Array.from({ length: TRIES }, () => cutOf(disk, drawFates(random)));
  return new Set(draws.map((outcome) => JSON.stringify(outcome)));
}

describe('what a sync makes safe', () => {
  it('keeps a synced file only when its name was synced, too', () => {
    const nameless = diskWith(create('gateway/a'), write('gateway/a', 'x'), sync('gateway/a'));
    expect(cutOf(nameless, NOTHING_SURVIVES)).toEqual({});
    nameless.apply(sync('gateway'), { begun: 9, done: 9 });
    expect(cutOf(nameless, NOTHING_SURVIVES)).toEqual({ 'gateway/a': 'x' });
  });

  it('keeps a synced name of a file whose bytes were not synced', () => {
    const disk = diskWith(create('gateway/a'), write('gateway/a', 'x'), sync('gateway'));
    expect(cutOf(disk, NOTHING_SURVIVES)).toEqual({ 'gateway/a': '' });
    expect(outcomes(disk)).toContain('{"gateway/a":"x"}');
  });

  it('loses a folder with all that is in it when its own name was not synced', () => {
    const disk = diskWith(
      { kind: 'create-folder', path: 'gateway/sub', mode: 0o700 },
      create('gateway/sub/a'),
      write('gateway/sub/a', 'x'),
      sync('gateway/sub/a'),
      sync('gateway/sub'),
    );
    expect(cutOf(disk, NOTHING_SURVIVES)).toEqual({});
    expect(cutOf(disk, EVERYTHING_SURVIVES)).toEqual({ 'gateway/sub': '/', 'gateway/sub/a': 'x' });
  });

  it('does not count what ended only after the sync began', () => {
    const disk = diskWith(create('gateway/a'), sync('gateway'));
    disk.apply(write('gateway/a', 'early'), { begun: 10, done: 11 });
    disk.apply(write('gateway/a', 'late!'), { begun: 10, done: 13 });
    disk.apply(sync('gateway/a'), { begun: 12, done: 14 });
    expect(cutOf(disk, NOTHING_SURVIVES)).toEqual({ 'gateway/a': 'early' });
  });

  it('keeps everything on a machine that only lost its programs', () => {
    const disk = diskWith(create('gateway/a'), write('gateway/a', 'x'));
    expect(disk.present().get('gateway/a')).toEqual({ mode: 0o600, bytes: Buffer.from('x') });
  });
});

describe('names without a sync', () => {
  const old = [create('gateway/a'), write('gateway/a', 'old'), sync('gateway/a'), sync('gateway')];
  const renamed = diskWith(
    ...old,
    create('gateway/tmp'),
    write('gateway/tmp', 'new'),
    sync('gateway/tmp'),
    { kind: 'rename', path: 'gateway/tmp', to: 'gateway/a' },
  );

  it('renames as one: the old file or the new one, never none and never a part', () => {
    const found = [...outcomes(renamed)].map((text) => JSON.parse(text) as Record<string, string>);
    expect(new Set(found.map((files) => files['gateway/a']))).toEqual(new Set(['old', 'new']));
    for (const files of found) if (files['gateway/tmp']) expect(files['gateway/a']).toBe('old');
  });

  it('may keep a later change and lose an earlier one', () => {
    const disk = diskWith(create('gateway/a'), create('gateway/b'));
    expect(outcomes(disk)).toContain('{"gateway/b":""}');
  });

  it('may bring a removed file back until its folder is synced', () => {
    const disk = diskWith(...old, { kind: 'remove', path: 'gateway/a' });
    expect(outcomes(disk)).toEqual(new Set(['{}', '{"gateway/a":"old"}']));
    disk.apply(sync('gateway'), { begun: 9, done: 9 });
    expect(outcomes(disk)).toEqual(new Set(['{}']));
  });
});
