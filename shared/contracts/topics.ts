/**
 * The event topics: who writes them, what keeps an order, and how long they are kept (architecture
 * §3).
 */
export interface TopicDefinition {
  /** What the key is made of; a key keeps its partition and its order. */
  readonly key: string;
  readonly partitionCount: number;
  readonly retention: { readonly kind: 'time'; readonly ms: number } | { readonly kind: 'compact' };
  /** The service that appends to it. */
  readonly owner: string;
}

const DAY_MS = 86_400_000;

export const TOPICS = {
  'telemetry.batches': {
    key: 'gateway/lane',
    partitionCount: 8,
    retention: { kind: 'time', ms: 7 * DAY_MS },
    owner: 'edge-link',
  },
  gateways: {
    key: 'gateway',
    partitionCount: 4,
    retention: { kind: 'time', ms: 7 * DAY_MS },
    owner: 'edge-link',
  },
  'gateway.revocations': {
    key: 'gateway',
    partitionCount: 1,
    // For ever: a certificate outlives every time that a log is kept.
    retention: { kind: 'compact' },
    owner: 'auth',
  },
  orders: {
    key: 'order',
    partitionCount: 8,
    retention: { kind: 'time', ms: 30 * DAY_MS },
    owner: 'order',
  },
  payments: {
    key: 'payment key',
    partitionCount: 8,
    retention: { kind: 'time', ms: 30 * DAY_MS },
    owner: 'payment',
  },
  products: {
    key: 'product',
    partitionCount: 4,
    retention: { kind: 'compact' },
    owner: 'product',
  },
  inventory: {
    key: 'tenant/site/item, or the reservation',
    partitionCount: 8,
    retention: { kind: 'time', ms: 7 * DAY_MS },
    owner: 'inventory',
  },
  'audit.entries': {
    key: 'service/resource',
    partitionCount: 4,
    retention: { kind: 'time', ms: 30 * DAY_MS },
    owner: 'each service its own, chained by audit',
  },
} as const satisfies Record<string, TopicDefinition>;

export type Topic = keyof typeof TOPICS | `${keyof typeof TOPICS}.dead`;

export function topicDefinition(topic: Topic): TopicDefinition {
  const live = topic.endsWith('.dead') ? topic.slice(0, -'.dead'.length) : topic;
  return TOPICS[live as keyof typeof TOPICS];
}
