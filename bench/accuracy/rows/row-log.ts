import { createHash } from 'node:crypto';
import { appendFile, mkdir, readFile, rm } from 'node:fs/promises';
import { dirname } from 'node:path';
import type { Row } from './grid.js';
import type { MeasuredRow } from './measured-row.js';

/** The rows that are done, each a line of a file: a benchmark that was stopped goes on where it was. */
export class RowLog {
  readonly #path: string;
  readonly #rows: Map<string, MeasuredRow>;

  private constructor(path: string, rows: readonly MeasuredRow[]) {
    this.#path = path;
    this.#rows = new Map(rows.map((row) => [row.key, row]));
  }

  /** @param options.fresh forgets what is there */
  static async open(path: string, { fresh }: { fresh: boolean }): Promise<RowLog> {
    await mkdir(dirname(path), { recursive: true });
    if (fresh) await rm(path, { force: true });
    return new RowLog(path, await readRows(path));
  }

  find(key: string): MeasuredRow | undefined {
    return this.#rows.get(key);
  }

  async add(row: MeasuredRow): Promise<void> {
    this.#rows.set(row.key, row);
    await appendFile(this.#path, `${JSON.stringify(row)}\n`);
  }
}

/** @param threads of the job: what it takes goes by them */
export function rowKey(row: Row, net: Uint8Array, threads: number): string {
  const text = JSON.stringify([row, threads]);
  return createHash('sha256').update(net).update(text).digest('hex').slice(0, 16);
}

/** A line that a kill broke off is left aside, and a new line begins after it. */
async function readRows(path: string): Promise<MeasuredRow[]> {
  let text: string;
  try {
    text = await readFile(path, 'utf8');
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ENOENT') throw error;
    return [];
  }
  if (text !== '' && !text.endsWith('\n')) await appendFile(path, '\n');
  const lines = text.split('\n').slice(0, -1);
  return lines.flatMap((line) => {
    try {
      return [JSON.parse(line) as MeasuredRow];
    } catch {
      return [];
    }
  });
}
