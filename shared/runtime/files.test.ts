import { mkdtempSync, readdirSync, rmSync, statSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { createFileDurably, ensureFolder, readFileIfThere, writeFileDurably } from './files.ts';

let folder: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'holdfast-files-'));
});
afterEach(() => rmSync(folder, { recursive: true, force: true }));

const modeOf = (path: string): number => statSync(path).mode & 0o777;

describe('writeFileDurably', () => {
  it('replaces the file, sets its mode whatever the umask, and leaves nothing beside it', () => {
    const path = join(folder, 'turn');
    writeFileSync(path, 'old', { mode: 0o644 });
    const umask = process.umask(0o077);
    writeFileDurably(path, 'new', { mode: 0o640 });
    process.umask(umask);
    expect(readFileIfThere(path)?.toString()).toBe('new');
    expect(modeOf(path)).toBe(0o640);
    expect(readdirSync(folder)).toEqual(['turn']);
  });

  it('keeps the old file and removes its temporary one when it cannot replace', () => {
    const path = join(folder, 'taken');
    ensureFolder(path, 0o700);
    writeFileSync(join(path, 'inside'), '');
    expect(() => writeFileDurably(path, 'new', { mode: 0o600 })).toThrow();
    expect(readdirSync(folder)).toEqual(['taken']);
  });

  it('replaces a symbolic link instead of writing through it', () => {
    writeFileSync(join(folder, 'target'), 'kept');
    symlinkSync(join(folder, 'target'), join(folder, 'link'));
    writeFileDurably(join(folder, 'link'), 'new', { mode: 0o600 });
    expect(readFileIfThere(join(folder, 'target'))?.toString()).toBe('kept');
    expect(readFileIfThere(join(folder, 'link'))?.toString()).toBe('new');
  });
});

describe('createFileDurably', () => {
  it('makes the file once and never replaces it', () => {
    const path = join(folder, 'key');
    expect(createFileDurably(path, 'first', { mode: 0o600 })).toBe(true);
    expect(createFileDurably(path, 'second', { mode: 0o600 })).toBe(false);
    expect(readFileIfThere(path)?.toString()).toBe('first');
    expect(modeOf(path)).toBe(0o600);
    expect(readdirSync(folder)).toEqual(['key']);
  });
});

describe('readFileIfThere', () => {
  it('tells an absent file from one that cannot be read', () => {
    expect(readFileIfThere(join(folder, 'absent'))).toBeUndefined();
    expect(() => readFileIfThere(folder)).toThrow(/EISDIR/);
  });
});

describe('ensureFolder', () => {
  it('makes parents with the mode, and leaves a folder that is there as it is', () => {
    const path = join(folder, 'a', 'b');
    ensureFolder(path, 0o700);
    expect([modeOf(join(folder, 'a')), modeOf(path)]).toEqual([0o700, 0o700]);
    ensureFolder(path, 0o755);
    expect(modeOf(path)).toBe(0o700);
  });
});
