import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';

/** Where a contract lies, by its name in proto/. */
export function inProto(name: string): string {
  return fileURLToPath(new URL(`../../proto/${name}`, import.meta.url));
}

/** Undefined when it is not there yet. */
export function readText(file: string): string | undefined {
  try {
    return readFileSync(file, 'utf8');
  } catch (cause) {
    if ((cause as NodeJS.ErrnoException).code === 'ENOENT') return undefined;
    throw cause;
  }
}
