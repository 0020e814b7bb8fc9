import { writeFileSync } from 'node:fs';
import { breakingChanges, schemaText } from '@holdfast/cloud/graph/contract.ts';
import { GRAPHQL_BASELINE, GRAPHQL_FILE } from './graphql-file.ts';
import { readText } from './proto-file.ts';

/**
 * Writes proto/schema.graphql, and moves the baseline on when nothing breaks it. On a break it
 * exits with 1: the remedy is a new field beside the old one.
 */
const text = schemaText();
writeFileSync(GRAPHQL_FILE, text);
const baseline = readText(GRAPHQL_BASELINE);
const broken = baseline === undefined ? [] : breakingChanges(baseline, text);
if (broken.length === 0) writeFileSync(GRAPHQL_BASELINE, text);
else process.exitCode = 1;
for (const line of broken) print(`breaking: ${line}`);
print(`proto/schema.graphql is written, ${broken.length} breaking changes`);

function print(line: string): void {
  process.stderr.write(`${line}\n`);
}
