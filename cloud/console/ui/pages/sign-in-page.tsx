import { AppError } from '@holdfast/shared/lib/app-error.ts';
import { useObservable } from '@holdfast/shared/ui/observable.ts';
import type { SessionKeeper } from '@holdfast/shared/ui/session.ts';
import type { TargetedSubmitEvent } from 'preact';
import { useEffect, useState } from 'preact/hooks';
import { BrandMark } from '../brand-mark.tsx';

export function SignInPage({ keeper }: { keeper: SessionKeeper }) {
  const ended = useObservable(keeper.ended);
  const { busy, refusal, submit } = useSignIn(keeper);
  useEffect(() => {
    document.title = 'Sign in · Holdfast';
  }, []);
  return (
    <main class="sign-in">
      <form class="sign-in-card card" onSubmit={submit} aria-labelledby="sign-in-title">
        <div class="sign-in-head">
          <BrandMark />
          <h1 id="sign-in-title">Sign in to Holdfast</h1>
        </div>
        {ended && <p class="notice notice-warn">Your session has ended. Please sign in again.</p>}
        <label class="field">
          <span class="field-label">User name</span>
          <input
            class="input"
            name="username"
            autoComplete="username"
            autoCapitalize="none"
            spellcheck={false}
            required
          />
        </label>
        <label class="field">
          <span class="field-label">Password</span>
          <input
            class="input"
            name="password"
            type="password"
            autoComplete="current-password"
            required
          />
        </label>
        <div>
          <div role="alert">
            {refusal !== '' && <p class="notice notice-bad sign-in-refusal">{refusal}</p>}
          </div>
          <button type="submit" class="button button-main sign-in-button" disabled={busy}>
            {busy ? 'Signing in…' : 'Sign in'}
          </button>
        </div>
        <p class="quiet small">
          Started with <code class="mono">npm start</code>? Its READY block shows the logins.
        </p>
      </form>
    </main>
  );
}

function useSignIn(keeper: SessionKeeper) {
  const [busy, setBusy] = useState(false);
  const [refusal, setRefusal] = useState('');
  const submit = async (event: TargetedSubmitEvent<HTMLFormElement>): Promise<void> => {
    event.preventDefault();
    const form = new FormData(event.currentTarget);
    setBusy(true);
    setRefusal('');
    try {
      await keeper.signIn(String(form.get('username')).trim(), String(form.get('password')));
    } catch (error) {
      setRefusal(refusalWords(error));
    } finally {
      setBusy(false);
    }
  };
  return { busy, refusal, submit };
}

function refusalWords(error: unknown): string {
  if (!(error instanceof AppError)) return 'Signing in failed. Please try again.';
  if (error.status === 401) return 'User name or password is wrong.';
  if (error.status === 429) return 'Too many attempts. Please wait a moment.';
  if (error.status >= 500) return 'The cloud does not answer at the moment. Please try again.';
  return error.message;
}
