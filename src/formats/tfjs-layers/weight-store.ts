import { EspalierError } from '../../errors.js';
import { KERAS1_WEIGHTS } from './dialects/keras1.js';
import type { WeightEntry, WeightGroup } from './weights-manifest.js';

/** Finds a layer's weights by name, as TensorFlow.js's loader does. */
export class WeightStore {
  readonly #exact = new Map<string, WeightEntry>();
  readonly #aliases = new Map<string, WeightEntry[]>();

  constructor(groups: readonly WeightGroup[]) {
    for (const entry of groups.flatMap((g) => g.entries)) {
      if (entry.isOptimizerState) continue;
      this.#exact.set(entry.name, entry);
      for (const alias of aliasesOf(entry.name)) {
        this.#aliases.set(alias, [...(this.#aliases.get(alias) ?? []), entry]);
      }
    }
  }

  /**
   * The entry of `layer/weight`: of that name, or of one that holds it with more around it, or of Keras 1's `layer_W`.
   * @throws EspalierError MODEL_INVALID when several entries could be meant
   */
  find(layer: string, weight: string): WeightEntry | undefined {
    const legacy = `${layer}_${Object.hasOwn(KERAS1_WEIGHTS, weight) ? KERAS1_WEIGHTS[weight] : weight}`;
    for (const name of [`${layer}/${weight}`, `${layer}/${legacy}`, legacy]) {
      const exact = this.#exact.get(name);
      if (exact) return exact;
      const found = [...new Set(this.#aliases.get(name))];
      if (found.length > 1) {
        const names = found.map((e) => e.name).join(', ');
        throw new EspalierError('MODEL_INVALID', `layer ${layer}: its ${weight} could be any of ${names}`);
      }
      if (found.length === 1) return found[0];
    }
    return undefined;
  }
}

/** `a/b/kernel` stands for `a/kernel` (TensorFlow 2.2 and later, as in stock TF.js) and for `b/kernel` (scopes of models). */
function aliasesOf(name: string): string[] {
  const bare = name.replace(/:\d+$/, '');
  const parts = bare.split('/');
  const withoutCell = [...parts.slice(0, -2), parts[parts.length - 1]].join('/');
  const tails = parts.map((_, i) => parts.slice(i).join('/')).slice(1, -1);
  return [...new Set([bare, ...(parts.length > 2 ? [withoutCell] : []), ...tails])];
}
