import { join } from 'node:path';
import { z } from 'zod';
import { AppError } from '../lib/app-error.ts';
import type { TracingOptions } from './tracing.ts';

/** The settings under `tracing`, the same for every process. */
export const tracingSettingsSchema = z
  .strictObject({
    /** `file` writes one JSON line per span to `<dataDir>/traces.jsonl`. */
    exporter: z.enum(['none', 'file', 'otlp']).default('none'),
    /** For `otlp`: for example http://127.0.0.1:4318/v1/traces. */
    endpoint: z.url().optional(),
    /** The share of MQTT messages that begin a trace, 0 to 1. */
    sampleRatio: z.number().min(0).max(1).default(0.001),
  })
  .prefault({});

/** Throws CONFIG_INVALID when `otlp` has no endpoint. */
export function tracingOptions(
  settings: z.infer<typeof tracingSettingsSchema>,
  dataDir: string,
): TracingOptions {
  if (settings.exporter === 'none') return { exporter: 'none' };
  if (settings.exporter === 'file')
    return { exporter: 'file', file: join(dataDir, 'traces.jsonl') };
  if (settings.endpoint) return { exporter: 'otlp', endpoint: settings.endpoint };
  throw new AppError(
    'CONFIG_INVALID',
    'tracing.exporter is otlp, but tracing.endpoint is missing',
    {
      hint: 'set tracing.endpoint to the collector, for example http://127.0.0.1:4318/v1/traces',
    },
  );
}
