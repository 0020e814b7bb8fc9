import type { Lane } from '@holdfast/shared/contracts/lanes.ts';
import type { SequenceRange } from '@holdfast/shared/domain/ranges.ts';
import { AppError } from '@holdfast/shared/lib/app-error.ts';
import { type LineOutput, openLineOutput } from '@holdfast/shared/runtime/line-output.ts';
import type { StreamRow } from '../buffer/buffer-store.ts';
import type { BufferOnDisk, BufferReader } from '../buffer/inspection/buffer-reader.ts';
import { pendingLines } from '../buffer/inspection/pending-lines.ts';
import type { SpanOptions } from './buffer-commands.ts';

export type ExportOptions = SpanOptions & { readonly lane: Lane; readonly out?: string };

/** Lines are handed over in pieces of about so many characters. */
const PIECE_LENGTH = 64 * 1024;

/** `holdfast-gateway export`: exit code 1 when something was skipped. */
export async function exportMessages(disk: BufferOnDisk, options: ExportOptions): Promise<void> {
  const reader = disk.open();
  try {
    const streams = chosen(reader, options);
    const output = await openLineOutput(options.out);
    const done = await copy(reader, { streams, options, output });
    await output.close();
    const skipped = done.skipped === 0 ? '' : `, ${done.skipped} skipped`;
    if (done.isWhole) say(`${done.written} messages written${skipped}`);
    else say('stopped: nobody reads any longer');
    if (done.skipped > 0) process.exitCode = 1;
  } finally {
    reader.close();
  }
}

function chosen(reader: BufferReader, { lane, incarnation }: ExportOptions): StreamRow[] {
  const streams = reader.streams().filter((stream) => stream.lane === lane);
  const found = streams.filter(
    (stream) => incarnation === undefined || stream.incarnation === incarnation,
  );
  if (found.length > 0) return found;
  throw new AppError('NOT_FOUND', `the buffer has no incarnation ${incarnation}`, {
    hint: `It holds: ${streams.map((stream) => stream.incarnation).join(', ')}`,
  });
}

interface Copied {
  readonly written: number;
  readonly skipped: number;
  /** False when the reader went away. */
  readonly isWhole: boolean;
}

async function copy(
  reader: BufferReader,
  what: { streams: readonly StreamRow[]; options: ExportOptions; output: LineOutput },
): Promise<Copied> {
  const piece = new Piece(what.output);
  let written = 0;
  let skipped = 0;
  for (const stream of what.streams) {
    const span = { first: what.options.from ?? 1n, last: bounded(stream, what.options.to) };
    for (const part of pendingLines(reader, stream, span)) {
      if (part.kind === 'skipped') {
        skipped += Number(part.range.last - part.range.first + 1n);
        say(`skipped: ${describe(stream, part.range)}: ${part.reason}`);
      } else {
        if (!(await piece.add(part.text))) return { written, skipped, isWhole: false };
        written += 1;
      }
    }
  }
  return { written, skipped, isWhole: await piece.flush() };
}

/** Gathers lines, and waits for the output after each piece: a slow reader slows the export. */
class Piece {
  readonly #output: LineOutput;
  #text = '';

  constructor(output: LineOutput) {
    this.#output = output;
  }

  /** False when nobody reads any longer. */
  async add(line: string): Promise<boolean> {
    this.#text += line;
    return this.#text.length < PIECE_LENGTH || (await this.flush());
  }

  async flush(): Promise<boolean> {
    const text = this.#text;
    this.#text = '';
    return text === '' || (await this.#output.write(text));
  }
}

function bounded(stream: StreamRow, to: bigint | undefined): bigint {
  return to !== undefined && to < stream.accepted ? to : stream.accepted;
}

function describe({ lane, incarnation }: StreamRow, { first, last }: SequenceRange): string {
  return `${lane} ${first}-${last} of ${incarnation}`;
}

function say(text: string): void {
  process.stderr.write(`${text}\n`);
}
