import { subscribe, unsubscribe } from 'node:diagnostics_channel';
import type { ServerHttp2Session, ServerHttp2Stream } from 'node:http2';

/** Tells of each stream that an HTTP/2 server of this process begins. */
const STREAM_CREATED = 'http2.server.stream.created';

/**
 * Lets clients have `bytes` on the way to any HTTP/2 server of this process, per connection and per
 * stream, where the default is 64 KiB (RFC 9113 §6.9.2): a line of 200 ms carries no more than
 * 2.5 Mbit/s with that. grpc-js offers it for clients only. Returns the undo.
 */
export function widenHttp2Windows(bytes: number): () => void {
  const widened = new WeakSet<ServerHttp2Session>();
  const widen = (message: unknown): void => {
    const { session } = (message as { readonly stream: ServerHttp2Stream }).stream;
    const server = session as ServerHttp2Session | undefined;
    if (!server || server.destroyed || widened.has(server)) return;
    widened.add(server);
    server.setLocalWindowSize(bytes);
    server.settings({ initialWindowSize: bytes });
  };
  subscribe(STREAM_CREATED, widen);
  return () => void unsubscribe(STREAM_CREATED, widen);
}
