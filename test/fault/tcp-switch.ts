import { once } from 'node:events';
import { createConnection, createServer, type Socket } from 'node:net';

/** An address that leads to one server or another, as a name or a virtual address does over a failover. */
export interface Switch {
  readonly port: number;
  /** Where new connections go; those that are open stay where they are. */
  turnTo(port: number): void;
  close(): void;
}

export async function openSwitch(first: number): Promise<Switch> {
  let target = first;
  const open = new Set<Socket>();
  const server = createServer((socket) => {
    const onward = createConnection(target, '127.0.0.1');
    for (const [one, other] of [
      [socket, onward],
      [onward, socket],
    ]) {
      open.add(one);
      one.pipe(other);
      one.on('error', () => other.destroy());
      one.on('close', () => {
        open.delete(one);
        other.destroy();
      });
    }
  }).listen(0, '127.0.0.1');
  await once(server, 'listening');
  return {
    port: (server.address() as { port: number }).port,
    turnTo: (port) => {
      target = port;
    },
    close: () => {
      server.close();
      for (const socket of open) socket.destroy();
    },
  };
}
