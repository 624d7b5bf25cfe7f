/**
 * SQLite in a thread of its own. A commit waits until the disk has it, which beside large uploads may take a large part
 * of a second: on the thread that answers requests, nobody would be answered meanwhile.
 */
import { Worker } from 'node:worker_threads';
import {
  CompiledQuery,
  type DatabaseConnection,
  type Dialect,
  type Driver,
  type QueryResult,
  SqliteAdapter,
  SqliteIntrospector,
  SqliteQueryCompiler,
} from 'kysely';

export interface StatementRequest {
  readonly sql: string;
  readonly parameters: readonly unknown[];
  /** Closes the database instead. */
  readonly close?: true;
}

/** Answers come in the order of requests; the first one is that of opening. */
export interface StatementAnswer {
  readonly rows: unknown[];
  readonly changes?: number;
  /** `code` is SQLite's: `SQLITE_FULL`. */
  readonly error?: { readonly message: string; readonly code: string | undefined };
  readonly inTransaction: boolean;
}

interface Pending {
  answered(answer: StatementAnswer): void;
  failed(error: Error): void;
}

/** In tests, which run from TypeScript, the thread is of the built program: Node can't load the other. */
const ENTRY = new URL(
  import.meta.url.endsWith('.ts') ? '../../dist/src/jobs/sqlite-thread.js' : './sqlite-thread.js',
  import.meta.url,
);

export class SqliteThread {
  readonly #worker: Worker;
  readonly #pending: Pending[] = [];
  #inTransaction = false;
  #ended: Error | undefined;

  private constructor(path: string, pragmas: readonly string[]) {
    // Options of the process may be for its own program alone.
    this.#worker = new Worker(ENTRY, { workerData: { path, pragmas }, execArgv: [] });
    this.#worker.on('message', (answer: StatementAnswer) => {
      const { answered, failed } = this.#pending.shift()!;
      if (this.#pending.length === 0) this.#worker.unref();
      this.#inTransaction = answer.inTransaction;
      if (answer.error === undefined) answered(answer);
      else failed(Object.assign(new Error(answer.error.message), { name: 'SqliteError', code: answer.error.code }));
    });
    this.#worker.on('error', (cause) => {
      const fault = new Error('the thread of the record broke', { cause });
      this.#end(fault);
      // A service without its record answers nothing right: whoever watches the process starts it again.
      setImmediate(() => {
        throw fault;
      });
    });
    this.#worker.on('exit', () => this.#end(new Error('the record is closed')));
  }

  /** Opens a database file, making it if need be. @throws Error with SQLite's `code` */
  static async open(path: string, pragmas: readonly string[]): Promise<SqliteThread> {
    const thread = new SqliteThread(path, pragmas);
    try {
      await thread.#answer();
      return thread;
    } catch (error) {
      await thread.#worker.terminate();
      throw error;
    }
  }

  /** As the last statement left it. */
  get inTransaction(): boolean {
    return this.#inTransaction;
  }

  run(sql: string, parameters: readonly unknown[] = []): Promise<StatementAnswer> {
    return this.#send({ sql, parameters });
  }

  async close(): Promise<void> {
    const gone = new Promise((resolve) => this.#worker.once('exit', resolve));
    await this.#send({ sql: '', parameters: [], close: true });
    // It ends by itself; as long as somebody waits for that, the process does.
    this.#worker.ref();
    await gone;
  }

  #send(request: StatementRequest): Promise<StatementAnswer> {
    if (this.#ended) return Promise.reject(this.#ended);
    this.#worker.postMessage(request);
    return this.#answer();
  }

  /** A process that waits for an answer goes on; one that waits for nothing may end. */
  #answer(): Promise<StatementAnswer> {
    return new Promise((answered, failed) => {
      this.#pending.push({ answered, failed });
      this.#worker.ref();
    });
  }

  #end(error: Error): void {
    this.#ended ??= error;
    for (const { failed } of this.#pending.splice(0)) failed(this.#ended);
  }
}

export function threadDialect(thread: SqliteThread): Dialect {
  return {
    createAdapter: () => new SqliteAdapter(),
    createDriver: () => new ThreadDriver(thread),
    createIntrospector: (db) => new SqliteIntrospector(db),
    createQueryCompiler: () => new SqliteQueryCompiler(),
  };
}

/** One connection, which one after another has. */
class ThreadDriver implements Driver {
  readonly #thread: SqliteThread;
  readonly #connection: DatabaseConnection;
  #turn: Promise<void> = Promise.resolve();
  #endTurn = (): void => {};

  constructor(thread: SqliteThread) {
    this.#thread = thread;
    this.#connection = {
      executeQuery: async <R>({ sql, parameters }: CompiledQuery): Promise<QueryResult<R>> => {
        const { rows, changes } = await thread.run(sql, parameters);
        return { rows: rows as R[], ...(changes !== undefined && { numAffectedRows: BigInt(changes) }) };
      },
      streamQuery: () => {
        throw new Error('rows of the record are read at once');
      },
    };
  }

  async init(): Promise<void> {}

  async acquireConnection(): Promise<DatabaseConnection> {
    const before = this.#turn;
    let end = (): void => {};
    this.#turn = new Promise((resolve) => {
      end = resolve;
    });
    await before;
    this.#endTurn = end;
    return this.#connection;
  }

  async releaseConnection(): Promise<void> {
    this.#endTurn();
  }

  async beginTransaction(connection: DatabaseConnection): Promise<void> {
    await connection.executeQuery(CompiledQuery.raw('begin'));
  }

  async commitTransaction(connection: DatabaseConnection): Promise<void> {
    await connection.executeQuery(CompiledQuery.raw('commit'));
  }

  /** Some faults (a full disk) end a transaction by themselves: a rollback after them would fail and hide the fault. */
  async rollbackTransaction(connection: DatabaseConnection): Promise<void> {
    if (this.#thread.inTransaction) await connection.executeQuery(CompiledQuery.raw('rollback'));
  }

  async destroy(): Promise<void> {
    await this.#thread.close();
  }
}
