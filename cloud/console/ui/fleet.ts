import type { ApiClient } from '@holdfast/shared/ui/api-client.ts';
import { type ConnectionWatch, isWorthTelling } from '@holdfast/shared/ui/connection.ts';
import { createObservable, type Observable } from '@holdfast/shared/ui/observable.ts';
import { startPoll } from '@holdfast/shared/ui/poll.ts';
import { type Gateway, type Listing, listAll } from './api.ts';
import { type BacklogTrack, observeBacklog } from './backlog-progress.ts';
import { stateChanges } from './gateway-words.ts';
import { isStaff, personOf } from './principal.ts';

export interface Fleet {
  readonly gateways: readonly Gateway[];
  readonly cut: boolean;
  /** When the answer came; 0 before the first. */
  readonly atMs: number;
  /** By `trackKey`: the backlogs that are open now. */
  readonly backlogs: ReadonlyMap<string, BacklogTrack>;
  /** Why there is no fresher answer, when the cloud did answer but refused. */
  readonly failure: unknown;
}

export interface FleetWatch {
  readonly fleet: Observable<Fleet>;
  /** The last change of state, in words. */
  readonly news: Observable<string>;
  stop(): void;
}

const NO_FLEET: Fleet = {
  gateways: [],
  cut: false,
  atMs: 0,
  backlogs: new Map(),
  failure: undefined,
};

export function trackKey(gatewayId: string, lane: string): string {
  return `${gatewayId}/${lane}`;
}

/**
 * Follows the gateways on every page: the header counts what is down, and this poll tells whether
 * the cloud answers.
 */
export function watchFleet(api: ApiClient, watch: ConnectionWatch): FleetWatch {
  const fleet = createObservable<Fleet>(NO_FLEET);
  const news = createObservable('');
  let wasDown = false;
  const unwatch = watch.connection.watch(({ kind }) => {
    if (wasDown && kind === 'up') news.set('The cloud answers again.');
    wasDown = kind === 'down';
  });
  const poll = startPoll<Listing<Gateway>>({
    read: (signal) => readGateways(api, signal),
    onValue(listing) {
      watch.succeeded();
      const before = fleet.get();
      const changes = stateChanges(before.gateways, listing.items);
      if (changes.length > 0) news.set(changes.join(' '));
      fleet.set(nextFleet(before, listing, Date.now()));
    },
    onFailure(failure, failureCount) {
      watch.failed(failure, failureCount);
      if (isWorthTelling(failure, failureCount)) fleet.set({ ...fleet.get(), failure });
    },
  });
  const stop = (): void => {
    poll.stop();
    unwatch();
  };
  return { fleet, news, stop };
}

/** A customer has no gateways: the poll of the own orders tells whether the cloud answers. */
async function readGateways(api: ApiClient, signal: AbortSignal): Promise<Listing<Gateway>> {
  const person = personOf(api.keeper.session.get()?.accessToken ?? '');
  if (isStaff(person)) return listAll<Gateway>(api, '/v1/gateways', signal);
  await api.get('/v1/orders?limit=1', { signal });
  return { items: [], cut: false };
}

export function nextFleet(before: Fleet, listing: Listing<Gateway>, atMs: number): Fleet {
  const backlogs = new Map<string, BacklogTrack>();
  for (const gateway of listing.items) {
    for (const { lane, backlog } of gateway.lanes) {
      const key = trackKey(gateway.id, lane);
      const track = observeBacklog(before.backlogs.get(key), { atMs, left: backlog ?? 0 });
      if (track) backlogs.set(key, track);
    }
  }
  return { gateways: listing.items, cut: listing.cut, atMs, backlogs, failure: undefined };
}
