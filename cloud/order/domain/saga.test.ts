import { ORDER_STATES, type OrderState } from '@holdfast/shared/contracts/events/order.ts';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { sampleOrder } from '../orders.fixture.ts';
import { changeOf } from './change.ts';
import type { Order } from './order.ts';
import { FACTS, type Fact, isTerminal, isTransition, transition } from './order-states.ts';
import {
  type Answer,
  type Answered,
  judge,
  mayGoOn,
  mayWait,
  retryDelayMs,
  workOf,
} from './saga.ts';
import type { PeerCallName } from './steps.ts';

const LIMITS = { confirmMicros: 1_000n, captureMicros: 50_000n, shipMicros: 5_000n };
/** Beyond this many turns of the saga an order that is still alive is a livelock. */
const TURNS_MAX = 1_000;

/** What the peers hold for one order, as their contracts say. */
class Peers {
  stock: 'none' | 'held' | 'sold' | 'picked' | 'ended' = 'none';
  money: 'none' | 'held' | 'declined' | 'taken' | 'voided' | 'back' = 'none';
  captures = 0;

  /** Does the call, idempotently; the answer is that of a peer whose answer arrives. */
  do(call: PeerCallName, can: { stock: boolean; money: boolean }): Answer {
    const refused: Answer = { kind: 'refused', reason: 'not in this state' };
    switch (call) {
      case 'reserve':
        if (this.stock === 'ended') return refused;
        if (this.stock === 'none' && !can.stock) return { kind: 'short', reason: 'none left' };
        if (this.stock === 'none') this.stock = 'held';
        return { kind: 'done', sites: ['site-1'] };
      case 'confirm':
        if (this.stock === 'held') this.stock = 'sold';
        return this.stock === 'sold' ? { kind: 'done' } : refused;
      case 'pick':
        if (this.stock === 'sold') this.stock = 'picked';
        return this.stock === 'picked' ? { kind: 'done' } : refused;
      case 'release':
        if (this.stock === 'picked') return refused;
        this.stock = 'ended';
        return { kind: 'done' };
      case 'authorise':
        if (this.money === 'none') this.money = can.money ? 'held' : 'declined';
        if (this.money === 'declined') return { kind: 'declined', reason: 'no funds' };
        return this.money === 'held' ? { kind: 'done' } : refused;
      case 'capture':
        if (this.money === 'held') {
          this.money = 'taken';
          this.captures += 1;
        }
        return this.money === 'taken' ? { kind: 'done' } : refused;
      case 'void':
        if (this.money === 'taken') return { kind: 'captured' };
        if (this.money !== 'back') this.money = 'voided';
        return { kind: 'done' };
      case 'refund':
        if (this.money === 'taken') this.money = 'back';
        return this.money === 'back' ? { kind: 'done' } : refused;
    }
  }
}

/** How a turn goes: what the peers can do, and what becomes of the call and its answer. */
const turn = fc.record({
  fate: fc.constantFrom(...(['arrives', 'lost-before', 'lost-after', 'late', 'crash'] as const)),
  /** What is on its way from earlier turns gets there before this one. */
  lateArrive: fc.boolean(),
  stock: fc.boolean(),
  money: fc.boolean(),
  passes: fc.integer({ min: 0, max: 800 }),
  /** Whether a step that may wait is stored all the same. */
  stores: fc.boolean(),
  asked: fc.constantFrom(
    undefined,
    undefined,
    undefined,
    'cancel-asked',
    'ship-asked',
    'refund-asked',
    'expire',
  ),
});
type Turn = typeof turn extends fc.Arbitrary<infer T> ? T : never;
const KIND: Turn = {
  fate: 'arrives',
  lateArrive: false,
  stock: true,
  money: true,
  passes: 100,
  stores: true,
  asked: undefined,
};

interface World {
  /** What the row says, and what its holder knows beyond it. */
  stored: Order;
  order: Order;
  readonly peers: Peers;
  /** Calls without an answer that nobody waits for any more. */
  readonly late: PeerCallName[];
  /** Somebody has taken the order up before. */
  repeated: boolean;
  now: bigint;
}

function take(world: World, fact: Fact, { reason, waits = false }: Taking): void {
  const outcome = changeOf(world.order, fact, { now: world.now, reason });
  if (outcome.kind !== 'change') return;
  world.order = outcome.change.after;
  if (!waits) world.stored = world.order;
}

interface Taking {
  readonly reason: string | null;
  readonly waits?: boolean;
}

