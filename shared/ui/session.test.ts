import { beforeEach, describe, expect, it } from 'vitest';
import { AppError } from '../lib/app-error.ts';
import { createSessionKeeper, type Replacement, type SessionKeeper } from './session.ts';

let nowMs: number;
let posted: { path: string; body: unknown }[];
let answer: () => Promise<unknown>;
let stored: Map<string, string>;
let hearers: ((replacement: Replacement) => void)[];

beforeEach(() => {
  nowMs = 1_000_000;
  posted = [];
  stored = new Map();
  hearers = [];
  let count = 0;
  answer = async () => {
    count += 1;
    return { accessToken: `a${count}`, refreshToken: `r${count}`, expiresInSeconds: 600 };
  };
});

function open(): SessionKeeper {
  return createSessionKeeper({
    post: (path, body) => {
      posted.push({ path, body });
      return answer();
    },
    storage: {
      getItem: (key) => stored.get(key) ?? null,
      setItem: (key, value) => void stored.set(key, value),
      removeItem: (key) => void stored.delete(key),
    },
    now: () => nowMs,
    chance: () => 0,
    peers: {
      tell: (replacement) => {
        for (const hear of hearers) hear(replacement);
      },
      hear: (callback) => void hearers.push(callback),
    },
  });
}

async function signedIn(): Promise<SessionKeeper> {
  const keeper = open();
  await keeper.signIn('operator', 'right');
  return keeper;
}

describe('a session', () => {
  it('survives a reload and ends with sign-out', async () => {
    await signedIn();
    const reloaded = open();
    expect(await reloaded.accessToken()).toBe('a1');
    reloaded.signOut();
    expect(stored.size).toBe(0);
    await expect(reloaded.accessToken()).rejects.toMatchObject({ code: 'TOKEN_MISSING' });
    expect(reloaded.ended.get()).toBe(false);
  });

  it('gets its next token before the old one expires, once for all who ask', async () => {
    const keeper = await signedIn();
    nowMs += 541_000;
    expect(await Promise.all([keeper.accessToken(), keeper.accessToken()])).toEqual(['a2', 'a2']);
    expect(posted.slice(1)).toEqual([{ path: '/v1/auth/refresh', body: { refreshToken: 'r1' } }]);
  });

  it('is kept while the cloud is away, and ended when it refuses', async () => {
    const keeper = await signedIn();
    nowMs += 700_000;
    answer = () => Promise.reject(new AppError('UNAVAILABLE', 'away'));
    await expect(keeper.accessToken()).rejects.toMatchObject({ code: 'UNAVAILABLE' });
    expect(keeper.session.get()).toBeDefined();
    answer = () => Promise.reject(new AppError('TOKEN_INVALID', 'used before'));
    await expect(keeper.accessToken()).rejects.toMatchObject({ code: 'TOKEN_INVALID' });
    expect(keeper.session.get()).toBeUndefined();
    expect(keeper.ended.get()).toBe(true);
    expect(stored.size).toBe(0);
  });

  it('does not come back when it was signed out during a refresh', async () => {
    const keeper = await signedIn();
    nowMs += 700_000;
    const refreshing = keeper.accessToken();
    keeper.signOut();
    await refreshing;
    expect(keeper.session.get()).toBeUndefined();
  });

  it('replaces a token that was refused, unless that has happened already', async () => {
    const keeper = await signedIn();
    expect(await keeper.replace('a0')).toBe('a1');
    expect(await keeper.replace('a1')).toBe('a2');
  });

  it('shares what it refreshed with a tab that was duplicated from it', async () => {
    const first = await signedIn();
    const twin = open();
    nowMs += 541_000;
    await first.accessToken();
    expect(await twin.accessToken()).toBe('a2');
    expect(posted).toHaveLength(2);
  });

  it('starts signed out when what is stored is not a session', () => {
    stored.set('holdfast.session', '{not json');
    expect(open().session.get()).toBeUndefined();
  });
});
