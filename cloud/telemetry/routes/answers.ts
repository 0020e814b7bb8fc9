import { laneLedgerSchema } from '@holdfast/shared/contracts/events.ts';
import { LANES } from '@holdfast/shared/contracts/lanes.ts';
import { z } from 'zod';
import { pageSchema } from '../../platform/http/page.ts';

/** What the paths answer, for the document and its checks. */

const time = z.iso.datetime();
const count = z.int().min(0);
const clock = z.literal('suspect').optional();
const contents = [{ value: z.number() }, { text: z.string() }, { base64: z.base64() }] as const;

/** Where a reading stands in its gateway's sequence. */
const origin = {
  sequence: count,
  incarnation: z.string(),
  gatewayId: z.string(),
  lane: z.enum(LANES),
};

/** Of a minute or an hour; first and last are by time. */
const figures = {
  count,
  sum: z.number(),
  mean: z.number(),
  min: z.number(),
  max: z.number(),
  first: z.number(),
  last: z.number(),
};

const listedMetric = z.union(
  contents.map((content) => z.strictObject({ metric: z.string(), time, ...content, clock })),
);

const latestReading = z.union(
  contents.map((content) =>
    z.strictObject({
      metric: z.string(),
      time,
      receivedAt: time,
      ...content,
      clock,
      ...origin,
    }),
  ),
);

export const devicePage = pageSchema(
  z
    .strictObject({
      id: z.string(),
      site: z.string(),
      gatewayId: z.string().nullable(),
      lastSeen: time.nullable(),
      metricCount: count,
      metrics: z.array(listedMetric),
    })
    .meta({ id: 'Device' }),
).meta({ id: 'DevicePage' });

export const latestAnswer = z
  .strictObject({ id: z.string(), site: z.string(), metrics: z.array(latestReading) })
  .meta({ id: 'LatestReadings' });

const reading = z
  .union(
    contents.map((content) =>
      z.strictObject({
        form: z.literal('condensed').optional(),
        time,
        receivedAt: time,
        ...content,
        clock,
        ...origin,
      }),
    ),
  )
  .meta({ id: 'Reading' });

const condensedMinute = z
  .strictObject({ time, until: time, form: z.literal('condensed'), ...figures, ...origin })
  .meta({ id: 'CondensedReadings' });

const bucket = z.strictObject({ time, ...figures }).meta({ id: 'ReadingSummary' });

export const readingPage = z
  .strictObject({
    id: z.string(),
    site: z.string(),
    /** Absent when the device has none. */
    metric: z.string().optional(),
    resolution: z.enum(['raw', '1m', '1h']),
    ...pageSchema(z.union([reading, condensedMinute, bucket])).shape,
  })
  .meta({ id: 'ReadingPage' });

const gatewayLane = z
  .strictObject({
    lane: z.enum(LANES),
    lag: count.nullable(),
    backlog: count.nullable(),
    ledger: z.union([laneLedgerSchema, z.null()]),
    cloud: z.strictObject({
      contiguous: count,
      highest: count,
      held: count,
      condensed: count,
      openRanges: count,
      parked: count,
      incarnation: z.string().nullable(),
    }),
  })
  .meta({ id: 'GatewayLane' });

export const gatewayPage = pageSchema(
  z
    .strictObject({
      id: z.string(),
      site: z.string(),
      state: z.enum(['connected', 'lost', 'disconnected', 'fenced']),
      reason: z.string().nullable(),
      lastSeen: time,
      incarnation: z.string(),
      softwareVersion: z.string().nullable(),
      bufferBytes: count,
      connectedDevices: count,
      reportedAt: time.nullable(),
      revokedAt: time.nullable().meta({ description: 'What it says counts no more.' }),
      lanes: z.array(gatewayLane),
    })
    .meta({ id: 'Gateway' }),
).meta({ id: 'GatewayPage' });
