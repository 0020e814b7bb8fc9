import { useEffect, useState } from 'preact/hooks';

type Copied = 'no' | 'yes' | 'refused';

const LABELS: Record<Copied, string> = { no: 'Copy', yes: 'Copied', refused: 'Select and copy' };
const COPIED_SHOWN_MS = 2_000;

/** A command to type, with a button that copies it. */
export function CommandLine({ command }: { command: string }) {
  const [copied, setCopied] = useState<Copied>('no');
  useEffect(() => {
    if (copied === 'no') return;
    const timer = setTimeout(() => setCopied('no'), COPIED_SHOWN_MS);
    return () => clearTimeout(timer);
  }, [copied]);
  const copy = (): void => {
    copyText(command).then(
      () => setCopied('yes'),
      // The browser may forbid it; then the text can still be selected.
      () => setCopied('refused'),
    );
  };
  return (
    <div class="command">
      <code class="command-text">{command}</code>
      <button type="button" class="button button-small" onClick={copy}>
        <span aria-live="polite">{LABELS[copied]}</span>
      </button>
    </div>
  );
}

async function copyText(text: string): Promise<void> {
  await navigator.clipboard.writeText(text);
}
