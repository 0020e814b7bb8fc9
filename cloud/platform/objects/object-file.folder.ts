import { createHash } from 'node:crypto';
import { type FileHandle, mkdir, open, rename, rm } from 'node:fs/promises';
import { dirname } from 'node:path';
import { AppError } from '@holdfast/shared/lib/app-error.ts';
import type { Random } from '@holdfast/shared/runtime/random.ts';
import { z } from 'zod';

/**
 * One object is one file, so that one rename replaces it with all that is known of it: a header of
 * fixed length, which is written last, then the body.
 */
const HEADER_BYTES = 1024;
const CHUNK_BYTES = 64 * 1024;
const FILE_MODE = 0o600;
export const FOLDER_MODE = 0o700;

const headerSchema = z.strictObject({
  version: z.literal(1),
  bytes: z.int().min(0),
  contentType: z.string(),
  checksum: z.string().length(64),
  sum: z.string().length(64),
});
type Header = z.infer<typeof headerSchema>;
export type FileInfo = Pick<Header, 'bytes' | 'contentType' | 'checksum'>;

export interface WriteRequest {
  readonly body: Uint8Array | AsyncIterable<Uint8Array>;
  readonly contentType: string;
  readonly checksum: string | undefined;
  readonly bytesMax: number;
  readonly random: Random;
}

/** Temporary file, sync, rename, sync of the folder. A kill leaves at most a `.tmp` file. */
export async function writeObjectFile(path: string, request: WriteRequest): Promise<FileInfo> {
  const temporary = `${path}.${request.random.bytes(8).toString('hex')}.tmp`;
  const file = await open(temporary, 'wx', FILE_MODE);
  try {
    const info = await writeBody(file, request);
    await file.write(encodeHeader(info), 0, HEADER_BYTES, 0);
    await file.sync();
    await file.close();
    await rename(temporary, path);
    await syncFolder(dirname(path));
    return info;
  } catch (cause) {
    await file.close();
    await rm(temporary, { force: true });
    throw cause;
  }
}

async function writeBody(file: FileHandle, request: WriteRequest): Promise<FileInfo> {
  const hash = createHash('sha256');
  let bytes = 0;
  for await (const chunk of chunksOf(request.body)) {
    bytes += chunk.byteLength;
    if (bytes > request.bytesMax) {
      throw new AppError('PAYLOAD_TOO_LARGE', `the body is larger than ${request.bytesMax} bytes`);
    }
    hash.update(chunk);
    await writeAll(file, chunk, HEADER_BYTES + bytes - chunk.byteLength);
  }
  const checksum = hash.digest('hex');
  if (request.checksum !== undefined && request.checksum !== checksum) {
    throw new AppError('REQUEST_INVALID', `the body's SHA-256 is ${checksum}, not the one given`);
  }
  return { bytes, contentType: request.contentType, checksum };
}

async function* chunksOf(body: WriteRequest['body']): AsyncIterable<Uint8Array> {
  if (!(body instanceof Uint8Array)) return yield* body;
  for (let at = 0; at < body.byteLength; at += CHUNK_BYTES) {
    yield body.subarray(at, at + CHUNK_BYTES);
  }
}

/** A system may write less than it was asked to. */
async function writeAll(file: FileHandle, chunk: Uint8Array, position: number): Promise<void> {
  for (let done = 0; done < chunk.byteLength; ) {
    const left = chunk.byteLength - done;
    done += (await file.write(chunk, done, left, position + done)).bytesWritten;
  }
}

export interface OpenObjectFile {
  readonly info: FileInfo;
  readonly body: AsyncIterable<Uint8Array>;
  close(): Promise<void>;
}

/** Undefined when there is no such file. Throws STORE_DAMAGED when its header cannot be read. */
export async function openObjectFile(path: string): Promise<OpenObjectFile | undefined> {
  const file = await openIfThere(path);
  if (!file) return undefined;
  try {
    const info = await readHeader(file, path);
    const close = (): Promise<void> => file.close();
    return { info, body: checkedBody(file, { path, info, close }), close };
  } catch (cause) {
    await file.close();
    throw cause;
  }
}

/**
 * The last chunk is held back until the checksum of all is right: who is told the length and gets
 * fewer bytes knows that something is wrong.
 */
async function* checkedBody(
  file: FileHandle,
  { path, info, close }: { path: string; info: FileInfo; close: () => Promise<void> },
): AsyncIterable<Uint8Array> {
  const hash = createHash('sha256');
  try {
    for (let at = 0; at < info.bytes; ) {
      const chunk = await readAt(file, HEADER_BYTES + at, Math.min(CHUNK_BYTES, info.bytes - at));
      if (chunk.byteLength === 0) throw damaged(path, 'it is cut short');
      hash.update(chunk);
      at += chunk.byteLength;
      if (at === info.bytes) checkDigest(path, hash.digest('hex'), info);
      yield chunk;
    }
  } finally {
    await close();
  }
}

function checkDigest(path: string, found: string, { checksum }: FileInfo): void {
  if (found !== checksum) throw damaged(path, 'its checksum is wrong');
}

async function readAt(file: FileHandle, position: number, length: number): Promise<Buffer> {
  const bytes = Buffer.allocUnsafe(length);
  const { bytesRead } = await file.read(bytes, 0, length, position);
  return bytes.subarray(0, bytesRead);
}

async function openIfThere(path: string): Promise<FileHandle | undefined> {
  try {
    return await open(path, 'r');
  } catch (cause) {
    if (hasCode(cause, 'ENOENT')) return undefined;
    throw cause;
  }
}

function encodeHeader(info: FileInfo): Buffer {
  const header = Buffer.alloc(HEADER_BYTES, ' ');
  header.write(JSON.stringify({ version: 1, ...info, sum: sumOf(info) } satisfies Header));
  return header;
}

async function readHeader(file: FileHandle, path: string): Promise<FileInfo> {
  const bytes = await readAt(file, 0, HEADER_BYTES);
  const header = headerSchema.safeParse(parsed(bytes.toString()));
  if (!header.success) throw damaged(path, 'its header cannot be read', header.error);
  const { version: _, sum, ...info } = header.data;
  if (sum !== sumOf(info)) throw damaged(path, 'the checksum of its header is wrong');
  return info;
}

/** Of the header itself: the body's checksum does not cover it. */
function sumOf({ bytes, contentType, checksum }: FileInfo): string {
  return createHash('sha256').update(`${bytes}\n${contentType}\n${checksum}`).digest('hex');
}

function parsed(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    // No JSON is no header, which the caller says.
    return undefined;
  }
}

function damaged(path: string, reason: string, cause?: unknown): AppError {
  return new AppError('STORE_DAMAGED', `the object in ${path} is damaged: ${reason}`, {
    cause,
    operatorOnly: true,
  });
}

/** Makes the folders below `root`, each name synced before anything is made below it. */
export async function makeFolders(root: string, folder: string): Promise<void> {
  if (folder === root) return;
  await makeFolders(root, dirname(folder));
  await mkdir(folder, { mode: FOLDER_MODE }).catch((cause) => {
    if (!hasCode(cause, 'EEXIST')) throw cause;
  });
  // Also when it was there: whoever made it may have been killed before this.
  await syncFolder(dirname(folder));
}

export async function syncFolder(path: string): Promise<void> {
  // Windows has no handle for a folder's entries; NTFS journals them itself.
  if (process.platform === 'win32') return;
  const folder = await open(path, 'r');
  try {
    await folder.sync();
  } finally {
    await folder.close();
  }
}

export function hasCode(error: unknown, code: string): boolean {
  return error instanceof Error && 'code' in error && error.code === code;
}
