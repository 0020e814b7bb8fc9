import { z } from 'zod';

/** The settings under `product`. */
export const productSettingsSchema = z
  .strictObject({
    cache: z
      .strictObject({
        /** Changes what an answer costs, never what it says. */
        enabled: z.boolean().default(true),
        /** An older entry is still answered, while it is read anew beside. */
        freshSeconds: z.int().min(1).max(3_600).default(30),
        /** No entry is answered after this time. */
        keptSeconds: z.int().min(1).max(3_600).default(300),
      })
      .prefault({}),
  })
  .prefault({});

export type ProductSettings = z.infer<typeof productSettingsSchema>;
