import { z } from 'zod';
import { cursorParameter } from '../../platform/http/page.ts';
import { type EntryPlace, placeOf } from '../store/entries.ts';
import type { AuditRow } from '../store/tables.ts';

const NAME_CHARS_MAX = 256;

/** Stored names hold no U+0000, and a database refuses it. */
export const nameText = z
  .string()
  .min(1)
  .max(NAME_CHARS_MAX)
  .refine((name) => !name.includes('\0') && name.isWellFormed(), 'is no name');

/** A whole number of the database, below 10^18. */
export const numberText = z.string().regex(/^[0-9]{1,18}$/);

/** A place in a list of rows, as a cursor holds it. */
export const placeCursor = cursorParameter(
  z
    .tuple([nameText, nameText, numberText, numberText])
    .transform(
      ([time, service, partition, index]): EntryPlace => [
        time,
        service,
        BigInt(partition),
        BigInt(index),
      ],
    ),
);

export function cursorPlace(row: AuditRow): readonly string[] {
  return placeOf(row).map(String);
}
