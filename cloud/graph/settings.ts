import { z } from 'zod';

export const graphSettingsSchema = z
  .strictObject({
    /** Shows GraphiQL and answers introspection; on loopback only. */
    development: z.boolean().default(false),
  })
  .prefault({});

export type GraphSettings = z.output<typeof graphSettingsSchema>;
