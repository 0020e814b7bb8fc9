import { createReadStream } from 'node:fs';
import { AppError } from '@holdfast/shared/lib/app-error.ts';
import { HEADER, type ParsedRow, parseRow } from './recorded-row.ts';

/** A line is at most so long; a file without line ends must not fill the memory. */
const LINE_LENGTH_MAX = 64 * 1024;

export type NumberedRow = ParsedRow & {
  /** From 1, the header line included. */
  readonly line: number;
};

/**
 * The rows of a recording as they stand, a chunk of the file at a time. A malformed row is a
 * result, so that the reader decides; a file that is no recording throws REQUEST_INVALID, one that
 * can not be read NOT_FOUND.
 */
export async function* readRecording(path: string): AsyncGenerator<NumberedRow> {
  let line = 0;
  for await (const text of readLines(path)) {
    line++;
    if (line === 1) assertHeader(path, text);
    else if (text !== '') yield { ...parseRow(text), line };
  }
  if (line === 0) assertHeader(path, '');
}

/** Throws what reading would throw at its first row: better before anybody connects. */
export async function assertRecording(path: string): Promise<void> {
  const rows = readRecording(path);
  await rows.next();
  await rows.return(undefined);
}

async function* readLines(path: string): AsyncGenerator<string> {
  let rest = '';
  for await (const chunk of readChunks(path)) {
    const lines = (rest + chunk).split('\n');
    rest = lines.pop() ?? '';
    if (rest.length > LINE_LENGTH_MAX) {
      throw new AppError(
        'REQUEST_INVALID',
        `${path} has a line of over ${LINE_LENGTH_MAX} characters`,
      );
    }
    for (const text of lines) yield text.endsWith('\r') ? text.slice(0, -1) : text;
  }
  if (rest !== '') yield rest;
}

async function* readChunks(path: string): AsyncGenerator<string> {
  try {
    yield* createReadStream(path, { encoding: 'utf8' }) as AsyncIterable<string>;
  } catch (cause) {
    if (cause instanceof AppError) throw cause;
    const hint = 'give the path of a CSV file with --csv';
    throw new AppError('NOT_FOUND', `can not read the recording ${path}`, { cause, hint });
  }
}

function assertHeader(path: string, text: string): void {
  if (text.replace(/^\uFEFF/, '') === HEADER) return;
  throw new AppError('REQUEST_INVALID', `${path}:1: the first line is not ${HEADER}`, {
    hint: `a recording is a CSV file with the columns ${HEADER}`,
  });
}
