import { AppError } from '@holdfast/shared/lib/app-error.ts';
import type { HttpEnv } from '@holdfast/shared/runtime/http.ts';
import type { Context } from 'hono';
import { z } from 'zod';
import type { Route, Upload, UploadedBody } from './route.ts';

const nothing = z.strictObject({});

export interface ReadBody {
  /** As it came. */
  readonly text: string;
  readonly body: unknown;
}

/** Reads and parses the body by the route's schema: 415 unless it is JSON, 400 unless it fits. */
export async function readBody(c: Context<HttpEnv>, route: Route): Promise<ReadBody> {
  if (route.method === 'get') return { text: '', body: undefined };
  if (route.upload) return { text: '', body: await readUpload(c, route.upload) };
  const text = await c.req.text();
  if (!route.body && text === '') return { text, body: undefined };
  if (text === '') throw new AppError('REQUEST_INVALID', 'the body is missing');
  requireMediaType(c, jsonTypesOf(route));
  const body = (route.body ?? nothing).parse(JSON.parse(text));
  return { text, body: route.body ? body : undefined };
}

/** A PATCH is a merge patch (RFC 7396), under its own name or as plain JSON. */
export function jsonTypesOf({ method }: Route): readonly string[] {
  const plain = 'application/json';
  return method === 'patch' ? [plain, 'application/merge-patch+json'] : [plain];
}

async function readUpload(c: Context<HttpEnv>, upload: Upload): Promise<UploadedBody> {
  const mediaType = requireMediaType(c, upload.mediaTypes);
  const bytes = new Uint8Array(await c.req.arrayBuffer());
  if (bytes.byteLength <= upload.bytesMax) return { mediaType, bytes };
  throw new AppError('PAYLOAD_TOO_LARGE', `the body is larger than ${upload.bytesMax} bytes`);
}

/** Parameters such as `charset=utf-8` change nothing. */
function requireMediaType(c: Context<HttpEnv>, allowed: readonly string[]): string {
  const header = c.req.header('content-type') ?? '';
  const mediaType = header.split(';', 1)[0]!.trim().toLowerCase();
  if (allowed.includes(mediaType)) return mediaType;
  const named = mediaType === '' ? 'the Content-Type is missing' : `${mediaType} is not taken here`;
  throw new AppError('UNSUPPORTED_MEDIA_TYPE', `${named}; send ${allowed.join(' or ')}`);
}
