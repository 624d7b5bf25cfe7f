import type { FastifyInstance } from 'fastify';
import { openFilesLimit } from './open-files.js';

/** Open files that are not of connections: the record, libraries, Redis, pipes of children. */
const RESERVE = 128;

/** Beside its socket: the upload that it sends, or the artifact that it gets. */
const FILES_A_CONNECTION = 1;

const FEWEST = 16;

/** Between two lines of the log. */
const TELL_MS = 60_000;

/**
 * Refuses connections before they have all open files that this process may have: without one it can start no child and
 * open no upload. Anybody can open a connection, without a key.
 */
export function useConnectionLimit(app: FastifyInstance): void {
  const limit = openFilesLimit();
  if (limit === undefined) return;
  const most = Math.max(FEWEST, Math.floor((limit - RESERVE) / (1 + FILES_A_CONNECTION)));
  app.server.maxConnections = most;
  let refused = 0;
  let toldMs = Number.NEGATIVE_INFINITY;
  app.server.on('drop', () => {
    refused += 1;
    if (performance.now() - toldMs < TELL_MS) return;
    toldMs = performance.now();
    app.log.warn({ refused, most, openFiles: limit }, 'all connections are taken; further ones are refused');
    refused = 0;
  });
}
