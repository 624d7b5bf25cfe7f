import { clip } from '../../checks/index.js';
import type { Warning } from '../../contract.js';
import { EspalierError } from '../../errors.js';

/** So many of a part's images may be unreadable before the data set is. */
const MOST_SHARE = 0.01;
/** A job warns of so many, one by one. */
const MOST_NAMED = 5;

/** The images of one part that could not be read. */
export class UnreadableImages {
  readonly #total: number;
  readonly #warn: (warning: Warning) => void;
  readonly #found = new Map<string, string>();

  /** @param total of the images that are looked at */
  constructor(total: number, warn: (warning: Warning) => void = () => {}) {
    this.#total = total;
    this.#warn = warn;
  }

  /** @throws EspalierError DATASET_INVALID once there are too many */
  add(name: string, error: unknown): void {
    // What is wrong with the archive, the disk or this program is no fault of the image.
    if (error instanceof EspalierError || (error as { syscall?: unknown }).syscall !== undefined) throw error;
    if (this.#found.has(name)) return;
    this.#found.set(name, reasonOf(error));
    const count = this.#found.size;
    if (count > MOST_SHARE * this.#total) throw this.#tooMany();
    if (count > MOST_NAMED) return;
    const others = count === MOST_NAMED ? '; no more are named' : '';
    const message = `${this.#told()[count - 1]}: another image of its class stands in for it${others}`;
    this.#warn({ code: 'IMAGE_UNREADABLE', message });
  }

  /** One warning of all of them. */
  summary(): Warning[] {
    if (this.#found.size === 0) return [];
    const message = `${this.#found.size} of ${this.#total} images can't be read: ${this.#list()}; others of their classes stand in for them`;
    return [{ code: 'IMAGE_UNREADABLE', message }];
  }

  #tooMany(): EspalierError {
    const detail = `${this.#found.size} or more of ${this.#total} images can't be read: ${this.#list()}`;
    return new EspalierError('DATASET_INVALID', `${detail}; mend them or take them out (1 in 100 is let pass)`);
  }

  #list(): string {
    const told = this.#told();
    return `${told.slice(0, MOST_NAMED).join('; ')}${told.length > MOST_NAMED ? '; …' : ''}`;
  }

  #told(): string[] {
    return [...this.#found].map(([name, reason]) => `${clip(name, 200)} (${reason})`);
  }
}

/** The last line of what libvips says is the cause. */
function reasonOf(error: unknown): string {
  const text = error instanceof Error ? error.message : String(error);
  return clip(text.trim().replace(/\s*\n\s*/g, ', '), 200);
}
