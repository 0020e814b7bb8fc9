/**
 * Gives memory back at once, instead of when it is collected: bytes lie outside V8's heap and
 * hardly press its collector, so that under a steady load tens of megabytes of them wait. The bytes
 * must not be used any more. Those that are a part of a larger buffer are left alone.
 */
export function releaseBytes(bytes: Uint8Array): void {
  const { buffer } = bytes;
  if (!(buffer instanceof ArrayBuffer) || buffer.detached) return;
  if (bytes.byteLength === buffer.byteLength) buffer.transfer(0);
}
