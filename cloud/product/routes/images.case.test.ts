import { systemRandom } from '@holdfast/shared/runtime/random.ts';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { IMAGE_BYTES_MAX } from '../domain/image.ts';
import {
  DATABASES,
  PEAS,
  type ProductProcess,
  ProductWorld,
  type Reply,
} from '../product.fixture.ts';

const PNG = Buffer.from('89504e470d0a1a0a', 'hex');
const JPEG = Buffer.from('ffd8ffe0', 'hex');
const picture = (magic: Buffer, bytes: number): Buffer =>
  Buffer.concat([magic, systemRandom.bytes(bytes - magic.length)]);

let world: ProductWorld;
let product: ProductProcess;
let path: string;
afterEach(() => world.close());

for (const { technology, title, skip } of DATABASES) {
  describe.skipIf(skip)(`images of products ${title}`, () => {
    beforeEach(async () => {
      world = await ProductWorld.open({ technology });
      product = await world.start();
      path = `/v1/products/${(await product.create()).body.id}`;
    });
    imageCases();
  });
}

function imageCases(): void {
  it('gives back the bytes, for ever under the address that names them', async () => {
    const front = picture(PNG, 300_000);
    const { status, body, headers } = await put('front.png', front);
    expect(status).toBe(200);
    expect(body).toMatchObject({ version: 2, images: [{ name: 'front.png', bytes: 300_000 }] });
    expect(headers.get('etag')).toBe('"v2"');
    const [image] = body.images;
    const got = await product.get(image.url, { token: 'customer@dev' });
    expect(front.equals(got.bytes)).toBe(true);
    expect(got.headers.get('content-type')).toBe('image/png');
    expect(got.headers.get('cache-control')).toBe('private, max-age=31536000, immutable');
    expect(got.headers.get('x-content-type-options')).toBe('nosniff');
    const etag = got.headers.get('etag')!;
    expect(etag).toBe(`"${image.checksum}"`);
    const unnamed = await product.get(`${path}/images/front.png`);
    expect(unnamed.headers.get('cache-control')).toBe('no-cache');
    const again = await product.get(image.url, { headers: { 'if-none-match': etag } });
    expect([again.status, again.bytes.length]).toEqual([304, 0]);
  });

  it('replaces and deletes an image as a change of its product', async () => {
    await put('front', picture(PNG, 100));
    const next = picture(JPEG, 200);
    const replaced = await put('front', next, 'image/jpeg');
    expect(replaced.body.images).toMatchObject([{ contentType: 'image/jpeg', bytes: 200 }]);
    expect(next.equals((await product.get(`${path}/images/front`)).bytes)).toBe(true);
    const deleted = await product.change('DELETE', `${path}/images/front`);
    expect(deleted.body).toMatchObject({ version: 4, images: [] });
    expect((await product.get(`${path}/images/front`)).status).toBe(404);
    expect((await product.change('DELETE', `${path}/images/front`)).status).toBe(404);
  });

  it('takes no bytes that are not what they are said to be, and none too many', async () => {
    expect((await put('a', picture(JPEG, 100), 'image/png')).status).toBe(415);
    expect((await put('a', Buffer.from('<svg/>'), 'image/png')).status).toBe(415);
    expect((await put('a', Buffer.from('<svg/>'), 'image/svg+xml')).status).toBe(415);
    expect((await put('a', picture(PNG, IMAGE_BYTES_MAX + 1))).status).toBe(413);
    expect((await put('a', picture(PNG, IMAGE_BYTES_MAX))).status).toBe(200);
    expect((await put('..', picture(PNG, 100))).status).toBe(404);
  });

  it('takes twelve images of a product, and replaces one of them still', async () => {
    for (let at = 0; at < 12; at++) expect((await put(`i${at}`, picture(PNG, 9))).status).toBe(200);
    expect((await put('i12', picture(PNG, 9))).status).toBe(409);
    expect((await put('i11', picture(PNG, 10))).status).toBe(200);
  });

  it('asks for the version, and for the right to write', async () => {
    const headers = { 'content-type': 'image/png' };
    const body = picture(PNG, 100);
    const image = `${path}/images/a`;
    expect((await product.call('PUT', image, { body, headers })).status).toBe(428);
    const stale = { ...headers, 'if-match': '"v9"' };
    expect((await product.call('PUT', image, { body, headers: stale })).status).toBe(412);
    const token = 'customer@dev';
    expect((await product.change('PUT', image, { body, headers, token })).status).toBe(403);
    expect((await product.get(path)).body.images).toEqual([]);
  });
}

describe('bytes that no image names', () => {
  it('are deleted after an hour, and no others', async () => {
    world = await ProductWorld.open();
    product = await world.start();
    path = `/v1/products/${(await product.create()).body.id}`;
    await put('kept', picture(PNG, 100));
    await put('replaced', picture(PNG, 101));
    await put('replaced', picture(PNG, 102));
    await product.call('PUT', `${path}/images/refused`, {
      body: picture(PNG, 103),
      headers: { 'content-type': 'image/png', 'if-match': '"v1"' },
    });
    expect(await world.objects.list('products/')).toHaveLength(4);
    // A process that starts sweeps at once; its clock is what has moved on.
    await world.start();
    expect(await world.objects.list('products/')).toHaveLength(4);
    await world.startLater(3_600_001);
    await expect.poll(() => world.objects.list('products/')).toHaveLength(2);
    for (const [name, bytes] of [
      ['kept', 100],
      ['replaced', 102],
    ]) {
      expect((await product.get(`${path}/images/${name}`)).bytes).toHaveLength(bytes as number);
    }
    await product.change('DELETE', path);
    await world.startLater(7_200_002);
    await expect.poll(() => world.objects.list('products/')).toEqual([]);
  });
});

function put(name: string, bytes: Buffer, type = 'image/png'): Promise<Reply> {
  const headers = { 'content-type': type };
  return product.change('PUT', `${path}/images/${name}`, { body: bytes, headers });
}

it('keeps the development catalogue as people left it', async () => {
  world = await ProductWorld.open({ developmentData: true });
  product = await world.start();
  const { body } = await product.get('/v1/products');
  expect(body.items.length).toBeGreaterThanOrEqual(8);
  expect(body.items.map(({ item }: { item: string }) => item)).toContain(PEAS.item);
  for (const { prices, taxClass } of body.items) {
    expect(prices.map(({ currency }: { currency: string }) => currency)).toEqual(['EUR', 'USD']);
    expect(['standard', 'reduced']).toContain(taxClass);
  }
  await product.change('DELETE', `/v1/products/${body.items[0].id}`);
  const next = await world.start();
  expect((await next.get('/v1/products')).body.items).toEqual(body.items.slice(1));
});
