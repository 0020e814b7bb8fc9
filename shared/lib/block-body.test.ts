import { randomBytes } from 'node:crypto';
import { zstdCompressSync } from 'node:zlib';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { BlockBody, Codec } from '../contracts/gen/holdfast/edge/v1/edge_link.ts';
import {
  BODY_BYTES_MAX,
  BODY_RECORDS_MAX,
  type BodyEpoch,
  type BodyRecord,
  compressBody,
  decodeBody,
  decompressBody,
  encodeBody,
  mergeBodies,
  receivedMicros,
} from './block-body.ts';
import { BodyBuilder, recordBytesMax } from './body-builder.ts';
import { releaseBytes } from './release-bytes.ts';

const epochs: BodyEpoch[] = [
  { bootId: 'boot-1', baseMonotonicMicros: 5n, offsetMicros: -7n, confirmed: false },
  { bootId: 'boot-1', baseMonotonicMicros: 2n ** 60n, offsetMicros: 2n ** 61n, confirmed: true },
  { bootId: 'boot-2', baseMonotonicMicros: 0n, offsetMicros: 0n, confirmed: false },
];
const name = fc.string({ unit: 'grapheme', minLength: 1, maxLength: 12 });
const records: fc.Arbitrary<BodyRecord[]> = fc.array(
  fc.record({
    topic: name,
    device: fc.option(name, { nil: undefined }),
    channel: fc.option(name, { nil: undefined }),
    payload: fc.uint8Array({ maxLength: 200 }),
    epoch: fc.constantFrom(...epochs),
    elapsedMicros: fc.nat(0xffff_ffff),
    qos: fc.constantFrom(0 as const, 1 as const, 2 as const),
    retain: fc.boolean(),
    key: fc.option(
      fc.record({ boot: name, sequence: fc.bigInt({ min: 0n, max: 2n ** 64n - 1n }) }),
      {
        nil: undefined,
      },
    ),
  }),
  { maxLength: 40 },
);

function all(bytes: Uint8Array): BodyRecord[] {
  const body = decodeBody(bytes);
  return Array.from({ length: body.count }, (_, index) => plain(body.record(index)));
}

function plain(record: BodyRecord): BodyRecord {
  return { ...record, payload: new Uint8Array(record.payload), epoch: { ...record.epoch } };
}

