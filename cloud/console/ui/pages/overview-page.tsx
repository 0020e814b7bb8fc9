import { formatCount } from '@holdfast/shared/ui/number-format.ts';
import { useObservable } from '@holdfast/shared/ui/observable.ts';
import type { Gateway } from '../api.ts';
import { useConsole } from '../console-context.ts';
import { LoadFailure, Waiting } from '../data-state.tsx';
import type { Fleet } from '../fleet.ts';
import { GatewayCard } from '../gateway-card.tsx';
import { NoDevices, NoGateways } from '../no-data.tsx';
import { PageHeading } from '../page-heading.tsx';

export function OverviewPage() {
  const { fleet, watch } = useConsole();
  const shown = useObservable(fleet.fleet);
  const stale = useObservable(watch.connection).kind === 'down';
  return (
    <>
      <PageHeading title="Overview" />
      <Content fleet={shown} stale={stale} />
    </>
  );
}

function Content({ fleet, stale }: { fleet: Fleet; stale: boolean }) {
  if (fleet.atMs === 0) {
    return fleet.failure === undefined || stale ? (
      <Waiting what="gateways" stale={stale} />
    ) : (
      <LoadFailure what="The gateways" failure={fleet.failure} />
    );
  }
  if (fleet.gateways.length === 0) return <NoGateways />;
  return (
    <>
      {fleet.failure !== undefined && !stale && (
        <LoadFailure what="The gateways" failure={fleet.failure} />
      )}
      <Totals gateways={fleet.gateways} />
      <section aria-labelledby="gateways-title" class="section">
        <h2 id="gateways-title">Gateways</h2>
        <ul class="gateways">
          {fleet.gateways.map((gateway) => (
            <li key={gateway.id}>
              <GatewayCard gateway={gateway} backlogs={fleet.backlogs} stale={stale} />
            </li>
          ))}
        </ul>
        {acceptedBy(fleet.gateways) === 0 && <NoDevices />}
        {fleet.cut && <p class="quiet small">There are more gateways than this page shows.</p>}
      </section>
    </>
  );
}

function Totals({ gateways }: { gateways: readonly Gateway[] }) {
  const connected = gateways.filter((gateway) => gateway.state === 'connected');
  const lanes = gateways.flatMap((gateway) => gateway.lanes);
  const downCount = gateways.length - connected.length;
  return (
    <dl class="totals">
      <Total
        label="Gateways connected"
        value={`${formatCount(connected.length)} of ${formatCount(gateways.length)}`}
        bad={downCount > 0 ? `${formatCount(downCount)} down` : undefined}
      />
      <Total
        label="Devices connected"
        value={formatCount(sum(connected.map((gateway) => gateway.connectedDevices)))}
      />
      <Total label="Messages accepted" value={formatCount(acceptedBy(gateways))} />
      <Total
        label="Not in the cloud yet"
        value={formatCount(sum(lanes.map((lane) => lane.lag ?? 0)))}
      />
    </dl>
  );
}

function acceptedBy(gateways: readonly Gateway[]): number {
  const lanes = gateways.flatMap((gateway) => gateway.lanes);
  return sum(lanes.map((lane) => lane.ledger?.accepted ?? 0));
}

function sum(counts: readonly number[]): number {
  return counts.reduce((a, b) => a + b, 0);
}

function Total(props: { label: string; value: string; bad?: string | undefined }) {
  return (
    <div class="total card">
      <dt class="quiet small">{props.label}</dt>
      <dd class="total-value numeric">
        {props.value}
        {props.bad !== undefined && <span class="total-bad">{props.bad}</span>}
      </dd>
    </div>
  );
}
