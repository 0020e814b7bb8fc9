import { isUtf8 } from 'node:buffer';
import { FLAG_SUSPECT } from '../domain/reading.ts';

type Content =
  | { readonly value: number; readonly clock?: 'suspect' }
  | { readonly text: string; readonly clock?: 'suspect' }
  | { readonly base64: string; readonly clock?: 'suspect' };

/** What a reading says, and whether its device's clock was believable. */
export function contentOf(content: number | Uint8Array | null, flags: number): Content {
  const clock = flags & FLAG_SUSPECT ? ({ clock: 'suspect' } as const) : {};
  if (typeof content === 'number') return { value: content, ...clock };
  const bytes = Buffer.from(content ?? []);
  if (isUtf8(bytes)) return { text: bytes.toString('utf8'), ...clock };
  return { base64: bytes.toString('base64'), ...clock };
}
