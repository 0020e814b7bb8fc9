import type { Role } from '@holdfast/shared/contracts/roles.ts';
import { useObservable } from '@holdfast/shared/ui/observable.ts';
import { useMemo } from 'preact/hooks';
import { useConsole } from './console-context.ts';

/** Who is signed in. The pages only offer by it; what is allowed is decided by the cloud. */
export interface Person {
  readonly roles: readonly Role[];
  readonly sites: readonly string[];
}

const NOBODY: Person = { roles: [], sites: [] };

export function personOf(accessToken: string): Person {
  try {
    const part = accessToken.split('.')[1] ?? '';
    const text = atob(part.replaceAll('-', '+').replaceAll('_', '/'));
    const { roles, sites } = JSON.parse(text) as Partial<Person>;
    return Array.isArray(roles) && Array.isArray(sites) ? { roles, sites } : NOBODY;
  } catch {
    // A token of another form: the pages offer nothing, and the cloud still decides.
    return NOBODY;
  }
}

export function usePerson(): Person {
  const token = useObservable(useConsole().api.keeper.session)?.accessToken ?? '';
  return useMemo(() => personOf(token), [token]);
}

export function isStaff({ roles }: Person): boolean {
  return roles.some((role) => role !== 'customer');
}

export function isOneOf({ roles }: Person, wanted: readonly Role[]): boolean {
  return roles.some((role) => wanted.includes(role));
}
