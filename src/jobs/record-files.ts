/**
 * The files of a SQLite database, looked at before SQLite opens them: a WAL that lies beside an empty file it throws away,
 * and any other it writes into whatever file it finds there.
 */
import { open, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { basename } from 'node:path';

const MAGIC = Buffer.from('SQLite format 3\0');

const HEADER_BYTES = 100;

/** Where the header has `user_version`: the number of the session that wrote its WAL. */
const SESSION_AT = 60;

/** Why a database must not be opened as it lies there, and what has to be out of the way for it. */
export interface RecordFault {
  readonly says: string;
  readonly files: readonly string[];
}

export interface FoundRecord {
  /** It is not there, or has nothing in it. */
  readonly isNew: boolean;
  /** Whoever wrote it was killed, and its WAL is not there any more. */
  readonly lostWal: boolean;
  readonly fault?: RecordFault;
}

export async function findRecord(path: string): Promise<FoundRecord> {
  const wal = await sizeOf(walOf(path));
  const header = await readHeader(path);
  const session = (await orNone(readFile(sessionOf(path), 'utf8')))?.trim() ?? '';
  const beside = [walOf(path), `${path}-shm`];
  const name = basename(path);
  if (header.length === 0) {
    const says = `is missing or empty, and ${name}-wal is not`;
    return { isNew: true, lostWal: false, ...(wal && { fault: { says, files: beside } }) };
  }
  const found = { isNew: false, lostWal: wal === undefined && session !== '' };
  if (header.length < HEADER_BYTES || !header.subarray(0, MAGIC.length).equals(MAGIC)) {
    return { ...found, fault: { says: 'is no SQLite database', files: [path, ...beside] } };
  }
  if (wal && session !== '' && session !== sessionIn(header)) {
    return { ...found, fault: { says: `is not the one that ${name}-wal belongs to`, files: beside } };
  }
  return found;
}

/**
 * Says that what is written to the WAL from now on belongs to the file as it is now. `number` must be in its header by then;
 * where it is not (a reader kept the WAL from being written back) nothing is said, and any file counts as the right one.
 */
export async function nameSession(path: string, number: number): Promise<void> {
  if (sessionIn(await readHeader(path)) === `${number}`) await writeSession(path, `${number}`);
}

/** A WAL may belong to any file again: its number is about to change. */
export async function forgetSession(path: string): Promise<void> {
  await writeSession(path, '');
}

/** There is no WAL that matters. */
export async function endSession(path: string): Promise<void> {
  await rm(sessionOf(path), { force: true });
}

const walOf = (path: string): string => `${path}-wal`;

const sessionOf = (path: string): string => `${path}-session`;

const sessionIn = (header: Buffer): string => `${header.readUInt32BE(SESSION_AT)}`;

const writeSession = (path: string, text: string) => writeFile(sessionOf(path), text, { flush: true });

async function readHeader(path: string): Promise<Buffer> {
  const file = await orNone(open(path));
  if (file === undefined) return Buffer.alloc(0);
  try {
    const { bytesRead, buffer } = await file.read(Buffer.alloc(HEADER_BYTES), 0, HEADER_BYTES, 0);
    return buffer.subarray(0, bytesRead);
  } finally {
    await file.close();
  }
}

async function sizeOf(path: string): Promise<number | undefined> {
  return (await orNone(stat(path)))?.size;
}

async function orNone<T>(reading: Promise<T>): Promise<T | undefined> {
  return reading.catch((error: NodeJS.ErrnoException) => {
    if (error.code === 'ENOENT') return undefined;
    throw error;
  });
}
