import type { Warning } from '../../contract.js';

/** Warnings about layers: what is said of many is said once, with the first of them and how many there are. */
export class LayerWarnings {
  readonly #said = new Map<string, { code: string; message: string; first: string; others: number }>();

  add(code: string, layer: string, message: string): void {
    const key = `${code} ${message}`;
    const said = this.#said.get(key);
    if (said) said.others++;
    else this.#said.set(key, { code, message, first: layer, others: 0 });
  }

  get all(): Warning[] {
    return [...this.#said.values()].map(({ code, message, first, others }) => ({
      code,
      message: `${first}${others > 0 ? ` and ${others} more` : ''}: ${message}`,
    }));
  }
}
