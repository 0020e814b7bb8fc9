import { isTerminal } from '../../../cloud/order/domain/order-states.ts';
import { ask } from '../../load/orders/shop.ts';

export interface OrderView {
  readonly id: string;
  readonly state: Parameters<typeof isTerminal>[0];
}

export interface LevelView {
  readonly onHand: number;
  readonly reserved: number;
  readonly sold: number;
  readonly free: number;
}

/** What people and machines see of a shop; all that the checks go by. */
export interface Books {
  readonly url: string;
  readonly stockUrl: string;
  readonly paymentUrl: string;
  readonly customer: string;
  readonly manager: string;
}

const PAGE = 100;

/** Every order of the customer. */
export async function allOrders({ url, customer }: Books): Promise<readonly OrderView[]> {
  const found: OrderView[] = [];
  let cursor: string | null = null;
  do {
    const query: string = cursor === null ? '' : `&cursor=${cursor}`;
    const page: { items: OrderView[]; next_cursor: string | null } = await ask(
      `${url}/v1/orders?limit=${PAGE}${query}`,
      { token: customer },
    );
    found.push(...page.items);
    cursor = page.next_cursor;
  } while (cursor !== null);
  return found;
}

/** What is confirmed waits for people; everything else ends by itself (I9). */
export function isAtRest({ state }: OrderView): boolean {
  return state === 'confirmed' || isTerminal(state);
}

export function levelOf({ stockUrl, manager }: Books, item: string): Promise<LevelView> {
  return ask(`${stockUrl}/v1/stock/site-1/${item}`, { token: manager });
}

/** What is wrong with a level of which `stock` pieces came in and none left. */
export function faultsOf(level: LevelView, stock: number): string[] {
  const { onHand, reserved, sold, free } = level;
  const told = `on hand ${onHand}, sold ${sold}, reserved ${reserved}, free ${free}`;
  const isWhole = sold + reserved + free === stock && onHand === stock && free >= 0;
  return isWhole ? [] : [`of ${stock}: ${told}`];
}

interface Story {
  readonly order: OrderView;
  readonly story: readonly {
    readonly kind: string;
    readonly sequence?: number;
    readonly operation?: string;
    readonly outcome?: string;
  }[];
}

/** What is wrong with an order's own story: a gap in its events, or money taken twice. */
export async function faultsOfStory({ url, customer }: Books, id: string): Promise<string[]> {
  const { order, story } = await ask<Story>(`${url}/v1/orders/${id}/why`, { token: customer });
  return storyFaults(order, story);
}

export function storyFaults(order: OrderView, story: Story['story']): string[] {
  const sequences = story.flatMap(({ sequence }) => sequence ?? []);
  const taken = story.filter(
    ({ kind, operation, outcome }) =>
      kind === 'attempt' && operation === 'authorise' && outcome === 'done',
  );
  return [
    ...(sequences.every((sequence, index) => sequence === index + 1)
      ? []
      : [`${order.id}: its events are ${sequences.join(' ')}`]),
    ...(taken.length > 1 ? [`${order.id}: authorised ${taken.length} times`] : []),
  ];
}

interface Reconciliation {
  readonly isBalanced: boolean;
  readonly ledger: readonly { readonly currency: string; readonly minorUnits: number }[];
  readonly differences: readonly { readonly paymentKey: string; readonly kind: string }[];
}

/** What is wrong with the books of payment: every currency sums to zero (I8), none is charged. */
export async function faultsOfLedger({ paymentUrl, manager }: Books): Promise<string[]> {
  const day = new Date().toISOString().slice(0, 10);
  const report = await ask<Reconciliation>(`${paymentUrl}/v1/payments/reconciliation?day=${day}`, {
    token: manager,
  });
  return ledgerFaults(report);
}

export function ledgerFaults({ ledger, isBalanced, differences }: Reconciliation): string[] {
  const sum = ledger.reduce((total, { minorUnits }) => total + minorUnits, 0);
  return [
    ...(sum === 0 && isBalanced ? [] : [`the ledger sums to ${sum}`]),
    ...differences.map(({ kind, paymentKey }) => `${paymentKey}: ${kind}`),
  ];
}
