import type { OrderState } from '@holdfast/shared/contracts/events/order.ts';
import type { Role } from '@holdfast/shared/contracts/roles.ts';
import type { Tone } from '@holdfast/shared/ui/status-badge.tsx';
import type { Order } from './order-api.ts';
import { isOneOf, type Person } from './principal.ts';

/** What a state is called, how it looks, and what it means to the person who sees it. */
interface StateWords {
  readonly label: string;
  readonly tone: Tone;
  readonly meaning: string;
}

export const ORDER_STATE_WORDS: Readonly<Record<OrderState, StateWords>> = {
  placed: { label: 'Placed', tone: 'idle', meaning: 'It is kept; its goods are being reserved.' },
  reserved: { label: 'Reserved', tone: 'busy', meaning: 'Its goods are held; payment is next.' },
  authorised: { label: 'Authorised', tone: 'busy', meaning: 'The payment is authorised.' },
  confirmed: { label: 'Confirmed', tone: 'busy', meaning: 'It waits to be shipped.' },
  shipping: { label: 'Shipping', tone: 'busy', meaning: 'It is picked and the payment is taken.' },
  cancelling: { label: 'Undoing', tone: 'busy', meaning: 'What was done for it is being undone.' },
  refunding: { label: 'Refunding', tone: 'busy', meaning: 'The money is on its way back.' },
  fulfilled: { label: 'Fulfilled', tone: 'good', meaning: 'It is shipped and paid.' },
  declined: {
    label: 'Declined',
    tone: 'bad',
    meaning: 'Nothing was sold and nothing was charged.',
  },
  cancelled: { label: 'Cancelled', tone: 'idle', meaning: 'Its goods are free again.' },
  refunded: { label: 'Refunded', tone: 'idle', meaning: 'The money went back.' },
};

export const ORDER_STATES = Object.keys(ORDER_STATE_WORDS) as readonly OrderState[];

export function isOrderState(text: string): text is OrderState {
  return Object.hasOwn(ORDER_STATE_WORDS, text);
}

export type OrderActionName = 'ship' | 'cancel' | 'refund';

export interface OrderAction {
  readonly name: OrderActionName;
  readonly label: string;
  /** Below the order's resource. */
  readonly path: string;
  readonly states: readonly OrderState[];
  readonly roles: readonly Role[];
  readonly question: string;
  readonly consequence: string;
}

const OPEN: readonly OrderState[] = ['placed', 'reserved', 'authorised', 'confirmed'];

/** What is worth offering; amounts, ages and sites are judged by the policy when it is asked. */
export const ORDER_ACTIONS: readonly OrderAction[] = [
  {
    name: 'ship',
    label: 'Ship',
    path: 'shipments',
    states: ['confirmed'],
    roles: ['operator', 'manager', 'administrator'],
    question: 'Ship this order?',
    consequence: 'Its goods are picked and its payment is captured. It can only be refunded then.',
  },
  {
    name: 'cancel',
    label: 'Cancel order',
    path: 'cancel',
    states: OPEN,
    roles: ['customer', 'manager', 'administrator'],
    question: 'Cancel this order?',
    consequence: 'Its goods become free again and its authorisation is voided.',
  },
  {
    name: 'refund',
    label: 'Refund',
    path: 'refunds',
    states: ['fulfilled'],
    roles: ['operator', 'manager', 'administrator'],
    question: 'Refund this order?',
    consequence: 'Everything that was paid goes back to the customer.',
  },
];

export function actionsFor(person: Person, order: Pick<Order, 'state'>): readonly OrderAction[] {
  return ORDER_ACTIONS.filter(
    ({ states, roles }) => states.includes(order.state) && isOneOf(person, roles),
  );
}

export const REFUND_REASONS = {
  returned: 'The goods came back',
  damaged: 'The goods were damaged',
  not_delivered: 'It was not delivered',
  goodwill: 'Goodwill',
  fraud: 'Fraud',
} as const;

/** "ord_…f57ac9": ids made in one minute differ at their end. */
export function shortId(id: string): string {
  const [prefix = '', rest = ''] = id.split('_');
  return rest.length <= 12 ? id : `${prefix}_…${rest.slice(-8)}`;
}
