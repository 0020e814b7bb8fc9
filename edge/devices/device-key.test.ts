import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { deviceKeyOf, KEYED_PAYLOAD_BYTES_MAX } from './device-key.ts';

const keyOf = (text: string) => deviceKeyOf(Buffer.from(text));

describe('the key in a payload', () => {
  it('is boot and seq of a JSON object', () => {
    expect(keyOf('{"value":1,"boot":"b1","seq":0}')).toEqual({ boot: 'b1', sequence: 0n });
  });

  it.each([
    '21.5',
    '',
    '[{"boot":"b","seq":1}]',
    ' {"boot":"b","seq":1}',
    '{"boot":"b","seq":1',
    '{"boot":"b"}',
    '{"boot":"","seq":1}',
    '{"boot":7,"seq":1}',
    '{"boot":"b","seq":"1"}',
    '{"boot":"b","seq":1.5}',
    '{"boot":"b","seq":-1}',
    '{"boot":"b","seq":9007199254740993}',
    '{"boot":null,"seq":null}',
    `{"boot":"${'b'.repeat(65)}","seq":1}`,
    `{"boot":"b","seq":1,"pad":"${'x'.repeat(KEYED_PAYLOAD_BYTES_MAX)}"}`,
  ])('is not found in %.40s', (text) => {
    expect(keyOf(text)).toBeUndefined();
  });

  it('never throws, whatever a device sends', () => {
    const near = fc.string().map((text) => `{"boot":"b","seq":1,${text}}`);
    fc.assert(
      fc.property(
        fc.oneof(
          near.map((text) => Buffer.from(text)),
          fc.uint8Array(),
        ),
        (payload) => {
          deviceKeyOf(payload);
        },
      ),
    );
  });
});
