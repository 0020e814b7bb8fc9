import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { FIELDS_MAX, type Measured, measure, type Payload } from './payload.ts';

function payload(bytes: Uint8Array): Payload {
  return { text: Buffer.from(bytes).toString('utf8'), bytes: () => bytes };
}

function measured(text: string): Measured {
  return measure(payload(Buffer.from(text)));
}

/** Texts as text, for reading. */
function shown(text: string): Record<string, unknown> {
  const { measurements } = measured(text);
  return Object.fromEntries(
    measurements.map(({ field, content }) => [
      field,
      typeof content === 'number' ? content : Buffer.from(content).toString('utf8'),
    ]),
  );
}

describe('measure', () => {
  it.each([
    ['21.5', { '': 21.5 }],
    [' -3 ', { '': -3 }],
    ['true', { '': 1 }],
    ['{"value":4.2}', { '': 4.2 }],
    ['{"value":false,"ts":1,"boot":"b","seq":9}', { '': 0 }],
    ['{"value":4.2,"battery":2.9,"ok":true}', { '': 4.2, battery: 2.9, ok: 1 }],
    ['{"value":4.2,"unit":"C"}', { '': 4.2, unit: 'C' }],
    ['{"nested":{"a":[1,2]},"none":null}', { nested: '{"a":[1,2]}', none: 'null' }],
    ['{"__proto__":1}', { ['__proto__']: 1 }],
  ])('reads %s', (text, expected) => {
    expect(Object.entries(shown(text))).toEqual(Object.entries(expected));
  });

  it.each([
    '',
    'open',
    '"open"',
    '[1,2]',
    'null',
    '{}',
    '{"seq":1}',
    '1e999',
    '{"a":1e999}',
    '{"":1}',
  ])('keeps %j whole', (text) => expect(shown(text)).toEqual({ '': text }));

  it('keeps the time as it was sent, whatever it is', () => {
    expect(measured('{"value":1,"ts":"yesterday"}').ts).toBe('yesterday');
    expect(measured('{"value":1}').ts).toBeUndefined();
  });

  it('keeps a message of too many fields whole', () => {
    const fields = Object.fromEntries(
      Array.from({ length: FIELDS_MAX + 1 }, (_, index) => [`f${index}`, index]),
    );
    const text = JSON.stringify(fields);
    expect(shown(text)).toEqual({ '': text });
  });

  it('keeps a message whole when cutting a text out would change it', () => {
    const bytes = Buffer.concat([Buffer.from('{"a":"'), Buffer.from([0xff]), Buffer.from('"}')]);
    expect(measure(payload(bytes)).measurements).toEqual([{ field: '', content: bytes }]);
  });

  it('keeps what is nested deeper than the stack reaches', () => {
    const text = `{"a":${'['.repeat(100_000)}${']'.repeat(100_000)}}`;
    expect(shown(text)).toEqual({ '': text });
  });

  it('never throws, says something of every payload, and every number is finite', () => {
    const anything = fc.oneof(
      fc.uint8Array({ maxLength: 200 }),
      fc.json().map((text) => new Uint8Array(Buffer.from(text))),
      fc
        .dictionary(
          fc.string(),
          fc.oneof(fc.double(), fc.string(), fc.boolean(), fc.constant(null)),
        )
        .map((object) => new Uint8Array(Buffer.from(JSON.stringify(object)))),
    );
    fc.assert(
      fc.property(anything, (bytes) => {
        const { measurements } = measure(payload(bytes));
        expect(measurements.length).toBeGreaterThan(0);
        expect(new Set(measurements.map(({ field }) => field)).size).toBe(measurements.length);
        for (const { content } of measurements) {
          if (typeof content === 'number') expect(Number.isFinite(content)).toBe(true);
        }
      }),
    );
  });
});
