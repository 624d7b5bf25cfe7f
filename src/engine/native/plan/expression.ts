/**
 * What elementwise nodes compute, as terms in order: values that are read, literals, and operations on earlier terms.
 * Chains of nodes are joined into one expression, which one instruction computes in a single pass.
 */
export type Term =
  | { readonly kind: 'read'; readonly value: string }
  | { readonly kind: 'literal'; readonly number: number }
  | { readonly kind: 'operation'; readonly name: string; readonly operands: readonly number[] };

export class Expression {
  readonly terms: Term[] = [];
  /** The term of each value that is computed here. */
  readonly results = new Map<string, number>();
  readonly #known = new Map<string, number>();

  read(value: string): number {
    return this.results.get(value) ?? this.#once({ kind: 'read', value });
  }

  literal(number: number): number {
    return this.#once({ kind: 'literal', number });
  }

  /** The term that applies an operation of kernels/map.h; one that is there already is used again. */
  op(name: string, ...operands: number[]): number {
    return this.#once({ kind: 'operation', name, operands });
  }

  /** The values that are read, in order of their first use. */
  reads(): string[] {
    return this.terms.flatMap((term) => (term.kind === 'read' ? [term.value] : []));
  }

  #once(term: Term): number {
    const key = JSON.stringify(term, (_, v) => (typeof v === 'number' && !Number.isFinite(v) ? String(v) : v));
    const known = this.#known.get(key);
    if (known !== undefined) return known;
    this.terms.push(term);
    this.#known.set(key, this.terms.length - 1);
    return this.terms.length - 1;
  }
}
