import { openLineOutput } from '@holdfast/shared/runtime/line-output.ts';
import type { BufferOnDisk, BufferReader } from '../buffer/inspection/buffer-reader.ts';
import type { SpanOptions } from './buffer-commands.ts';
import { heldList } from './held-list.ts';
import { lifePage } from './life-page.ts';
import { overviewPage } from './overview-page.ts';

export type InspectOptions = SpanOptions & {
  readonly sequence?: bigint;
  readonly limit: number;
  readonly json: boolean;
};

/** The same content for a person and for a program. */
export interface Page {
  readonly lines: readonly string[];
  readonly json: unknown;
}

/** `holdfast-gateway inspect`: an overview, a lane, or one message. */
export async function inspect(disk: BufferOnDisk, options: InspectOptions): Promise<void> {
  const reader = disk.open();
  try {
    const { lines, json } = pageOf(disk, reader, options);
    const text = options.json ? JSON.stringify(json, undefined, 2) : lines.join('\n');
    await (await openLineOutput(undefined)).write(`${text}\n`);
  } finally {
    reader.close();
  }
}

function pageOf(disk: BufferOnDisk, reader: BufferReader, options: InspectOptions): Page {
  const { lane, sequence } = options;
  if (!lane) return overviewPage(disk, reader);
  if (sequence === undefined) return heldList(reader, { ...options, lane });
  return lifePage(reader, { ...options, lane, sequence });
}
