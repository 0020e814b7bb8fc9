import { connect } from 'node:net';

const TIMEOUT_MS = 15_000;

/**
 * Sends the bytes and resolves with all that came back when the other side has closed the
 * connection.
 */
export function sendRaw(port: number, bytes: Uint8Array | string): Promise<Buffer> {
  return new Promise((resolve, reject) => {
    const answer: Buffer[] = [];
    const socket = connect({ port, host: '127.0.0.1' }, () => socket.write(bytes));
    const late = (): void => {
      socket.destroy();
      reject(new Error(`port ${port} kept the connection open for ${TIMEOUT_MS} ms`));
    };
    const timer = setTimeout(late, TIMEOUT_MS);
    socket.on('data', (chunk) => answer.push(chunk));
    // A reset is one way of closing.
    socket.on('error', () => {});
    socket.on('close', () => {
      clearTimeout(timer);
      resolve(Buffer.concat(answer));
    });
  });
}
