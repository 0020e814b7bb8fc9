import { mkdirSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import {
  BASELINE_FOLDER,
  breakingExports,
  EXPORT_FOLDER,
  exportedSchemas,
  readSchemas,
} from './event-schemas.ts';

/**
 * Writes proto/events, and moves the baseline on when nothing breaks it. On a break it exits with
 * 1: the remedy is a new event type beside the old one (`order.placed.v2`), not another baseline.
 */
for (const folder of [EXPORT_FOLDER, BASELINE_FOLDER]) mkdirSync(folder, { recursive: true });
const schemas = exportedSchemas();
const broken = breakingExports(readSchemas(BASELINE_FOLDER), schemas);
for (const name of readSchemas(EXPORT_FOLDER).keys()) rmSync(join(EXPORT_FOLDER, name));
write(EXPORT_FOLDER);
if (broken.length === 0) write(BASELINE_FOLDER);
else process.exitCode = 1;
for (const line of broken) print(`breaking: ${line}`);
print(`${schemas.size} schemas written to proto/events, ${broken.length} breaking changes`);

function write(folder: string): void {
  for (const [name, text] of schemas) writeFileSync(join(folder, name), text);
}

function print(line: string): void {
  process.stderr.write(`${line}\n`);
}
