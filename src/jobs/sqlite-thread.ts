/** The thread that has the database open: runs one statement after another, as they come (threaded-sqlite.ts). */
import { parentPort, workerData } from 'node:worker_threads';
import Database from 'libsql';
import type { StatementAnswer, StatementRequest } from './threaded-sqlite.js';

const { path, pragmas } = workerData as { path: string; pragmas: readonly string[] };
const port = parentPort!;
let database: Database.Database | undefined;

const answer = (request: StatementRequest | 'open', run: () => Omit<StatementAnswer, 'error' | 'inTransaction'>) => {
  let result: Omit<StatementAnswer, 'inTransaction'>;
  try {
    result = run();
  } catch (error) {
    // Copied to another thread, an error loses what its class added.
    const { message, code } = error as Error & { code?: string };
    result = { rows: [], error: { message, code } };
  }
  port.postMessage({ ...result, inTransaction: database?.open === true && database.inTransaction });
  // Nothing else keeps the thread.
  if (request !== 'open' && request.close) port.close();
};

answer('open', () => {
  database = new Database(path);
  for (const pragma of pragmas) database.pragma(pragma);
  return { rows: [] };
});

port.on('message', (request: StatementRequest) => {
  answer(request, () => {
    if (request.close) {
      database?.close();
      return { rows: [] };
    }
    const statement = database!.prepare(request.sql);
    if (statement.reader) return { rows: statement.all(request.parameters) };
    return { rows: [], changes: statement.run(request.parameters).changes };
  });
});
