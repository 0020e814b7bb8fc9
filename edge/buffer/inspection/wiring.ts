import { join } from 'node:path';
import { bufferOnDisk } from '../buffer-reader.sqlite.ts';
import type { BufferOnDisk } from './buffer-reader.ts';

/**
 * Beside the gateway's own wiring: who looks inside loads the reader alone. `file` names another
 * buffer's file than the gateway's own.
 */
export function wireInspection(dataDir: string, file?: string): BufferOnDisk {
  return bufferOnDisk(file ?? join(dataDir, 'buffer.sqlite'));
}
