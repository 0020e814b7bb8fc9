import { z } from 'zod';

/**
 * The CloudEvents 1.0 envelope with Holdfast's extensions (architecture §3). On a log it travels in
 * binary mode: one
 * `ce_` header per attribute, the data as the record's value.
 */
export const eventEnvelopeSchema = z.strictObject({
  specversion: z.literal('1.0'),
  id: z.string().min(1).max(128),
  source: z.string().min(1).max(256),
  /** For example `order.placed.v1`. */
  type: z.string().regex(/^[a-z][a-z0-9_]*(\.[a-z][a-z0-9_]*)+\.v[0-9]+$/),
  /** The aggregate; the longest is an audit row's of a tenant's item at a site. */
  subject: z.string().min(1).max(512),
  /** RFC 3339, UTC. */
  time: z.iso.datetime(),
  datacontenttype: z.string(),
  dataschema: z.string(),
  tenant: z.string().min(1).max(64),
  region: z.string().min(1).max(64),
  /** Gapless per aggregate, from 1. A decimal string, since CloudEvents integers have 32 bits. */
  sequence: z.string().regex(/^[1-9][0-9]*$/),
  causationid: z.string().max(128).optional(),
  correlationid: z.string().max(128).optional(),
  /** Who caused it, by id only. */
  actor: z.string().max(128).optional(),
  traceparent: z.string().max(64).optional(),
});

export type EventEnvelope = z.infer<typeof eventEnvelopeSchema>;

/** The envelope as log headers. */
export function envelopeToHeaders(envelope: EventEnvelope): Record<string, string> {
  const headers: Record<string, string> = {};
  for (const [name, value] of Object.entries(envelope)) {
    if (value === undefined) continue;
    headers[name === 'datacontenttype' ? 'content-type' : `ce_${name}`] = value;
  }
  return headers;
}

/**
 * The envelope of log headers. Throws a ZodError that names the attribute when one is missing or
 * wrong.
 */
export function envelopeFromHeaders(headers: Readonly<Record<string, string>>): EventEnvelope {
  const attributes: Record<string, string> = {};
  for (const [name, value] of Object.entries(headers)) {
    if (name === 'content-type') attributes['datacontenttype'] = value;
    else if (name.startsWith('ce_')) attributes[name.slice('ce_'.length)] = value;
  }
  return eventEnvelopeSchema.parse(attributes);
}
