import { formatBytes, formatCount, formatPlural } from '@holdfast/shared/ui/number-format.ts';
import { RelativeTime } from '@holdfast/shared/ui/relative-time.tsx';
import { StatusBadge } from '@holdfast/shared/ui/status-badge.tsx';
import { formatMoment } from '@holdfast/shared/ui/time-format.ts';
import { useId } from 'preact/hooks';
import type { Gateway } from './api.ts';
import type { BacklogTrack } from './backlog-progress.ts';
import { Fact } from './fact.tsx';
import { stateLabel, stateTone, trouble } from './gateway-words.ts';
import { LaneTable } from './lane-table.tsx';

export interface GatewayCardProps {
  readonly gateway: Gateway;
  readonly backlogs: ReadonlyMap<string, BacklogTrack>;
  /** The cloud does not answer: what is shown was so, and may not be so now. */
  readonly stale: boolean;
}

export function GatewayCard({ gateway, backlogs, stale }: GatewayCardProps) {
  const titleId = useId();
  const words = trouble(gateway);
  return (
    <article
      class="gateway card"
      data-testid={`gateway-${gateway.id}`}
      data-state={gateway.state}
      aria-labelledby={titleId}
    >
      <header class="gateway-head">
        <h3 id={titleId} class="gateway-name">
          {gateway.id}
        </h3>
        <StateBadge gateway={gateway} stale={stale} />
      </header>
      <Facts gateway={gateway} />
      {words !== undefined && (
        <p class="notice notice-bad">
          <strong class="numeric">
            {stateLabel(gateway)}, last heard of{' '}
            {formatMoment(Date.parse(gateway.lastSeen), Date.now())}.
          </strong>{' '}
          {words}
        </p>
      )}
      {gateway.reportedAt !== null ? (
        <LaneTable gateway={gateway} backlogs={backlogs} stale={stale} />
      ) : (
        <p class="quiet small">It has not reported its lanes yet.</p>
      )}
    </article>
  );
}

function StateBadge({ gateway, stale }: { gateway: Gateway; stale: boolean }) {
  const label = stateLabel(gateway);
  if (!stale) return <StatusBadge tone={stateTone(gateway)}>{label}</StatusBadge>;
  return <StatusBadge tone="idle">Unknown, was {label.toLowerCase()}</StatusBadge>;
}

function Facts({ gateway }: { gateway: Gateway }) {
  return (
    <dl class="facts">
      <Fact name="Site">{gateway.site}</Fact>
      <Fact name="Last seen">
        <RelativeTime atMs={Date.parse(gateway.lastSeen)} />
      </Fact>
      {gateway.reportedAt !== null && (
        <>
          <Fact name="Lag">{lagWords(gateway)}</Fact>
          <Fact name="Devices">{formatCount(gateway.connectedDevices)}</Fact>
          <Fact name="On its disk">{formatBytes(gateway.bufferBytes)}</Fact>
        </>
      )}
      {gateway.softwareVersion !== null && <Fact name="Version">{gateway.softwareVersion}</Fact>}
    </dl>
  );
}

function lagWords(gateway: Gateway): string {
  const lag = gateway.lanes.reduce((sum, lane) => sum + (lane.lag ?? 0), 0);
  return lag === 0 ? 'none' : formatPlural(lag, 'message', 'messages');
}
