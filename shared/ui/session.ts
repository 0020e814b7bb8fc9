import { AppError } from '../lib/app-error.ts';
import { createObservable, type Observable } from './observable.ts';

export interface Session {
  readonly username: string;
  readonly accessToken: string;
  readonly refreshToken: string;
  readonly expiresAtMs: number;
}

/** Sends one request; a failure to reach the cloud and a refusal are both an AppError. */
export type PostJson = (path: string, body: unknown) => Promise<unknown>;

export interface SessionKeeper {
  readonly session: Observable<Session | undefined>;
  /** True after the cloud ended a session, so that the sign-in page can say why it is shown. */
  readonly ended: Observable<boolean>;
  signIn(username: string, password: string): Promise<void>;
  signOut(): void;
  /**
   * An access token that is good for a while, refreshed when it is not. TOKEN_MISSING when signed
   * out.
   */
  accessToken(): Promise<string>;
  /**
   * After a 401: refreshes when `refused` is still the present token. Ends the session when that is
   * refused too.
   */
  replace(refused: string): Promise<string>;
  /** The cloud takes no token of this session any more: back to the sign-in page, which says so. */
  end(): void;
}

export interface SessionKeeperOptions {
  readonly post: PostJson;
  /**
   * sessionStorage in the browser. A reload keeps the session, closing the tab ends it, and other
   * tabs and sites never see it. A cookie would be sent by the browser on its own, which opens the
   * API to forged requests; localStorage would leave the tokens on a shared computer.
   */
  readonly storage: Pick<Storage, 'getItem' | 'setItem' | 'removeItem'>;
  readonly now: () => number;
  /** From 0 to 1. */
  readonly chance: () => number;
  /**
   * A duplicated tab starts with a copy of the tokens. The refresh token is good once, and its
   * second use ends the session for both: so who replaces it tells the others.
   */
  readonly peers: SessionPeers;
}

export interface SessionPeers {
  tell(replacement: Replacement): void;
  hear(callback: (replacement: Replacement) => void): void;
}

export interface Replacement {
  readonly replacedRefreshToken: string;
  readonly session: Session;
}

const STORAGE_KEY = 'holdfast.session';
/** A token is replaced this long before it expires, so that no request is refused on the way. */
export const REFRESH_MARGIN_MS = 60_000;
/**
 * Up to so much earlier, by chance: two tabs with the same tokens must not refresh at one moment.
 */
const REFRESH_SPREAD_MS = 60_000;

export function createSessionKeeper(options: SessionKeeperOptions): SessionKeeper {
  const { storage, now } = options;
  const session = createObservable(readSession(storage.getItem(STORAGE_KEY)));
  const ended = createObservable(false);
  const marginMs = REFRESH_MARGIN_MS + options.chance() * REFRESH_SPREAD_MS;
  let refreshing: Promise<string> | undefined;

  const store = (value: Session | undefined): void => {
    if (value === undefined) storage.removeItem(STORAGE_KEY);
    else storage.setItem(STORAGE_KEY, JSON.stringify(value));
    session.set(value);
  };
  const end = (): void => {
    ended.set(true);
    store(undefined);
  };
  options.peers.hear(({ replacedRefreshToken, session: fresh }) => {
    if (session.get()?.refreshToken === replacedRefreshToken) store(fresh);
  });
  const refresh = async (old: Session): Promise<string> => {
    try {
      const body = { refreshToken: old.refreshToken };
      const fresh = toSession(old.username, await options.post('/v1/auth/refresh', body), now());
      // Signed out meanwhile: the answer must not sign in again.
      if (session.get() === old) store(fresh);
      options.peers.tell({ replacedRefreshToken: old.refreshToken, session: fresh });
      return fresh.accessToken;
    } catch (error) {
      if (isRefusal(error) && session.get() === old) end();
      throw error;
    }
  };
  // One refresh at a time: the token rotates, and using one twice would end the session.
  const refreshOnce = (old: Session): Promise<string> => {
    refreshing ??= refresh(old).finally(() => {
      refreshing = undefined;
    });
    return refreshing;
  };
  const present = (): Session => {
    const value = session.get();
    if (value === undefined) throw new AppError('TOKEN_MISSING', 'not signed in');
    return value;
  };

  return {
    session,
    ended,
    async signIn(username, password) {
      const body = await options.post('/v1/auth/token', { username, password });
      ended.set(false);
      store(toSession(username, body, now()));
    },
    signOut() {
      ended.set(false);
      store(undefined);
    },
    async accessToken() {
      const value = present();
      return value.expiresAtMs - now() > marginMs ? value.accessToken : refreshOnce(value);
    },
    async replace(refused) {
      const value = present();
      return value.accessToken === refused ? refreshOnce(value) : value.accessToken;
    },
    end,
  };
}

function isRefusal(error: unknown): boolean {
  return error instanceof AppError && [400, 401, 403].includes(error.status);
}

function toSession(username: string, body: unknown, nowMs: number): Session {
  const answer = body as Partial<Record<string, unknown>> | null;
  const { accessToken, refreshToken, expiresInSeconds } = answer ?? {};
  if (
    typeof accessToken !== 'string' ||
    typeof refreshToken !== 'string' ||
    typeof expiresInSeconds !== 'number'
  ) {
    throw new AppError('INTERNAL', 'the answer to the sign-in is not a pair of tokens');
  }
  return {
    username,
    accessToken,
    refreshToken,
    expiresAtMs: nowMs + expiresInSeconds * 1000,
  };
}

function readSession(text: string | null): Session | undefined {
  if (text === null) return undefined;
  try {
    const value = JSON.parse(text) as Session;
    return typeof value.refreshToken === 'string' ? value : undefined;
  } catch {
    // Written by another version or by hand: signing in again is the way out.
    return undefined;
  }
}

/** Between the tabs of one browser that show the same origin. */
export function tabPeers(): SessionPeers {
  const channel = new BroadcastChannel(STORAGE_KEY);
  return {
    tell: (replacement) => channel.postMessage(replacement),
    hear(callback) {
      channel.addEventListener('message', (event) => callback(event.data as Replacement));
    },
  };
}
