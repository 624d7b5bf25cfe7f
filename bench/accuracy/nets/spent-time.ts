import { existsSync, readFileSync, writeFileSync } from 'node:fs';

/** CPU seconds of this process, added to those of the attempts before, which a file holds. */
export class SpentTime {
  readonly #path: string;
  readonly #before: number;
  readonly #start = process.cpuUsage();

  constructor(path: string) {
    this.#path = path;
    this.#before = existsSync(path) ? Number(readFileSync(path, 'utf8')) : 0;
  }

  /** @returns seconds so far, which the file then has */
  save(): number {
    const { user, system } = process.cpuUsage(this.#start);
    const seconds = Math.round(this.#before + (user + system) / 1e6);
    writeFileSync(this.#path, String(seconds));
    return seconds;
  }
}
