import { formatCount } from '@holdfast/shared/ui/number-format.ts';
import { type BacklogTrack, backlogProgress, formatSecondsLeft } from './backlog-progress.ts';

/** Closing only while the gateway is connected; unknown while the cloud does not answer. */
export type BacklogFlow = 'closing' | 'waiting' | 'unknown';

export interface BacklogBarProps {
  readonly lane: string;
  readonly track: BacklogTrack;
  readonly flow: BacklogFlow;
}

/** "closing the gap: 12,340 of 20,000 left, ~15 s" */
export function BacklogBar({ lane, track, flow }: BacklogBarProps) {
  const { doneShare } = backlogProgress(track);
  return (
    <div class="backlog" data-testid={`backlog-${lane}`} data-flow={flow}>
      <p class="backlog-words numeric">
        <strong>{lane}</strong> {flowWords(flow, track)}
      </p>
      <progress
        class="backlog-progress"
        max={1}
        value={doneShare}
        aria-label={`Backlog of lane ${lane}`}
      />
    </div>
  );
}

function flowWords(flow: BacklogFlow, track: BacklogTrack): string {
  const { left, total, secondsLeft } = backlogProgress(track);
  const words = `${formatCount(left)} of ${formatCount(total)} left`;
  switch (flow) {
    case 'closing':
      return `closing the gap: ${words}${estimate(secondsLeft)}`;
    case 'waiting':
      return `${formatCount(left)} wait on the gateway until it is connected`;
    case 'unknown':
      return `${words} when the cloud last answered`;
  }
}

function estimate(secondsLeft: number | undefined): string {
  return secondsLeft === undefined ? '' : `, ${formatSecondsLeft(secondsLeft)}`;
}
