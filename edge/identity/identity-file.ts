import { join } from 'node:path';
import { AppError } from '@holdfast/shared/lib/app-error.ts';
import { ensureFolder, readFileIfThere, writeFileDurably } from '@holdfast/shared/runtime/files.ts';
import { z } from 'zod';
import type { GatewayCredentials } from './credentials.ts';

const FILE_NAME = 'identity.json';
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
});

export type Identity = z.infer<typeof credentialsSchema> & GatewayCredentials;
export type IdentityFile = z.infer<typeof identityFileSchema>;

/**
 * Undefined when this gateway is not enrolled. Throws STORE_DAMAGED when the file cannot be read.
 */
export function loadCredentials(dataDir: string): GatewayCredentials | undefined {
  return readIdentity(dataDir).current;
}

/**
 * One file, replaced as a whole: an old identity stays good until the moment when the new one is
 * there.
 */
export function readIdentity(dataDir: string): IdentityFile {
  const path = join(dataDir, FILE_NAME);
  const bytes = readFileIfThere(path);
  if (!bytes) return { version: 1, lastKnownTimeMs: 0 };
  try {
    return identityFileSchema.parse(JSON.parse(bytes.toString()));
  } catch (cause) {
    throw new AppError('STORE_DAMAGED', `${path} cannot be read`, {
      cause,
      hint: 'restore it from a backup, or move it away and enrol again; the buffered data stays',
    });
  }
}

export function writeIdentity(dataDir: string, file: IdentityFile): void {
  ensureFolder(dataDir, FOLDER_MODE);
  writeFileDurably(join(dataDir, FILE_NAME), JSON.stringify(file, undefined, 2), {
    mode: FILE_MODE,
  });
}
