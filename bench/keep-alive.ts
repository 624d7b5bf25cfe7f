import { once } from 'node:events';
import { connect } from 'node:net';

export interface Connection {
  /** One at a time. */
  get(path: string): Promise<{ readonly status: number; readonly text: string }>;
  close(): void;
}

/**
 * One connection that is kept open, for polls. Reads no more of an answer than its status and its length, so that a
 * client takes little of what the server runs on.
 */
export async function openConnection(url: string): Promise<Connection> {
  const { hostname, port } = new URL(url);
  const socket = connect(Number(port), hostname);
  await once(socket, 'connect');
  let text = '';
  let waiting: { answer(value: { status: number; text: string }): void; fail(error: Error): void } | undefined;
  const fail = (error: Error): void => waiting?.fail(error);
  socket.on('error', fail);
  socket.on('close', () => fail(new Error(`${url} closed a connection before it answered`)));
  socket.on('data', (data) => {
    text += data.toString('latin1');
    const head = text.indexOf('\r\n\r\n');
    const length = Number(/content-length: (\d+)/i.exec(text)?.[1]);
    if (head < 0 || text.length < head + 4 + length) return;
    const answer = { status: Number(text.slice(9, 12)), text };
    text = '';
    waiting?.answer(answer);
  });
  return {
    get: (path) =>
      new Promise((answer, fail) => {
        waiting = { answer, fail };
        socket.write(`GET ${path} HTTP/1.1\r\nhost: localhost\r\n\r\n`);
      }),
    close: () => {
      waiting = undefined;
      socket.destroy();
    },
  };
}
