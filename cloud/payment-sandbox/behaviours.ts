import { type Behaviour, behaviourOfToken, type CallName } from './domain/behaviour.ts';

/** Orders that wait for their call; a further one is refused. */
export const BEHAVIOURS_MAX = 1_000;

export interface BehaviourOrder {
  readonly call: CallName;
  readonly behaviour: Behaviour;
  readonly times: number;
}

/** What the next calls get, in the order of asking; forgotten when the process ends. */
export class Behaviours {
  #orders: BehaviourOrder[] = [];

  /** False when too many wait. */
  add(order: BehaviourOrder): boolean {
    if (this.#orders.length >= BEHAVIOURS_MAX) return false;
    this.#orders.push(order);
    return true;
  }

  clear(): void {
    this.#orders = [];
  }

  get waiting(): readonly BehaviourOrder[] {
    return this.#orders;
  }

  take(call: CallName, token: string): Behaviour | undefined {
    const index = this.#orders.findIndex((order) => order.call === call);
    const order = this.#orders[index];
    if (!order) return call === 'Authorise' ? behaviourOfToken(token) : undefined;
    const left = order.times - 1;
    this.#orders.splice(index, 1, ...(left > 0 ? [{ ...order, times: left }] : []));
    return order.behaviour;
  }
}
