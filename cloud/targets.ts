/**
 * What can run: each service, the ports that it opens and the peers that it asks. Pure data:
 * topology is asked nowhere else. `--target=all` runs everything in one process.
 */
export const PORTS = [
  'sql',
  'event-log',
  'kv',
  'objects',
  'secrets',
  'certificate-authority',
  'policy',
] as const;
export type PortName = (typeof PORTS)[number];

export interface TargetDefinition {
  readonly does: string;
  readonly speaks: readonly ('http' | 'grpc' | 'soap')[];
  readonly ports: readonly PortName[];
  readonly peers: readonly TargetName[];
}

export const TARGET_NAMES = [
  'edge-link',
  'auth',
  'telemetry',
  'product',
  'inventory',
  'payment',
  'payment-sandbox',
  'audit',
  'order',
  'graph',
  'console',
] as const;
export type TargetName = (typeof TARGET_NAMES)[number];

export const TARGETS: Readonly<Record<TargetName, TargetDefinition>> = {
  'edge-link': {
    does: "ends the gateways' streams and appends to the log",
    speaks: ['grpc'],
    ports: ['sql', 'event-log', 'secrets', 'certificate-authority'],
    peers: [],
  },
  auth: {
    does: 'users, clients, access tokens, claims and certificates of gateways',
    speaks: ['http'],
    ports: ['sql', 'event-log', 'secrets', 'certificate-authority'],
    peers: [],
  },
  telemetry: {
    does: 'readings, roll-ups, latest state, gateways',
    speaks: ['http'],
    ports: ['sql', 'event-log'],
    peers: ['auth'],
  },
  product: {
    does: 'the catalogue: products, prices, images, search',
    speaks: ['http', 'grpc'],
    ports: ['sql', 'event-log', 'kv', 'objects', 'policy'],
    peers: ['auth'],
  },
  inventory: {
    does: "the ledger of each site's stock, reservations, discrepancies",
    speaks: ['http', 'grpc'],
    ports: ['sql', 'event-log', 'policy'],
    peers: ['auth'],
  },
  payment: {
    does: 'speaks SOAP to an acquirer, keeps the ledger, reconciles',
    speaks: ['http', 'grpc'],
    ports: ['sql', 'event-log', 'secrets', 'policy'],
    peers: ['auth'],
  },
  'payment-sandbox': {
    does: 'an acquirer for development, with faults to order',
    speaks: ['soap'],
    ports: ['sql', 'secrets'],
    peers: [],
  },
  order: {
    does: 'orders, the checkout saga, shipments, refunds, and why',
    speaks: ['http'],
    ports: ['sql', 'event-log', 'kv', 'secrets', 'policy'],
    peers: ['auth', 'product', 'inventory', 'payment'],
  },
  audit: {
    does: 'hash chains of what was done and what was refused',
    speaks: ['http', 'grpc'],
    ports: ['sql', 'event-log', 'policy'],
    peers: ['auth'],
  },
  graph: {
    does: 'GraphQL over product and inventory, batched, limited',
    speaks: ['http'],
    ports: ['secrets', 'policy'],
    peers: ['auth', 'product', 'inventory'],
  },
  console: { does: 'the web console', speaks: ['http'], ports: [], peers: [] },
};

export type TargetSelection =
  | { readonly kind: 'targets'; readonly targets: readonly TargetName[] }
  | { readonly kind: 'unknown'; readonly name: string };

/** Reads `all` or a list such as `edge-link,telemetry`, in the table's order, each once. */
export function selectTargets(list: string): TargetSelection {
  const wanted = new Set(list.split(',').map((name) => name.trim()));
  for (const name of wanted) {
    if (name !== 'all' && !TARGET_NAMES.includes(name as TargetName)) {
      return { kind: 'unknown', name };
    }
  }
  const all = wanted.has('all');
  return { kind: 'targets', targets: TARGET_NAMES.filter((name) => all || wanted.has(name)) };
}

/** The table that --list-targets prints. */
export function targetTable(): string {
  const rows = TARGET_NAMES.map((name) => {
    const { does, speaks, ports, peers } = TARGETS[name];
    return [name, speaks.join(' '), ports.join(' ') || '-', peers.join(' ') || '-', does];
  });
  const header = ['TARGET', 'SPEAKS', 'PORTS', 'PEERS', 'DOES'];
  const widths = header.map((title, column) =>
    Math.max(title.length, ...rows.map((row) => row[column]!.length)),
  );
  const line = (row: readonly string[]): string =>
    row
      .map((cell, column) => cell.padEnd(widths[column]!))
      .join('  ')
      .trimEnd();
  return [header, ...rows].map(line).join('\n');
}