describe('a block body', () => {
  it('gives back what was put in', () => {
    fc.assert(
      fc.property(records, (given) => {
        expect(all(encodeBody(given))).toEqual(given.map(plain));
      }),
    );
  });

  it('is the BlockBody of the contract, both ways', () => {
    fc.assert(
      fc.property(records, (given) => {
        const bytes = encodeBody(given);
        const message = BlockBody.decode(bytes);
        expect(message.payloadBytes).toEqual(given.map((record) => record.payload.byteLength));
        expect(message.topic.map((index) => message.names[index])).toEqual(
          given.map((record) => record.topic),
        );
        expect(all(BlockBody.encode(message).finish())).toEqual(given.map(plain));
      }),
    );
  });

  it('merged is the same as encoded at once', () => {
    fc.assert(
      fc.property(fc.array(records, { maxLength: 5 }), (parts) => {
        expect(all(mergeBodies(parts.map(encodeBody)))).toEqual(parts.flat().map(plain));
      }),
    );
  });

  it('is never larger than its builder says', () => {
    fc.assert(
      fc.property(records, (given) => {
        const builder = new BodyBuilder();
        let sum = builder.bytesMax;
        for (const record of given) {
          builder.add(record, record);
          sum += recordBytesMax(record, record);
        }
        expect(builder.encode().byteLength).toBeLessThanOrEqual(builder.bytesMax);
        expect(builder.bytesMax).toBeLessThanOrEqual(sum);
      }),
    );
  });

  it('refuses any damage with STORE_DAMAGED and never anything else', () => {
    fc.assert(
      fc.property(records, fc.array(fc.tuple(fc.nat(), fc.nat(255))), (given, flips) => {
        const bytes = encodeBody(given);
        for (const [at, value] of flips)
          if (bytes.byteLength > 0) bytes[at % bytes.byteLength] = value;
        try {
          all(bytes);
        } catch (error) {
          expect(error).toMatchObject({ code: 'STORE_DAMAGED' });
        }
      }),
      { numRuns: 1_000 },
    );
  });

  it('refuses an index that points nowhere and columns of different lengths', () => {
    const message = BlockBody.decode(encodeBody([sample()]));
    const wrong: Partial<BlockBody>[] = [
      { topic: [9] },
      { epoch: [1] },
      { device: [] },
      { payloadBytes: [4] },
      { flags: [3] },
      { flags: [8] },
      { keyBoot: [0] },
      { names: ['x', 'devices/a/telemetry/t'] },
    ];
    for (const change of wrong) {
      const bytes = BlockBody.encode({ ...message, ...change }).finish();
      expect(() => decodeBody(bytes), JSON.stringify(change)).toThrow(/malformed/);
    }
  });

  it('refuses more records than a block may have', () => {
    const many = Array.from({ length: BODY_RECORDS_MAX + 1 }, sample);
    expect(() => decodeBody(encodeBody(many))).toThrow(/4097 records/);
  });

  it('is the same from a builder that wrote another one before', () => {
    fc.assert(
      fc.property(records, records, (before, given) => {
        const builder = new BodyBuilder();
        for (const record of before) builder.add(record, record);
        builder.encode();
        builder.clear();
        for (const record of given) builder.add(record, record);
        expect(builder.count).toBe(given.length);
        expect(Buffer.compare(builder.encode(), encodeBody(given))).toBe(0);
      }),
    );
  });

  it('leaves no memory to the collector once its builder is cleared', () => {
    const builder = new BodyBuilder();
    const before = process.memoryUsage().arrayBuffers;
    for (let written = 0; written < 10; written++) {
      const record = { ...sample(), payload: new Uint8Array(1_000) };
      for (let count = 0; count < 400; count++) builder.add(record, record);
      releaseBytes(builder.encode());
      builder.clear();
    }
    // Each of the ten took more than a megabyte.
    expect(process.memoryUsage().arrayBuffers - before).toBeLessThan(BODY_BYTES_MAX);
  });

  it('knows when the gateway received a record', () => {
    expect(receivedMicros({ epoch: epochs[0]!, elapsedMicros: 10 })).toBe(8n);
  });
});

describe('compression', () => {
  it('gives back the body, and leaves alone what does not get smaller', () => {
    const body = encodeBody(Array.from({ length: 100 }, sample));
    const packed = compressBody(body);
    expect(packed.codec).toBe(Codec.CODEC_ZSTD);
    expect(packed.bytes.byteLength).toBeLessThan(body.byteLength);
    // Alone in its memory, which can be given back.
    expect(packed.bytes.buffer.byteLength).toBe(packed.bytes.byteLength);
    expect(Buffer.compare(decompressBody(packed.codec, packed.bytes), body)).toBe(0);
    for (const bytes of [3, BODY_BYTES_MAX]) {
      const random = randomBytes(bytes);
      expect(compressBody(random)).toEqual({ codec: Codec.CODEC_NONE, bytes: random });
    }
  });

  it('refuses a decompression bomb, a cut frame, and a codec of a later version', () => {
    const bomb = zstdCompressSync(Buffer.alloc(64 * BODY_BYTES_MAX));
    expect(() => decompressBody(Codec.CODEC_ZSTD, bomb)).toThrow(/does not decompress/);
    const little = zstdCompressSync(Buffer.alloc(BODY_BYTES_MAX + 1));
    expect(() => decompressBody(Codec.CODEC_ZSTD, little)).toThrow(/larger/);
    expect(() => decompressBody(Codec.CODEC_NONE, Buffer.alloc(BODY_BYTES_MAX + 1))).toThrow(
      /larger/,
    );
    const cut = zstdCompressSync(Buffer.alloc(1000, 'ab')).subarray(0, 12);
    expect(() => decompressBody(Codec.CODEC_ZSTD, cut)).toThrow(/malformed/);
    expect(() => decompressBody(9 as Codec, cut)).toThrow(/not known/);
  });
});

function sample(): BodyRecord {
  const payload = Buffer.from('4.2');
  const place = { topic: 'devices/a/telemetry/t', device: 'a', channel: 't' };
  return { ...place, payload, epoch: epochs[0]!, elapsedMicros: 1, qos: 1, retain: false };
}
