import { AppError } from '@holdfast/shared/lib/app-error.ts';
import { useChange } from '@holdfast/shared/ui/use-change.ts';
import { useCallback, useEffect, useState } from 'preact/hooks';
import { useConsole } from './console-context.ts';
import {
  fieldsOf,
  type Product,
  type ProductFields,
  productResource,
  readProduct,
  type TaggedProduct,
} from './product-api.ts';
import { type FieldChange, fieldChanges } from './product-words.ts';

/** Somebody was faster: what they made of it, and what differs from what was being changed. */
export interface Overtaken {
  readonly newest: TaggedProduct;
  readonly changes: readonly FieldChange[];
}

/** A product as it was when the form was opened. Every change names that version (If-Match). */
export function useProduct(id: string) {
  const { api } = useConsole();
  const [shown, setShown] = useState<TaggedProduct>();
  const [failure, setFailure] = useState<unknown>();
  const [overtaken, setOvertaken] = useState<Overtaken>();
  const change = useChange<Product>();
  const load = useCallback(async (): Promise<TaggedProduct | undefined> => {
    try {
      const read = await readProduct(api, id);
      setShown(read);
      setFailure(undefined);
      setOvertaken(undefined);
      return read;
    } catch (error) {
      setFailure(error);
      return undefined;
    }
  }, [api, id]);
  useEffect(() => {
    void load();
  }, [load]);

  const save = async (fields: ProductFields, base: TaggedProduct): Promise<boolean> => {
    let refused: unknown;
    const saved = await change.run(fields, async () => {
      try {
        return await api.change<Product>('PUT', productResource(id), {
          body: fields,
          ifMatch: base.tag,
        });
      } catch (error) {
        refused = error;
        throw error;
      }
    });
    if (!isOvertaken(refused)) return saved !== undefined && (await load()) !== undefined;
    const newest = await readProduct(api, id).catch((error: unknown) => setFailure(error));
    if (!newest) return false;
    // The first attempt was done, and only its answer was lost.
    if (fieldChanges(fields, newest.product).length === 0) {
      change.clear();
      setShown(newest);
      return true;
    }
    const changes = fieldChanges(fieldsOf(base.product), newest.product);
    setOvertaken({ newest, changes });
    return false;
  };
  return { shown, failure, overtaken, change, load, save };
}

function isOvertaken(error: unknown): boolean {
  return error instanceof AppError && error.code === 'PRECONDITION_FAILED';
}
