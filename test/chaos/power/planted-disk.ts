import fs from 'node:fs';
import { createRequire, syncBuiltinESMExports } from 'node:module';
import type { Database } from '@holdfast/shared/runtime/sqlite.ts';
import { POWER_PLANT_VARIABLE } from './plants.ts';

// One planted bug: the traced gateway and the traced cloud preload it, in each of their threads.
const WEAK_FILES: Readonly<Record<string, RegExp>> = {
  'buffer-synchronous-normal': /\/gateway\/buffer\.sqlite$/,
  'cloud-synchronous-normal': /\/cloud\//,
};
const SYNCHRONOUS_FULL = 2;

const plant = process.env[POWER_PLANT_VARIABLE] ?? '';
const weak = WEAK_FILES[plant];
if (weak) syncLess(weak);
if (plant === 'no-directory-sync') forgetFolders();

/** As where FULL was forgotten, and the check of it, too. */
function syncLess(files: RegExp): void {
  // The very library that the product loads, wherever it lies.
  const library = createRequire(import.meta.resolve('@holdfast/shared/runtime/sqlite.ts'));
  const { prototype } = library('better-sqlite3') as { prototype: Database };
  const { pragma } = prototype;
  prototype.pragma = function planted(this: Database, source, options) {
    if (!files.test(this.name)) return pragma.call(this, source, options);
    if (source.trim() === 'synchronous') return SYNCHRONOUS_FULL;
    const weaker = source.replace(/synchronous = FULL/i, 'synchronous = NORMAL');
    return pragma.call(this, weaker, options);
  };
  const { fdatasync } = fs;
  const forgetful = (handle: number, done: fs.NoParamCallback): void => {
    if (files.test(fs.readlinkSync(`/proc/self/fd/${handle}`))) setImmediate(done, null);
    else fdatasync(handle, done);
  };
  fs.fdatasync = Object.assign(forgetful, fdatasync);
  syncBuiltinESMExports();
}

function forgetFolders(): void {
  const { fsyncSync } = fs;
  fs.fsyncSync = (handle) => {
    if (!fs.fstatSync(handle).isDirectory()) fsyncSync(handle);
  };
  syncBuiltinESMExports();
}
