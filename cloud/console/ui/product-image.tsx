import { useEffect, useState } from 'preact/hooks';
import { useConsole } from './console-context.ts';
import type { Product } from './product-api.ts';

/** The first image of a product, or a mark in its place. */
export function ProductPicture({ product }: { product: Pick<Product, 'name' | 'images'> }) {
  const source = useImage(product.images[0]?.url);
  return (
    <div class="picture">
      {source === undefined ? (
        <svg class="picture-mark" viewBox="0 0 48 48" aria-hidden="true">
          <path d="M24 7l15 8v18l-15 8-15-8V15zM9 15l15 8 15-8M24 23v18" />
        </svg>
      ) : (
        <img class="picture-image" src={source} alt={product.name} />
      )}
    </div>
  );
}

/** An image needs the session's token, which no <img> sends; an image that fails is a mark. */
export function useImage(url: string | undefined): string | undefined {
  const { api } = useConsole();
  const [source, setSource] = useState<string>();
  useEffect(() => {
    setSource(undefined);
    if (url === undefined) return;
    const left = new AbortController();
    let made: string | undefined;
    api.bytes(url, left.signal).then(
      (bytes) => {
        if (left.signal.aborted) return;
        made = URL.createObjectURL(bytes);
        setSource(made);
      },
      () => setSource(undefined),
    );
    return () => {
      left.abort();
      if (made !== undefined) URL.revokeObjectURL(made);
    };
  }, [api, url]);
  return source;
}
