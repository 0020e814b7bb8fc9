import { presentedChain, requestJson } from '@holdfast/shared/runtime/outbound.ts';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { type Cloud, openCloud } from './cloud.fixture.ts';

let ours: Cloud;
let theirs: Cloud;
beforeAll(async () => {
  ours = await openCloud();
  theirs = await openCloud();
});
afterAll(async () => {
  await ours.close();
  await theirs.close();
});

const call = (cloud: Cloud, change: { url?: string; ca?: string } = {}) =>
  requestJson({
    url: `${cloud.url}/v1/auth/token`,
    body: { secret: 'do not tell' },
    ca: ours.world.authority.certificate,
    timeoutMs: 10_000,
    ...change,
  });

it('answers who trusts only its authority, by every name of loopback', async () => {
  expect((await call(ours)).status).toBe(400);
  const url = `${ours.url.replace('127.0.0.1', 'localhost')}/v1/auth/token`;
  expect((await call(ours, { url })).status).toBe(400);
});

it('tells nothing to a server of another authority, nor to one without any', async () => {
  await expect(call(theirs)).rejects.toMatchObject({ code: 'CERTIFICATE_REJECTED' });
  const system = requestJson({ url: theirs.url, body: { secret: 1 }, timeoutMs: 10_000 });
  await expect(system).rejects.toMatchObject({ code: 'CERTIFICATE_REJECTED' });
  expect(theirs.requests).toEqual([]);
});

it('sees the chain of a server, leaf first, down to its authority', async () => {
  const chain = await presentedChain({ url: ours.url, timeoutMs: 10_000 });
  const names = chain.map((each) => each.subject);
  expect(names).toEqual(['CN=Holdfast cloud', 'CN=Holdfast gateway CA']);
});
