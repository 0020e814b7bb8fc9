import { createHash } from 'node:crypto';
import { extname, join } from 'node:path';
import { gzipSync } from 'node:zlib';
import { AppError } from '@holdfast/shared/lib/app-error.ts';
import { readFileIfThere } from '@holdfast/shared/runtime/files.ts';
import { z } from 'zod';

export interface BundleFile {
  readonly type: string;
  readonly bytes: Uint8Array<ArrayBuffer>;
  /** Absent where it would not be smaller. */
  readonly gzip: Uint8Array<ArrayBuffer> | undefined;
  /** Strong; the compressed form has one of its own. */
  readonly etag: string;
  readonly gzipEtag: string;
}

export interface Bundle {
  /**
   * index.html: the answer to every path that is no asset, because the page itself reads the
   * address.
   */
  readonly page: BundleFile;
  /**
   * By path below /console/, as the browser sends it. Their names carry a hash of their content.
   */
  readonly assets: ReadonlyMap<string, BundleFile>;
}

export type BundleOutcome =
  | { readonly kind: 'read'; readonly bundle: Bundle }
  | { readonly kind: 'missing'; readonly file: string };

/**
 * Written by the build: the names of all files, so that nothing else in the folder is ever served.
 */
const LIST_FILE = 'files.json';
const PAGE_FILE = 'index.html';
export const FILES_MAX = 64;
/** The whole bundle is held in memory. */
export const BUNDLE_BYTES_MAX = 8 * 1024 * 1024;

const listSchema = z.object({
  files: z
    .array(z.string().regex(/^(?:[A-Za-z0-9_-][A-Za-z0-9._-]*\/)*[A-Za-z0-9_-][A-Za-z0-9._-]*$/))
    .max(FILES_MAX),
});

const TYPES: Record<string, string> = {
  '.html': 'text/html; charset=utf-8',
  '.js': 'text/javascript; charset=utf-8',
  '.css': 'text/css; charset=utf-8',
  '.svg': 'image/svg+xml',
};

/**
 * Reads the whole bundle. CONFIG_INVALID when it is no bundle of ours or larger than the limits.
 */
export function readBundle(distDir: string): BundleOutcome {
  const list = readFileIfThere(join(distDir, LIST_FILE));
  if (!list) return { kind: 'missing', file: LIST_FILE };
  const files = new Map<string, BundleFile>();
  let bytesLeft = BUNDLE_BYTES_MAX;
  for (const name of parseList(list, distDir)) {
    const bytes = readFileIfThere(join(distDir, name));
    if (!bytes) return { kind: 'missing', file: name };
    bytesLeft -= bytes.byteLength;
    if (bytesLeft < 0) {
      throw invalid(distDir, `the files are larger than ${BUNDLE_BYTES_MAX} bytes together`);
    }
    files.set(name, toFile(name, bytes, distDir));
  }
  const page = files.get(PAGE_FILE);
  if (!page) return { kind: 'missing', file: PAGE_FILE };
  files.delete(PAGE_FILE);
  return { kind: 'read', bundle: { page, assets: files } };
}

function parseList(list: Buffer, distDir: string): readonly string[] {
  try {
    return listSchema.parse(JSON.parse(list.toString())).files;
  } catch (cause) {
    throw invalid(distDir, `${LIST_FILE} cannot be read`, cause);
  }
}

function toFile(name: string, content: Buffer, distDir: string): BundleFile {
  const type = TYPES[extname(name)];
  if (type === undefined) throw invalid(distDir, `there is no content type for ${name}`);
  const bytes = new Uint8Array(content);
  const gzip = new Uint8Array(gzipSync(bytes, { level: 9 }));
  const hash = createHash('sha256').update(bytes).digest('base64url');
  return {
    type,
    bytes,
    gzip: gzip.byteLength < bytes.byteLength ? gzip : undefined,
    etag: `"${hash}"`,
    gzipEtag: `"${hash}-gzip"`,
  };
}

function invalid(distDir: string, what: string, cause?: unknown): AppError {
  return new AppError(
    'CONFIG_INVALID',
    `the console's files in ${distDir} cannot be used: ${what}`,
    {
      hint: `Build them again: ${BUILD_COMMAND}`,
      cause,
    },
  );
}

export const BUILD_COMMAND = 'npx vite build cloud/console/ui';
