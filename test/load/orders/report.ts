import type { Measured } from '../figures.ts';
import type { LoadFigures, OrdersSettings, OrdersTurn } from './turn.ts';
import { VENDURE } from './vendure/package.ts';
import type { VendureFigures, VendureTurn } from './vendure/turn.ts';

const MIB = 1024 * 1024;

/** What one database came to, in each of the shops that were there. */
export interface Turns {
  readonly database: string;
  readonly ours: OrdersTurn;
  readonly vendure: VendureTurn | undefined;
}

/** What the turns say, measure by measure. Only what both shops do is beside each other. */
export function measuredOf(
  { database, ours, vendure }: Turns,
  settings: Pick<OrdersSettings, 'inFlight' | 'manyInFlight'>,
): Measured[] {
  const row = (
    measure: string,
    unit: string,
    [figure, peer]: readonly [ours: number, vendure?: number],
  ): Measured => ({
    measure: `${database}: ${measure}`,
    unit,
    ours: [figure],
    peers: peersWith(peer),
  });
  const { few, many, steady, ratePerSecond, cpuMsByStep } = ours;
  const load = (what: string, figures: LoadFigures, peer?: VendureFigures): Measured[] => [
    row(`confirmed, ${what}`, 'orders/s', [rateOf(figures), peer && rateOf(peer)]),
    row(`p50, ${what}`, 'ms', [figures.p50Ms, peer?.p50Ms]),
    row(`p99, ${what}`, 'ms', [figures.p99Ms, peer?.p99Ms]),
    row(`CPU of the shop, ${what}`, 'ms/order', [
      perOrder(figures, figures.shopCpuSeconds),
      peer && perOrder(peer, peer.shopCpuSeconds),
    ]),
    row(`CPU of the sandbox, ${what}`, 'ms/order', [perOrder(figures, figures.sandboxCpuSeconds)]),
    row(`CPU of the generator, ${what}`, 'ms/order', [
      perOrder(figures, figures.cpuSeconds),
      peer && perOrder(peer, peer.cpuSeconds),
    ]),
  ];
  return [
    ...load(`${settings.inFlight} in flight`, few, vendure?.few),
    ...load(`${settings.manyInFlight} in flight`, many, vendure?.many),
    ...load(`at ${ratePerSecond}/s`, steady),
    row('peak memory of the shop', 'MiB', [
      ours.peakBytes / MIB,
      vendure && vendure.peakBytes / MIB,
    ]),
    ...[...cpuMsByStep]
      .toSorted(([, a], [, b]) => b - a)
      .map(([step, ms]) => row(`main thread: ${step}`, 'ms/order', [ms])),
  ];
}

export function rateOf({ confirmed, seconds }: LoadFigures | VendureFigures): number {
  return confirmed / seconds;
}

/** What a reader must know before believing a figure. */
export function cautionsOf({ database, ours, vendure }: Turns): string[] {
  const { few, many, steady } = ours;
  const refused = Object.entries({ few, many, steady })
    .filter(([, { failed, unseen }]) => failed + unseen > 0)
    .map(
      ([part, { failed, unseen }]) =>
        `${database}, ${part}: ${failed} orders were refused, ${unseen} never seen`,
    );
  return [...refused, ...(vendure ? cautionsOfVendure(database, vendure) : [])];
}

function cautionsOfVendure(database: string, { few, many }: VendureTurn): string[] {
  return Object.entries({ few, many }).flatMap(([part, { confirmed, failed, firstFailure }]) => {
    const where = `${database}, ${part}: ${VENDURE}`;
    if (failed > 0)
      return [`${where} failed ${failed} orders beside ${confirmed}; the first: ${firstFailure}`];
    return confirmed > 0 ? [] : [`${where} had no order paid in so short a time`];
  });
}

function peersWith(figure: number | undefined): Measured['peers'] {
  return figure === undefined ? {} : { [VENDURE]: [figure] };
}

function perOrder({ ordersInAll }: LoadFigures | VendureFigures, cpuSeconds: number): number {
  return (cpuSeconds * 1_000) / Math.max(1, ordersInAll);
}
