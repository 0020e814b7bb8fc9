import { EmptyState } from '@holdfast/shared/ui/empty-state.tsx';
import { PageHeading } from '../page-heading.tsx';
import { CONSOLE_BASE } from '../routes.ts';

export function UnknownPage() {
  return (
    <>
      <PageHeading title="No such page" />
      <EmptyState title="There is nothing at this address">
        <p>
          Go to the <a href={CONSOLE_BASE}>overview</a>.
        </p>
      </EmptyState>
    </>
  );
}
