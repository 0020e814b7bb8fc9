import { copyFileSync } from 'node:fs';
import { ASYNCAPI_BASELINE, ASYNCAPI_FILE, breakingFrames, readAsyncApi } from './asyncapi-file.ts';

/**
 * Moves the baseline of proto/asyncapi.yaml on when nothing breaks it. On a break it exits with 1:
 * the remedy is a new field or frame beside the old one.
 */
const broken = breakingFrames(readAsyncApi(ASYNCAPI_BASELINE), readAsyncApi(ASYNCAPI_FILE));
if (broken.length === 0) copyFileSync(ASYNCAPI_FILE, ASYNCAPI_BASELINE);
else process.exitCode = 1;
for (const line of broken) print(`breaking: ${line}`);
print(`proto/asyncapi.yaml was looked through, ${broken.length} breaking changes`);

function print(line: string): void {
  process.stderr.write(`${line}\n`);
}
