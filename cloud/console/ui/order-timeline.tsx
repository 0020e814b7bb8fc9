import { formatCount } from '@holdfast/shared/ui/number-format.ts';
import { StatusBadge } from '@holdfast/shared/ui/status-badge.tsx';
import { formatMoment, formatSpan } from '@holdfast/shared/ui/time-format.ts';
import type { StoryEntry } from './order-api.ts';
import { offsetWords, storyLine } from './order-story.ts';

/** What made the order what it is, in causal order: the clocks of two services order nothing. */
export function OrderTimeline({ story }: { story: readonly StoryEntry[] }) {
  const first = story[0]?.at ?? '';
  return (
    <section aria-labelledby="story-title" class="section">
      <h2 id="story-title">Story</h2>
      <ol class="story card" data-testid="story">
        {story.map((entry, index) => (
          // Nothing in it ever changes its place.
          <StoryItem key={index} entry={entry} first={first} />
        ))}
      </ol>
    </section>
  );
}

function StoryItem({ entry, first }: { entry: StoryEntry; first: string }) {
  const line = storyLine(entry);
  return (
    <li class="story-item" data-kind={entry.kind} data-tone={line.tone}>
      <time
        class="story-time quiet small numeric"
        dateTime={entry.at}
        title={formatMoment(Date.parse(entry.at), Date.now())}
      >
        {offsetWords(entry.at, first)}
      </time>
      <span class="story-kind">
        {entry.kind === 'transition' ? (
          <StatusBadge tone={line.tone}>{line.kind}</StatusBadge>
        ) : (
          <span class="quiet small">{line.kind}</span>
        )}
      </span>
      <div class="story-words">
        <p class="story-title">{line.title}</p>
        {line.details.length > 0 && <p class="quiet small">{line.details.join(' · ')}</p>}
      </div>
      {line.tookMs !== undefined && (
        <span class="story-took quiet small numeric" title={`${formatCount(line.tookMs)} ms`}>
          took {formatSpan(line.tookMs)}
        </span>
      )}
    </li>
  );
}
