import type { SyncRequest } from '@holdfast/shared/contracts/gen/holdfast/edge/v1/edge_link.ts';
import { LANES, type Lane } from '@holdfast/shared/contracts/lanes.ts';
import fc from 'fast-check';
import { expect, it } from 'vitest';
import {
  type CloudDisk,
  consume,
  newCloudDisk,
  type PlantedBug,
  SimulatedStream,
} from './sync-protocol.cloud.ts';
import {
  accept,
  type GatewayDisk,
  newDisk,
  SimulatedGateway,
  seal,
} from './sync-protocol.gateway.ts';

/**
 * What may happen next. Every order of these is a schedule that a network and two power switches
 * can bring about.
 */
type Action =
  | { kind: 'accept'; lane: Lane; count: number }
  | { kind: 'seal'; lane: Lane }
  | { kind: 'connect' | 'disk' | 'to-gateway' | 'crash-gateway' | 'crash-cloud' }
  | { kind: 'send'; count: number }
  | { kind: 'to-cloud'; link: number; append: 'done' | 'failed' | 'failed-but-there' }
  | { kind: 'cut'; lost: number }
  | { kind: 'consume'; count: number };

const lane = fc.constantFrom(...LANES);
const append = fc.constantFrom('done', 'done', 'done', 'failed', 'failed-but-there' as const);
const upTo = (max: number) => fc.integer({ min: 1, max });
const draw = <T>(weight: number, arbitrary: fc.Arbitrary<T>) => ({ weight, arbitrary });
const just = <K extends string>(kind: K) => fc.constant({ kind });
const action: fc.Arbitrary<Action> = fc.oneof(
  draw(2, fc.record({ kind: fc.constant('accept' as const), lane, count: upTo(9) })),
  draw(2, fc.record({ kind: fc.constant('seal' as const), lane })),
  draw(4, just('connect')),
  draw(4, just('disk')),
  draw(6, just('to-gateway')),
  draw(3, fc.record({ kind: fc.constant('send' as const), count: upTo(4) })),
  draw(8, fc.record({ kind: fc.constant('to-cloud' as const), link: fc.nat(2), append })),
  draw(1, fc.record({ kind: fc.constant('cut' as const), lost: fc.nat(4) })),
  draw(1, fc.record({ kind: fc.constant('consume' as const), count: upTo(5) })),
  draw(1, just('crash-gateway')),
  draw(1, just('crash-cloud')),
);

/** One stream: frames on their way, and the two ends while they live. */
interface SimulatedLink {
  gateway: SimulatedGateway | undefined;
  stream: SimulatedStream | undefined;
  /** Sent by a gateway that is gone: still on its way. */
  stray: SyncRequest[];
}

class World {
  readonly disk: GatewayDisk = newDisk('i1');
  readonly cloud: CloudDisk = newCloudDisk();
  readonly links: SimulatedLink[] = [];
  readonly #bug: PlantedBug | undefined;
  #streams = 0;

  constructor(bug?: PlantedBug) {
    this.#bug = bug;
  }

  do(next: Action): void {
    switch (next.kind) {
      case 'accept':
        accept(this.disk, next.lane, next.count);
        break;
      case 'seal':
        if (this.#current()?.gateway?.session.phase === 'streaming') seal(this.disk, next.lane);
        break;
      case 'connect':
        this.#connect();
        break;
      case 'disk':
        this.#current()?.gateway?.settleDisk();
        break;
      case 'send':
        for (let sent = 0; sent < next.count; sent++) this.#current()?.gateway?.sendOne();
        break;
      case 'to-cloud':
        this.#toCloud(
          this.links.at(-1 - (next.link % Math.max(1, this.links.length))),
          next.append,
        );
        break;
      case 'to-gateway':
        this.#toGateway();
        break;
      case 'cut':
        this.#cut(next.lost);
        break;
      case 'crash-gateway':
        this.#cut(0, false);
        break;
      case 'crash-cloud':
        for (const link of this.links) link.stream = undefined;
        break;
      case 'consume':
        consume(this.cloud, this.cloud.consumed + next.count);
        break;
    }
  }

