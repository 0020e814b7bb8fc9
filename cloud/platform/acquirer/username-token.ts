import { createHash } from 'node:crypto';
import type { Runtime } from '@holdfast/shared/runtime/runtime.ts';

const WSS = 'http://docs.oasis-open.org/wss/2004/01/oasis-200401-wss';
const NONCE_BYTES = 16;

/**
 * A UsernameToken with password digest, nonce and created (WS-Security UsernameToken Profile 1.0
 * §3.1). The digest is SHA-1 because the profile says so; it keys nothing.
 */
export function usernameToken(options: {
  readonly username: string;
  readonly secretPassword: string;
  readonly runtime: Pick<Runtime, 'clock' | 'random'>;
}): string {
  const nonce = options.runtime.random.bytes(NONCE_BYTES);
  const created = new Date(options.runtime.clock.now()).toISOString();
  const digest = createHash('sha1')
    .update(nonce)
    .update(created)
    .update(options.secretPassword)
    .digest('base64');
  return (
    `<wsse:Security xmlns:wsse="${WSS}-wssecurity-secext-1.0.xsd" ` +
    `xmlns:wsu="${WSS}-wssecurity-utility-1.0.xsd"><wsse:UsernameToken>` +
    `<wsse:Username>${escapeXml(options.username)}</wsse:Username>` +
    `<wsse:Password Type="${WSS}-username-token-profile-1.0#PasswordDigest">${digest}` +
    `</wsse:Password><wsse:Nonce>${nonce.toString('base64')}</wsse:Nonce>` +
    `<wsu:Created>${created}</wsu:Created></wsse:UsernameToken></wsse:Security>`
  );
}

function escapeXml(text: string): string {
  return text.replaceAll('&', '&amp;').replaceAll('<', '&lt;');
}
