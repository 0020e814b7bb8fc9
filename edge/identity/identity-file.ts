import { join } from 'node:path';
import { crc32 } from 'node:zlib';
import { AppError } from '@holdfast/shared/lib/app-error.ts';
import {
  ensureFolder,
  readFileIfThere,
  setAsideFile,
  writeFileDurably,
} from '@holdfast/shared/runtime/files.ts';
import { z } from 'zod';
import type { GatewayCredentials } from './credentials.ts';

const FILE_NAME = 'identity.json';
/** Written after the file itself, and read only when that is damaged. */
const COPY_NAME = 'identity.copy.json';
const FILE_MODE = 0o600;
const FOLDER_MODE = 0o700;

const text = z.string().min(1);

const credentialsSchema = z.strictObject({
  gatewayId: text,
  tenant: text,
  site: text,
  grpcUrl: text,
  key: text,
  certificate: text,
  ca: text,
  /** Where it enrolled, and where it asks for its next certificate. */
  cloudUrl: text,
  /** The claim that it came from: the same code once more is no new enrolment. */
  claimId: text,
});

const identityFileSchema = z.strictObject({
  version: z.literal(1),
  current: credentialsSchema.optional(),
  /**
   * An enrolment under way. The key is here before the claim is used, so that a retry shows the
   * same one.
   */
  pending: z.strictObject({ claimId: text, key: text }).optional(),
  /** The latest time that the cloud told, milliseconds since 1970. */
  lastKnownTimeMs: z.number().default(0),
  /** Of all the rest: a flipped bit in a key still is text. */
  checksum: z.number().optional(),
});

export type Identity = z.infer<typeof credentialsSchema> & GatewayCredentials;
export type IdentityFile = Omit<z.infer<typeof identityFileSchema>, 'checksum'>;

/**
 * Undefined when this gateway is not enrolled. Throws STORE_DAMAGED when the file cannot be read.
 */
export function loadCredentials(dataDir: string): GatewayCredentials | undefined {
  return readIdentity(dataDir).current;
}

/**
 * One file, replaced as a whole: an old identity stays good until the moment when the new one is
 * there. Its copy speaks when it is damaged.
 */
export function readIdentity(dataDir: string): IdentityFile {
  const path = join(dataDir, FILE_NAME);
  const bytes = readFileIfThere(path);
  if (!bytes) return { version: 1, lastKnownTimeMs: 0 };
  try {
    return parsed(bytes);
  } catch (cause) {
    const copy = readCopy(dataDir);
    if (copy) return copy;
    throw new AppError('STORE_DAMAGED', `${path} cannot be read`, {
      cause,
      hint: 'restore it from a backup, or move it away and enrol again; the buffered data stays',
    });
  }
}

export function writeIdentity(dataDir: string, file: IdentityFile): void {
  ensureFolder(dataDir, FOLDER_MODE);
  const text = JSON.stringify({ ...file, checksum: checksumOf(file) }, undefined, 2);
  for (const name of [FILE_NAME, COPY_NAME])
    writeFileDurably(join(dataDir, name), text, { mode: FILE_MODE });
}

/**
 * Sets a damaged file aside, and puts its copy in its place when that is whole; else the gateway is
 * not enrolled any more. Returns where the damaged one is kept.
 */
export function mendIdentity(dataDir: string, atMicros: bigint): string | undefined {
  const path = join(dataDir, FILE_NAME);
  const bytes = readFileIfThere(path);
  if (!bytes || isWhole(bytes)) return undefined;
  const copy = readCopy(dataDir);
  const setAside = setAsideFile(path, atMicros);
  if (copy) writeIdentity(dataDir, copy);
  return setAside;
}

function readCopy(dataDir: string): IdentityFile | undefined {
  const bytes = readFileIfThere(join(dataDir, COPY_NAME));
  return bytes && isWhole(bytes) ? parsed(bytes) : undefined;
}

function isWhole(bytes: Buffer): boolean {
  try {
    parsed(bytes);
    return true;
  } catch {
    // Whatever is wrong with it: it is not what was written.
    return false;
  }
}

function parsed(bytes: Buffer): IdentityFile {
  const { checksum, ...file } = identityFileSchema.parse(JSON.parse(bytes.toString()));
  if (checksum === undefined || checksum === checksumOf(file)) return file;
  throw new AppError('STORE_DAMAGED', 'the checksum is wrong');
}

function checksumOf(file: IdentityFile): number {
  // In the schema's order, whatever order the file was made in.
  return crc32(JSON.stringify(identityFileSchema.parse(file)));
}