  /** All faults are over: what was accepted arrives in a bounded number of rounds. */
  heal(): void {
    for (let round = 0; round < 2_000 && !this.#isDrained(); round++) {
      const link = this.#current();
      if (!link?.gateway) this.#connect();
      link?.gateway?.settleDisk();
      for (const name of LANES)
        if (link?.gateway?.session.phase === 'streaming') seal(this.disk, name);
      link?.gateway?.sendOne();
      this.#toCloud(link, 'done');
      this.#toGateway();
      consume(this.cloud, this.cloud.log.length);
    }
  }

  #isDrained(): boolean {
    return LANES.every((name) => {
      const { accepted, acknowledged } = this.disk.lanes[name];
      return acknowledged.contiguous === accepted && this.cloud.consumed === this.cloud.log.length;
    });
  }

  #current(): SimulatedLink | undefined {
    return this.links.at(-1);
  }

  #connect(): void {
    if (this.#current()?.gateway) return;
    const freshTurn = (++this.#streams).toString(16).padStart(32, '0');
    this.links.push({
      gateway: new SimulatedGateway(this.disk),
      stream: new SimulatedStream(this.cloud, { freshTurn, bug: this.#bug }),
      stray: [],
    });
  }

  #toCloud(link: SimulatedLink | undefined, how: 'done' | 'failed' | 'failed-but-there'): void {
    const request = link?.gateway?.out.shift() ?? link?.stray.shift();
    if (request) link?.stream?.receive(request, how);
  }

  #toGateway(): void {
    const link = this.#current();
    if (!link?.gateway) return;
    const response = link.stream?.out.shift();
    const isOver = !link.stream || link.stream.phase === 'ended';
    if (response) link.gateway.receive(response);
    else if (isOver || link.gateway.session.phase === 'ended') this.#cut(0);
  }

  /** The gateway's end of the link is gone; of what it sent last, `lost` frames never arrive. */
  #cut(lost: number, settles = true): void {
    const link = this.#current();
    if (!link?.gateway) return;
    // A stream that ends waits for its disk work before the next Hello; a crash takes it away.
    if (settles) link.gateway.settleDisk();
    link.stray = link.gateway.out.slice(0, Math.max(0, link.gateway.out.length - lost));
    link.gateway = undefined;
  }
}

function run(actions: readonly Action[], bug?: PlantedBug): World {
  const world = new World(bug);
  for (const next of actions) world.do(next);
  world.heal();
  return world;
}

function check({ cloud, disk }: World): void {
  expect(cloud.fenced).toBe(false);
  expect(cloud.parked).toEqual([]);
  for (const name of LANES) {
    const { accepted } = disk.lanes[name];
    const all = Array.from({ length: Number(accepted) }, (_, index) => BigInt(index) + 1n);
    const inOrder = cloud.effects[name].toSorted((a, b) => (a < b ? -1 : 1));
    expect(inOrder).toEqual(all);
    if (name === 'stock') expect(cloud.effects.stock).toEqual(all);
  }
}

const schedule = fc.array(action, { minLength: 20, maxLength: 300 });

it('delivers each sequence exactly once, whatever is cut, killed or late', () => {
  fc.assert(
    fc.property(schedule, (actions) => check(run(actions))),
    { numRuns: 1_000 },
  );
});

it.each<PlantedBug>(['acknowledge-before-append', 'range-off-by-one'])(
  'finds the planted bug: %s',
  (bug) => {
    const found = fc.check(
      fc.property(schedule, (actions) => check(run(actions, bug))),
      { numRuns: 5_000, endOnFailure: true },
    );
    expect(found.failed).toBe(true);
  },
);

/**
 * A gateway is killed with its Hello still on the way; the Hello arrives after its next stream is
 * served.
 */
const LATE_HELLO: readonly Action[] = [
  { kind: 'connect' },
  { kind: 'crash-gateway' },
  { kind: 'connect' },
  { kind: 'to-cloud', link: 0, append: 'done' },
  { kind: 'to-gateway' },
  { kind: 'disk' },
  { kind: 'to-cloud', link: 0, append: 'done' },
  { kind: 'to-cloud', link: 1, append: 'done' },
];

it('does not take the late Hello of an earlier stream for another copy', () => {
  check(run(LATE_HELLO));
  expect(run(LATE_HELLO, 'stale-hello-judged').cloud.fenced).toBe(true);
});
