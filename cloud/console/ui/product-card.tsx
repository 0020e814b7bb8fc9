import { formatMoney } from '@holdfast/shared/ui/money-format.ts';
import type { Product } from './product-api.ts';
import { ProductPicture } from './product-image.tsx';
import { productPath } from './routes.ts';

export function ProductCard({ product }: { product: Product }) {
  return (
    <a class="product card" href={productPath(product.id)} data-testid={`product-${product.item}`}>
      <ProductPicture product={product} />
      <div class="product-words">
        <h2 class="product-name">{product.name}</h2>
        <p class="quiet small mono">{product.item}</p>
        <p class="product-prices numeric">
          {product.prices.length === 0 ? (
            <span class="quiet">no price</span>
          ) : (
            product.prices.map((price) => <span key={price.currency}>{formatMoney(price)}</span>)
          )}
        </p>
      </div>
    </a>
  );
}
