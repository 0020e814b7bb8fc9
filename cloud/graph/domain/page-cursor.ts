/**
 * A place in a list that only knows where its pages begin: the page, and how many of it were seen.
 * So each edge has a cursor, as connections want it.
 */
export interface PageCursor {
  /** Of the product service; empty for its first page. */
  readonly page: string;
  readonly seen: number;
}

export const FIRST_PAGE: PageCursor = { page: '', seen: 0 };

export function cursorText({ page, seen }: PageCursor): string {
  return Buffer.from(JSON.stringify([page, seen])).toString('base64url');
}

/** Undefined when it is not a text that `cursorText` made. */
export function pageCursor(text: string): PageCursor | undefined {
  const [page, seen] = listOf(text);
  const isPlace = typeof page === 'string' && Number.isSafeInteger(seen) && Number(seen) >= 0;
  return isPlace ? { page, seen: Number(seen) } : undefined;
}

function listOf(text: string): readonly unknown[] {
  try {
    const value: unknown = JSON.parse(Buffer.from(text, 'base64url').toString('utf8'));
    return Array.isArray(value) && value.length === 2 ? value : [];
  } catch {
    // Not made here, which the caller says.
    return [];
  }
}
