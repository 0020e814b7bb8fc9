import { writeFileSync } from 'node:fs';
import {
  currentPrints,
  MIGRATIONS_BASELINE,
  readPrints,
  refusedDatabases,
  textOf,
} from './migrations-file.ts';

/**
 * Adds new migrations to the baseline. When one was changed, moved or removed it exits with 1: the
 * remedy is to put it back as it was, and to write a new one for the change.
 */
const prints = await currentPrints();
const refused = refusedDatabases(readPrints(), prints);
if (refused.length === 0) writeFileSync(MIGRATIONS_BASELINE, textOf(prints));
else process.exitCode = 1;
for (const line of refused) print(`refused: ${line}`);
print(`${Object.keys(prints).length} services, ${refused.length} migrations changed or moved`);

function print(line: string): void {
  process.stderr.write(`${line}\n`);
}
