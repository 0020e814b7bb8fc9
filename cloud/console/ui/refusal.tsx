import type { AppError } from '@holdfast/shared/lib/app-error.ts';
import { sentence } from './data-state.tsx';

/** Why the cloud did not do what was asked, in its own words; read out when it appears. */
export function Refusal({ refusal }: { refusal: AppError | undefined }) {
  return (
    <div role="alert">
      {refusal && (
        <div class="notice notice-bad" data-testid="refusal" data-code={refusal.code}>
          <p>
            <strong>{refusalTitle(refusal)}</strong>{' '}
            {refusal.code !== 'PRECONDITION_FAILED' && sentence(refusal.message)}
          </p>
        </div>
      )}
    </div>
  );
}

function refusalTitle({ code, status }: AppError): string {
  if (code === 'FORBIDDEN') return 'You may not do this:';
  if (code === 'PRECONDITION_FAILED') return 'Somebody changed it meanwhile.';
  if (code === 'STATE_CONFLICT' || code === 'CONFLICT') return 'This is not possible now:';
  if (status >= 500) return 'It is not known whether this was done; try again, it is done once:';
  return 'This was refused:';
}
