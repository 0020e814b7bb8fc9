import { useChange } from '@holdfast/shared/ui/use-change.ts';
import { useConsole } from './console-context.ts';
import { type Product, productResource, type TaggedProduct } from './product-api.ts';
import { Refusal } from './refusal.tsx';

const IMAGE_TYPES = 'image/png,image/jpeg,image/webp';
/** The one that lists show. */
const MAIN_IMAGE = 'main';

export interface ProductUploadProps {
  readonly base: TaggedProduct;
  readonly onDone: () => void;
}

/** Sets the picture of a product, from the version that is shown. */
export function ProductUpload({ base, onDone }: ProductUploadProps) {
  const { api } = useConsole();
  const { product, tag } = base;
  const change = useChange<Product>();
  const name = product.images[0]?.name ?? MAIN_IMAGE;
  const path = `${productResource(product.id)}/images/${name}`;
  const upload = async (input: HTMLInputElement): Promise<void> => {
    const file = input.files?.[0];
    if (!file) return;
    const done = await change.run(file.name, () =>
      api.change<Product>('PUT', path, { body: file, ifMatch: tag }),
    );
    input.value = '';
    if (done) onDone();
  };
  return (
    <>
      <label class="button button-small upload">
        {change.busy ? 'Sending…' : product.images.length === 0 ? 'Add a picture' : 'Replace it'}
        <input
          class="visually-hidden"
          type="file"
          accept={IMAGE_TYPES}
          disabled={change.busy}
          onChange={(event) => upload(event.currentTarget)}
        />
      </label>
      <Refusal refusal={change.refusal} />
    </>
  );
}
