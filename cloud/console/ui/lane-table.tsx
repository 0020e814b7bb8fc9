import type { LaneLedger } from '@holdfast/shared/contracts/events.ts';
import { formatCount } from '@holdfast/shared/ui/number-format.ts';
import type { Gateway, GatewayLane } from './api.ts';
import { BacklogBar } from './backlog-bar.tsx';
import type { BacklogTrack } from './backlog-progress.ts';
import { trackKey } from './fleet.ts';

export interface LaneTableProps {
  readonly gateway: Gateway;
  readonly backlogs: ReadonlyMap<string, BacklogTrack>;
  readonly stale: boolean;
}

/**
 * The ledger per lane. On a narrow screen each lane is a block of its own and the cells carry their
 * names.
 */
export function LaneTable({ gateway, backlogs, stale }: LaneTableProps) {
  const flow = stale ? 'unknown' : gateway.state === 'connected' ? 'closing' : 'waiting';
  return (
    <>
      <table class="lanes">
        <caption class="visually-hidden">Messages of {gateway.id} per lane</caption>
        <thead>
          <tr>
            <th scope="col">Lane</th>
            <th scope="col">Accepted</th>
            <th scope="col">Delivered</th>
            <th scope="col">Pending</th>
            <th scope="col">Backlog</th>
          </tr>
        </thead>
        <tbody>
          {gateway.lanes.map((lane) => (
            <LaneRow key={lane.lane} lane={lane} />
          ))}
        </tbody>
      </table>
      {gateway.lanes.map(({ lane }) => {
        const track = backlogs.get(trackKey(gateway.id, lane));
        return track && <BacklogBar key={lane} lane={lane} track={track} flow={flow} />;
      })}
    </>
  );
}

function LaneRow({ lane }: { lane: GatewayLane }) {
  const { ledger } = lane;
  return (
    <tr>
      <th scope="row">
        <span class="lane-name">{lane.lane}</span>
        {ledger && <Exceptions ledger={ledger} />}
      </th>
      <Count name="Accepted" count={ledger?.accepted} />
      <Count name="Delivered" count={ledger?.delivered} />
      <Count name="Pending" count={ledger?.pending} />
      <Count name="Backlog" count={lane.backlog ?? undefined} />
    </tr>
  );
}

function Count({ name, count }: { name: string; count: number | undefined }) {
  return (
    <td class="numeric" data-name={name} data-zero={count === 0 ? 'true' : undefined}>
      {count === undefined ? <span title="not reported yet">–</span> : formatCount(count)}
    </td>
  );
}

const EXCEPTIONS = ['parked', 'condensed', 'dropped', 'damaged'] as const;

/** What is neither delivered nor pending is never silent. */
function Exceptions({ ledger }: { ledger: LaneLedger }) {
  const words = EXCEPTIONS.filter((name) => ledger[name] > 0).map(
    (name) => `${formatCount(ledger[name])} ${name}`,
  );
  return words.length === 0 ? null : <span class="lane-exceptions">{words.join(', ')}</span>;
}
