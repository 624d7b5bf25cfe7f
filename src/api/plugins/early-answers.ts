import type { IncomingMessage } from 'node:http';
import { Socket } from 'node:net';
import type { FastifyInstance } from 'fastify';

/** Who has stopped sending has read the answer, or never will. */
const LOOK_MS = 5000;

/** Six looks: 30 s, as web servers have it, in which 64 MiB come at 20 Mbit/s. */
const MOST_LOOKS = 6;

/**
 * Lets answers through that are given before the body has come: a wrong part, a full disk. Most clients send all of the
 * body before they read, and what is closed with bytes unread is reset by the kernel, answer and all. So the rest of the
 * body is read and dropped, for a while and up to `mostBytes`; where the connection is to be closed, our side of it is at once.
 */
export function useEarlyAnswers(app: FastifyInstance, mostBytes: number): void {
  const newest = new WeakMap<Socket, IncomingMessage>();
  const ending = new WeakSet<Socket>();
  const note = (request: IncomingMessage): void => void newest.set(request.socket, request);
  app.server.on('request', note).on('checkExpectation', note);
  // This is what Node calls after an answer with `Connection: close`.
  app.server.on('connection', (socket: Socket) => {
    const destroySoon = socket.destroySoon.bind(socket);
    socket.destroySoon = () => {
      const request = newest.get(socket);
      if (request === undefined || request.complete) return destroySoon();
      ending.add(socket);
      socket.end();
      request.once('end', destroySoon);
      dropBody(request, mostBytes);
    };
  });
  app.addHook('onRequest', ({ raw }, reply, done) => {
    if (ending.has(raw.socket)) {
      // It came behind the body, and can have no answer: nothing of it may be done.
      reply.hijack();
      return void raw.socket.destroy();
    }
    // One that `app.inject` made came over no connection.
    if (!(raw.socket instanceof Socket)) return done();
    reply.raw.once('finish', () => {
      if (!raw.complete && !ending.has(raw.socket)) dropBody(raw, mostBytes);
    });
    done();
  });
}

function dropBody(request: IncomingMessage, mostBytes: number): void {
  const stop = closeInTime(request.socket, mostBytes);
  request.once('end', stop);
  // Whoever was reading it may have stopped in the middle.
  request.unpipe();
  request.resume();
}

/** Destroys a connection once it is silent, or has sent or lasted too much; the function that it returns calls that off. */
export function closeInTime(socket: Socket, mostBytes: number): () => void {
  const most = socket.bytesRead + mostBytes;
  let seen = socket.bytesRead;
  let looks = 0;
  const look = setInterval(() => {
    looks += 1;
    if (socket.bytesRead === seen || socket.bytesRead > most || looks === MOST_LOOKS) socket.destroy();
    seen = socket.bytesRead;
  }, LOOK_MS);
  const stop = (): void => {
    clearInterval(look);
    socket.off('close', stop);
  };
  socket.once('close', stop);
  return stop;
}