/** One turn of the saga, as the runner goes: ask, judge, commit, unless it dies on the way. */
function step(world: World, turn: Turn): void {
  const { fate, stock, money, passes, stores, asked } = turn;
  world.now += BigInt(passes);
  if (turn.lateArrive) arriveLate(world, turn);
  if (asked === 'expire') {
    if (world.peers.stock === 'held') world.peers.stock = 'ended';
  } else if (asked) {
    // Who asks takes the order over as it is stored; what its holder knew beyond that is fenced.
    world.order = world.stored;
    world.repeated = true;
    take(world, asked, { reason: asked });
  }
  const work = workOf(world.order, world.now, LIMITS);
  if (work.kind === 'fact') take(world, work.fact, { reason: work.reason });
  if (work.kind !== 'ask') return;
  const answered: Answered[] = [];
  for (const call of work.calls) {
    const lost: Answer = { kind: 'unknown', reason: 'no answer' };
    const isDone = fate !== 'lost-before' && fate !== 'late';
    if (fate === 'late') world.late.push(call);
    const real = isDone ? world.peers.do(call, { stock, money }) : lost;
    const one = { call, answer: fate === 'lost-after' ? lost : real };
    answered.push(one);
    if (work.how === 'in-turn' && !mayGoOn(one)) break;
  }
  if (fate === 'crash') {
    world.order = world.stored;
    world.repeated = true;
    return;
  }
  const { repeated } = world;
  const verdict = judge(world.order, answered, { repeated });
  if (verdict.kind !== 'fact') {
    world.repeated = true;
    return;
  }
  const { fact, reason } = verdict;
  take(world, fact, { reason, waits: mayWait(fact) && !stores });
}

function arriveLate({ late, peers }: World, can: { stock: boolean; money: boolean }): void {
  for (const call of late.splice(0)) peers.do(call, can);
}

function live(turns: readonly Turn[]): World {
  const order = sampleOrder({ placedAt: 0n, stateSince: 0n });
  const world: World = {
    stored: order,
    order,
    peers: new Peers(),
    late: [],
    repeated: false,
    now: 0n,
  };
  for (const each of turns) step(world, each);
  for (let left = TURNS_MAX; left > 0 && !isTerminal(world.order.state); left--) step(world, KIND);
  arriveLate(world, KIND);
  return world;
}

describe('an order', () => {
  it('has one answer for each state and fact', () => {
    for (const state of ORDER_STATES) {
      for (const fact of FACTS) {
        const cell = transition(state, fact);
        expect(cell, `${state} × ${fact}`).toBeDefined();
        if (isTransition(cell)) expect(ORDER_STATES).toContain(cell.to);
      }
    }
  });

  it('leaves a terminal state only for a refund of what was paid', () => {
    const leaving = ORDER_STATES.filter(isTerminal).flatMap((state) =>
      FACTS.filter((fact) => isTransition(transition(state, fact))).map(
        (fact) => `${state} ${fact}`,
      ),
    );
    expect(leaving).toEqual(['fulfilled refund-asked']);
  });

  it('ends whatever the peers answer, with money and stock where the state says (I9)', () => {
    fc.assert(
      fc.property(fc.array(turn, { maxLength: 40 }), (turns) => {
        const { order, peers } = live(turns);
        expect(isTerminal(order.state), order.state).toBe(true);
        expect(peers.captures).toBeLessThanOrEqual(1);
        const expected: Partial<Record<OrderState, () => boolean>> = {
          fulfilled: () => peers.money === 'taken' && peers.stock === 'picked',
          refunded: () => peers.money === 'back',
          declined: () => !holdsMoney(peers) && !holdsStock(peers),
          cancelled: () => !holdsMoney(peers) && !holdsStock(peers),
        };
        expect(expected[order.state]?.(), JSON.stringify({ order: order.state, peers })).toBe(true);
      }),
      { numRuns: 2_000 },
    );
  });

  it('a checker of the ends notices a step that is not undone', () => {
    const peers = new Peers();
    peers.do('reserve', { stock: true, money: true });
    peers.do('authorise', { stock: true, money: true });
    peers.do('release', { stock: true, money: true });
    expect(holdsMoney(peers)).toBe(true);
  });

  it('repeats an uncertain call in growing, bounded pauses', () => {
    fc.assert(
      fc.property(
        fc.nat(1_000),
        fc.float({ min: 0, max: 1, noNaN: true }),
        (attempts, fraction) => {
          const pause = retryDelayMs(attempts, fraction);
          expect(pause).toBeGreaterThanOrEqual(50);
          expect(pause).toBeLessThanOrEqual(5_000);
        },
      ),
    );
  });
});

function holdsMoney({ money }: Peers): boolean {
  return money === 'held' || money === 'taken';
}

/** Goods that left although nothing was paid are a person's business, not a promise still held. */
function holdsStock({ stock }: Peers): boolean {
  return stock === 'held' || stock === 'sold';
}
