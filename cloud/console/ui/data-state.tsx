import { AppError } from '@holdfast/shared/lib/app-error.ts';

/** Before the first answer. */
export function Waiting({ what, stale }: { what: string; stale: boolean }) {
  return (
    <p class="waiting quiet" role="status">
      {stale ? `The ${what} will be here once the cloud answers.` : `Asking for the ${what}…`}
    </p>
  );
}

/** The cloud answered, and not with data. */
export function LoadFailure({ what, failure }: { what: string; failure: unknown }) {
  return (
    <p class="notice notice-bad" role="alert">
      {what} could not be loaded: {failureWords(failure)}
    </p>
  );
}

export function failureWords(failure: unknown): string {
  if (!(failure instanceof AppError)) return 'something unexpected happened on this page.';
  if (failure.code === 'FORBIDDEN') return 'this user may not see them.';
  return sentence(failure.message);
}

/** The cloud's reasons come without an end. */
export function sentence(text: string): string {
  return /[.!?]$/.test(text) ? text : `${text}.`;
}
