import { z } from 'zod';

/** `bundle.json`: the checksum of rules and data, and the data. */
export const manifestSchema = z.strictObject({
  revision: z.string().regex(/^[0-9a-f]{64}$/),
  data: z.record(z.string(), z.unknown()),
});
/** What the rules answer to one question. */
export const answerSchema = z.tuple([
  z.object({
    result: z.strictObject({ allowed: z.boolean(), reasons: z.array(z.string()).min(1) }),
  }),
]);
