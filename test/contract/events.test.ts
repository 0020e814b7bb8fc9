import { describe, expect, it } from 'vitest';
import {
  BASELINE_FOLDER,
  breakingExports,
  EXPORT_FOLDER,
  exportedSchemas,
  readSchemas,
} from './event-schemas.ts';

const REFRESH = 'run: node test/contract/export-events.ts';

describe('event schemas in proto/events', () => {
  it('are the ones that the code validates with', () => {
    expect(readSchemas(EXPORT_FOLDER), `proto/events is stale; ${REFRESH}`).toEqual(
      exportedSchemas(),
    );
  });

  it('break nobody who relies on the accepted ones', () => {
    const broken = breakingExports(readSchemas(BASELINE_FOLDER), exportedSchemas());
    expect(broken, 'give the event a new type (…v2) beside the old one').toEqual([]);
  });

  it('are all in the baseline, so that what was added can not be taken back unseen', () => {
    expect(readSchemas(BASELINE_FOLDER), `the baseline is behind; ${REFRESH}`).toEqual(
      exportedSchemas(),
    );
  });
});

describe('the check of exports', () => {
  it('finds a planted break, and names the file and the field', () => {
    const before = exportedSchemas();
    const name = 'gateway.disconnected.v1.schema.json';
    const planted = new Map(before).set(name, before.get(name)!.replace('"lost",', ''));
    expect(breakingExports(before, planted)).toEqual([
      'gateway.disconnected.v1.schema.json#/reason: enum lost "lost"',
    ]);
  });

  it('finds an event type that is gone', () => {
    const planted = new Map(exportedSchemas());
    planted.delete('gateway.fenced.v1.schema.json');
    expect(breakingExports(exportedSchemas(), planted)).toEqual([
      'gateway.fenced.v1.schema.json: the event type was removed',
    ]);
  });
});
