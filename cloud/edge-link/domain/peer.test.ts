import { expect, it } from 'vitest';
import { peerOf } from './peer.ts';

const URI = 'URI:urn:holdfast:gateway:dev/site-1/gw_1';
const peer = { tenant: 'dev', site: 'site-1', gatewayId: 'gw_1' };

it.each([
  ['the gateway of the certificate', URI, peer],
  ['beside other names', `DNS:localhost, ${URI}, IP Address:127.0.0.1`, peer],
  ['no names', undefined, undefined],
  ['no gateway', 'DNS:localhost', undefined],
  ['two gateways', `${URI}, URI:urn:holdfast:gateway:dev/site-1/gw_2`, undefined],
  ['another kind of name', 'URI:urn:other:gateway:dev/site-1/gw_1', undefined],
  ['a part too many', `${URI}/more`, undefined],
])('reads %s', (_name, names, expected) => {
  expect(peerOf(names)).toEqual(expected);
});
