import { mkdirSync, writeFileSync } from 'node:fs';
import { dirname } from 'node:path';
import { breakingOpenApi, OPENAPI_BASELINE, OPENAPI_FILE, textOf } from './openapi-file.ts';
import { readText } from './proto-file.ts';
import { openRestCloud } from './rest-cloud.ts';

/**
 * Writes proto/openapi.json of all targets, and moves the baseline on when nothing breaks it. On a
 * break it exits with 1: the remedy is a new path (`/v2/…`) or an optional field beside the old.
 */
const cloud = await openRestCloud();
const text = textOf(cloud.document);
await cloud.close();
mkdirSync(dirname(OPENAPI_BASELINE), { recursive: true });
writeFileSync(OPENAPI_FILE, text);
const broken = readText(OPENAPI_BASELINE)
  ? await breakingOpenApi(OPENAPI_BASELINE, OPENAPI_FILE)
  : [];
if (broken.length === 0) writeFileSync(OPENAPI_BASELINE, text);
else process.exitCode = 1;
for (const line of broken) print(`breaking: ${line}`);
print(`proto/openapi.json is written, ${broken.length} breaking changes`);

function print(line: string): void {
  process.stderr.write(`${line}\n`);
}
