import { isWorthTelling } from '@holdfast/shared/ui/connection.ts';
import { formatPlural } from '@holdfast/shared/ui/number-format.ts';
import { useObservable } from '@holdfast/shared/ui/observable.ts';
import { startPoll } from '@holdfast/shared/ui/poll.ts';
import { useEffect, useMemo, useState } from 'preact/hooks';
import { type Device, type Listing, listAll } from '../api.ts';
import { useConsole } from '../console-context.ts';
import { LoadFailure, Waiting } from '../data-state.tsx';
import { DeviceCard } from '../device-card.tsx';
import { matchDevices } from '../device-search.ts';
import { NoDevices } from '../no-data.tsx';
import { PageHeading } from '../page-heading.tsx';
import { devicesPath } from '../routes.ts';
import { deviceKey, useTrends } from '../trends.ts';

export function DevicesPage({ search }: { search: string }) {
  const { router } = useConsole();
  const { listing, failure, stale } = useDevices();
  const found = useMemo(() => matchDevices(listing?.items ?? [], search), [listing, search]);
  return (
    <>
      <PageHeading title="Devices">
        {listing && listing.items.length > 0 && (
          <p class="quiet numeric" aria-live="polite">
            {countWords(found.length, listing.items.length)}
          </p>
        )}
      </PageHeading>
      {listing && listing.items.length > 0 && (
        <search class="search">
          <input
            class="input"
            type="search"
            aria-label="Search devices"
            placeholder="Search by device, site or metric"
            value={search}
            onInput={(event) => router.go(devicesPath(event.currentTarget.value), 'replace')}
          />
        </search>
      )}
      {failure !== undefined && !stale && <LoadFailure what="The devices" failure={failure} />}
      {listing ? (
        <Found all={listing} found={found} search={search} />
      ) : (
        (failure === undefined || stale) && <Waiting what="devices" stale={stale} />
      )}
    </>
  );
}

function Found(props: { all: Listing<Device>; found: readonly Device[]; search: string }) {
  const { all, found } = props;
  const trends = useTrends(all.items);
  const severalSites = new Set(all.items.map((device) => device.site)).size > 1;
  if (all.items.length === 0) return <NoDevices />;
  if (found.length === 0) {
    return (
      <p class="waiting quiet">
        No device matches “{props.search}”. <a href={devicesPath()}>Show all</a>
      </p>
    );
  }
  return (
    <>
      <ul class="devices">
        {found.map((device) => (
          <li key={deviceKey(device)}>
            <DeviceCard
              device={device}
              trend={trends.get(deviceKey(device))}
              showSite={severalSites}
            />
          </li>
        ))}
      </ul>
      {all.cut && <p class="quiet small">There are more devices than this page shows.</p>}
    </>
  );
}

function countWords(found: number, all: number): string {
  return found === all
    ? formatPlural(all, 'device', 'devices')
    : `${found} of ${formatPlural(all, 'device', 'devices')}`;
}

function useDevices() {
  const { api, watch } = useConsole();
  const [listing, setListing] = useState<Listing<Device>>();
  const [failure, setFailure] = useState<unknown>();
  const stale = useObservable(watch.connection).kind === 'down';
  useEffect(() => {
    const poll = startPoll({
      read: (signal) => listAll<Device>(api, '/v1/devices', signal),
      onValue(value) {
        setListing(value);
        setFailure(undefined);
      },
      onFailure(error, failureCount) {
        if (isWorthTelling(error, failureCount)) setFailure(error);
      },
    });
    return poll.stop;
  }, [api]);
  return { listing, failure, stale };
}
