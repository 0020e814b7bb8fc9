import { type GatewayName, parseGatewayUri } from '@holdfast/shared/contracts/gateway-identity.ts';

/**
 * Who is at the other end: the one gateway URI among a client certificate's subject alternative
 * names, in the form in which node:tls gives them. Undefined unless there is exactly one: a
 * certificate speaks for one gateway.
 */
export function peerOf(subjectAltName: string | undefined): GatewayName | undefined {
  const found = (subjectAltName ?? '').split(', ').flatMap((name) => {
    if (!name.startsWith('URI:')) return [];
    return parseGatewayUri(name.slice('URI:'.length)) ?? [];
  });
  return found.length === 1 ? found[0] : undefined;
}
