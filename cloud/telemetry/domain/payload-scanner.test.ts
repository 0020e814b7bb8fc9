import { measure } from '@holdfast/shared/domain/payload.ts';
import { timestampMicros } from '@holdfast/shared/domain/reading-time.ts';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { PayloadScanner, shapeOf } from './payload-scanner.ts';

/** What the scanner says of a payload by the shape of another; undefined when it cannot tell. */
function scanned(text: string, like = text) {
  const payload = Buffer.from(text);
  const shape = shapeOf(Buffer.from(like));
  const scanner = new PayloadScanner();
  if (!shape || !scanner.scan(payload, shape)) return undefined;
  const measurements = shape.fields.map((field, index) => {
    const to = scanner.textTo[index]!;
    const content = to ? payload.subarray(scanner.textFrom[index], to) : scanner.numbers[index];
    return { field, content };
  });
  return { time: scanner.hasTime ? scanner.time : undefined, measurements };
}

function measured(text: string) {
  const bytes = Buffer.from(text);
  const { ts, measurements } = measure({ text, bytes: () => bytes });
  return { time: ts === undefined ? ts : (timestampMicros(ts) ?? Number.NaN), measurements };
}

const SPACE = ['', ' ', '\n', '\t \r'];
const TIMES = ['2026-01-01T00:00:00Z', '2024-02-29T23:59:60.5Z', '2026-13-01T00:00:00Z', '1e9'];

/** Payloads of few keys, so that many are alike, with values of every kind. */
const values = fc.oneof(
  fc.double(),
  fc.integer(),
  fc.integer({ min: -1e6, max: 1e6 }).map((scaled) => scaled / 100),
  fc.string(),
  fc.string({ unit: 'binary' }),
  fc.boolean(),
  fc.date({ noInvalidDate: true }).map((date) => date.toISOString()),
  fc.constantFrom(...TIMES, null, -0, 1.7e9, 1.7e12, { nested: 1 }, [1]),
);
const objects = fc.uniqueArray(
  fc.tuple(fc.constantFrom('value', 'ts', 'seq', 'unit', 'boot', '1', 'é', ''), values),
  { selector: ([name]) => name },
);
const payloads = fc
  .tuple(objects, fc.constantFrom(...SPACE), fc.constantFrom(...SPACE))
  .map(([fields, a, b]) => {
    const inner = fields.map(([name, value]) => {
      return `${a}${JSON.stringify(name)}${b}:${a}${JSON.stringify(value) ?? 'null'}${b}`;
    });
    return `${b}{${inner.join(',')}${inner.length === 0 ? a : ''}}${a}`;
  });

describe('PayloadScanner', () => {
  it('finds what `measure` finds, or says that it cannot tell', () => {
    let told = 0;
    fc.assert(
      fc.property(payloads, payloads, fc.boolean(), (text, other, alike) => {
        const found = scanned(text, alike ? text : other);
        if (!found) return;
        told += 1;
        expect(found).toEqual(measured(text));
      }),
      { numRuns: 3_000 },
    );
    expect(told).toBeGreaterThan(100);
  });

  it('finds the same in spoilt payloads', () => {
    const good = '{"value":-21.45,"unit":"Cel","ts":"2026-01-02T03:04:05.678Z","seq":7}';
    const bytes = fc.tuple(fc.nat(good.length - 1), fc.nat(127));
    fc.assert(
      fc.property(bytes, fc.nat(good.length), ([at, code], cut) => {
        const spoilt = good.slice(0, at) + String.fromCharCode(code) + good.slice(at + 1);
        for (const text of [spoilt, good.slice(0, cut)]) {
          const found = scanned(text, good);
          if (found) expect(found).toEqual(measured(text));
        }
      }),
      { numRuns: 2_000 },
    );
  });

  it.each([
    '{"value":4.2,"unit":"Cel","ts":"2026-11-22T14:07:49.123Z","boot":"b1","seq":12}',
    '{"value": 21, "ok": true}',
    '21.5',
    ' -0.000125 ',
    '{"ts":1700000000,"value":0}',
  ])('can tell %s', (text) => expect(scanned(text)).toEqual(measured(text)));

  it.each([
    '',
    '1.5e3',
    '12345678901234567',
    '01',
    '1.',
    '{"value":1}x',
    '{"a":"\\n"}',
    '{"unit":"°C","value":1}',
    '{"value":1,"value":2}',
    '{"a":null}',
  ])('leaves %j to `measure`', (text) => expect(scanned(text)).toBeUndefined());
});
