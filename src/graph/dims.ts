import type { Dim, Shape } from './graph.js';

/**
 * A product of dimensions, some of them symbolic: a whole coefficient and sorted symbols. `4*N` is how such a product
 * is written as one dimension (what a reshape of `[N, 4, 8]` to `[-1, 8]` gives).
 */
export interface DimProduct {
  readonly coefficient: number;
  readonly symbols: readonly string[];
}

/** @example dimProduct(['N', 4, 8]) // { coefficient: 32, symbols: ['N'] } */
export function dimProduct(dims: Shape): DimProduct {
  let coefficient = 1;
  const symbols: string[] = [];
  for (const dim of dims) {
    if (typeof dim === 'number') coefficient *= dim;
    else {
      for (const factor of dim.split('*')) {
        if (/^\d+$/.test(factor)) coefficient *= Number(factor);
        else symbols.push(factor);
      }
    }
  }
  return { coefficient, symbols: symbols.sort() };
}

/** The product as one dimension: a number, a symbol, or `k*A*B`. */
export function toDim(product: DimProduct): Dim {
  if (product.symbols.length === 0) return product.coefficient;
  const factors = product.coefficient === 1 ? product.symbols : [product.coefficient, ...product.symbols];
  return factors.join('*');
}

export function sameProduct(a: DimProduct, b: DimProduct): boolean {
  return a.coefficient === b.coefficient && missingSymbols(a, b).length === 0 && missingSymbols(b, a).length === 0;
}

/** `a / b`, or undefined where it is not whole. */
export function divideProducts(a: DimProduct, b: DimProduct): DimProduct | undefined {
  const coefficient = a.coefficient / b.coefficient;
  if (!Number.isInteger(coefficient) || missingSymbols(a, b).length > 0) return undefined;
  return { coefficient, symbols: missingSymbols(b, a) };
}

/** Symbols of `b`, with multiplicity, that `a` lacks. */
export function missingSymbols(a: DimProduct, b: DimProduct): string[] {
  const rest = [...a.symbols];
  return b.symbols.filter((symbol) => {
    const at = rest.indexOf(symbol);
    if (at < 0) return true;
    rest.splice(at, 1);
    return false;
  });
}

/** Elements of a value, as costs count them: symbolic dimensions, an open batch for one, count as 1. */
export function countedElements(shape: Shape): number {
  return dimProduct(shape).coefficient;
}

/** Whether extents are those of a shape. The first use of a symbol fixes what it stands for, in `symbols`. */
export function matchExtents(shape: Shape, extents: Shape<number>, symbols: Map<string, number>): boolean {
  if (shape.length !== extents.length) return false;
  return shape.every((dim, i) => {
    if (typeof dim === 'number') return dim === extents[i];
    const known = symbols.get(dim);
    if (known === undefined) symbols.set(dim, extents[i]);
    return known === undefined || known === extents[i];
  });
}

/** Whether every extent is known. */
export function isBound(shape: Shape): shape is Shape<number> {
  return shape.every((dim) => typeof dim === 'number');
}

/** The extents of a shape. @throws Error where one isn't known */
export function getExtents(shape: Shape): Shape<number> {
  if (!isBound(shape)) throw new Error(`shape ${formatShape(shape)} has an extent that is not known`);
  return shape;
}

/** The extent of one axis; a negative one counts from the end. @throws Error where it isn't known */
export function getExtent(shape: Shape, axis: number): number {
  const dim = shape.at(axis);
  if (typeof dim !== 'number') throw new Error(`axis ${axis} of shape ${formatShape(shape)} has no known extent`);
  return dim;
}

/** `[N, 3, 8, 8]`, for messages. */
export function formatShape(shape: Shape): string {
  return `[${shape.join(', ')}]`;
}
