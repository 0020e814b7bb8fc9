import type { OrderState } from '@holdfast/shared/contracts/events/order.ts';
import type { Ending } from './order.ts';
import { type UndoCall, undoOf } from './steps.ts';

/** What can happen to an order. */
export const FACTS = [
  'reserved',
  'short',
  /** Short, and an earlier call may come when there is stock again. */
  'short-again',
  'authorised',
  'payment-declined',
  'confirmed',
  /** A peer refused a step for good. */
  'refused',
  /** A step had no certain answer for too long. */
  'gave-up',
  'cancel-asked',
  /** The authorisation was not captured in time. */
  'lapsed',
  'undone-declined',
  'undone-cancelled',
  /** What should be voided was captured: the money goes back as a refund. */
  'captured-already',
  'ship-asked',
  'captured',
  'refund-asked',
  'refunded',
  'refund-refused',
] as const;
export type Fact = (typeof FACTS)[number];

export interface Transition {
  readonly to: OrderState;
  readonly undo?: readonly UndoCall[];
  readonly ending?: Ending;
}

/** The sentence of a refusal is for people. */
export type Cell = Transition | string;

/** No work is left for the saga: nothing but a refund that somebody asks for changes it (I9). */
export const TERMINAL_STATES = ['fulfilled', 'declined', 'cancelled', 'refunded'] as const;

export function isTerminal(state: OrderState): boolean {
  return TERMINAL_STATES.some((terminal) => terminal === state);
}

/** What the fact makes of an order in this state, or why not. */
export function transition(state: OrderState, fact: Fact): Cell {
  return TABLE[state][fact];
}

export function isTransition(cell: Cell): cell is Transition {
  return typeof cell !== 'string';
}

// A step whose answer is not known may have been done: it is undone like one that was.
const BOTH = undoOf('reserve', 'authorise', 'confirm');
const DECLINE: Transition = { to: 'cancelling', undo: BOTH, ending: 'declined' };
const CANCEL: Transition = { to: 'cancelling', undo: BOTH, ending: 'cancelled' };
const GIVE_BACK: Transition = { to: 'cancelling', undo: undoOf('reserve'), ending: 'declined' };

const LATE = 'the order is beyond this step';
const EARLY = 'the order is not that far';
const ENDED = 'the order has ended';
const UNDOING = 'the order is being undone';
const SHIPPING = 'the order is being shipped';

/** Each row starts from one answer for every fact; what differs is written beside it. */
const TABLE: Readonly<Record<OrderState, Readonly<Record<Fact, Cell>>>> = {
  placed: row(EARLY, {
    reserved: { to: 'reserved' },
    short: { to: 'declined' },
    'short-again': GIVE_BACK,
    // An earlier holder may have been further than what is stored.
    refused: DECLINE,
    'gave-up': DECLINE,
    'cancel-asked': CANCEL,
    'ship-asked': 'the order is not confirmed yet',
    'refund-asked': 'the order is not paid yet; cancel it',
  }),
  reserved: row(EARLY, {
    reserved: LATE,
    short: LATE,
    'short-again': LATE,
    authorised: { to: 'authorised' },
    'payment-declined': GIVE_BACK,
    refused: DECLINE,
    'gave-up': DECLINE,
    'cancel-asked': CANCEL,
    'ship-asked': 'the order is not confirmed yet',
    'refund-asked': 'the order is not paid yet; cancel it',
  }),
  authorised: row(EARLY, {
    reserved: LATE,
    short: LATE,
    'short-again': LATE,
    authorised: LATE,
    'payment-declined': LATE,
    confirmed: { to: 'confirmed' },
    refused: DECLINE,
    'gave-up': DECLINE,
    'cancel-asked': CANCEL,
    'ship-asked': 'the order is not confirmed yet',
    'refund-asked': 'the order is not paid yet; cancel it',
  }),
  confirmed: row(LATE, {
    'cancel-asked': CANCEL,
    lapsed: CANCEL,
    'ship-asked': { to: 'shipping' },
    captured: EARLY,
    'captured-already': EARLY,
    'refund-asked': 'the order is not paid yet; cancel it',
    refunded: EARLY,
    'refund-refused': EARLY,
    'undone-declined': EARLY,
    'undone-cancelled': EARLY,
  }),
  shipping: row(SHIPPING, {
    captured: { to: 'fulfilled' },
    // Not shippable, or not paid: both sides go back.
    refused: CANCEL,
    'gave-up': CANCEL,
  }),
  cancelling: row(UNDOING, {
    'undone-declined': { to: 'declined' },
    'undone-cancelled': { to: 'cancelled' },
    'captured-already': { to: 'refunding' },
  }),
  refunding: row('the money is on its way back', {
    refunded: { to: 'refunded' },
    // The books keep the money; a person finds the refusal in the audit rows.
    'refund-refused': { to: 'fulfilled' },
  }),
  fulfilled: row(ENDED, {
    'cancel-asked': 'the order is shipped; refund it',
    'refund-asked': { to: 'refunding' },
  }),
  declined: row(ENDED, {}),
  cancelled: row(ENDED, {}),
  refunded: row(ENDED, {}),
};

function row(usual: string, cells: Partial<Record<Fact, Cell>>): Record<Fact, Cell> {
  const full = Object.fromEntries(FACTS.map((fact) => [fact, usual])) as Record<Fact, Cell>;
  return { ...full, ...cells };
}
