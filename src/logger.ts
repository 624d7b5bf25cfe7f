import { type Logger, pino } from 'pino';

/**
 * The log of a process: one JSON object a line on standard output. Lines are written as they come: what pino buffers
 * it writes at exit, again and again for ever where nobody reads the other end of the pipe any more.
 * @param secrets what no line may hold, whoever wrote it
 */
export function createLogger(level: string, secrets: readonly string[] = []): Logger {
  // As they stand in JSON; the longest first, since one may hold another.
  const hidden = [...new Set(secrets.map((secret) => JSON.stringify(secret).slice(1, -1)))].sort(
    (a, b) => b.length - a.length,
  );
  const streamWrite = (line: string) => hidden.reduce((text, secret) => text.replaceAll(secret, '[secret]'), line);
  const options = { level, base: { pid: process.pid }, ...(hidden.length > 0 && { hooks: { streamWrite } }) };
  return pino(options, pino.destination({ dest: 1, sync: true }));
}
