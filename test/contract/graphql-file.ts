import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';

const inProto = (name: string): string =>
  fileURLToPath(new URL(`../../proto/${name}`, import.meta.url));
export const GRAPHQL_FILE = inProto('schema.graphql');
/** What was last accepted: every export after it has to get along with it. */
export const GRAPHQL_BASELINE = inProto('baseline/schema.graphql');

/** Undefined when it is not there yet. */
export function readText(file: string): string | undefined {
  try {
    return readFileSync(file, 'utf8');
  } catch (cause) {
    if ((cause as NodeJS.ErrnoException).code === 'ENOENT') return undefined;
    throw cause;
  }
}
