import type { Json } from '../json.js';
import { type LayerKind, unary } from '../layer-kind.js';
import type { LayerLowering } from '../lowering.js';
import { featureMap } from './spatial.js';

/** A layer that pads (`sign` 1) or crops (-1) the ends of its spatial axes. */
function ends(key: string, axes: number, sign: 1 | -1): LayerKind {
  return unary((input, layer) => {
    const pairs = readEnds(layer, key, axes);
    const { value, layout, extents } = featureMap(input, layer, axes);
    if (sign < 0 && pairs.some(([begin, end], i) => begin + end >= extents[i])) {
      throw layer.fields.error(`${key} leaves nothing of extents [${extents}]`);
    }
    // A zero has no sign: -0 would be written into the graph.
    const side = (i: 0 | 1): number[] => [0, 0, ...pairs.map((pair) => (pair[i] === 0 ? 0 : sign * pair[i]))];
    return layer.emit('Pad', [value], { pads: [...side(0), ...side(1)] }, layout);
  });
}

type Pair = readonly [number, number];

/** One number; one for each axis; or `[begin, end]` for each. A single axis may have its pair without the outer list. */
function readEnds(layer: LayerLowering, key: string, axes: number): readonly Pair[] {
  const value = layer.fields.get(key);
  const pairs: Json | undefined = axes === 1 && isPair(value) ? [value as Json] : value;
  if (!Array.isArray(pairs) || !pairs.some(Array.isArray)) {
    return layer.fields.tuple(key, axes, { min: 0, fallback: 1 }).map((p) => [p, p] as const);
  }
  if (pairs.length === axes && pairs.every(isPair)) return pairs as unknown as Pair[];
  throw layer.fields.fault(key, `a whole number, ${axes}, or [begin, end] for each of ${axes} axes`);
}

function isPair(value: Json | undefined): boolean {
  return Array.isArray(value) && value.length === 2 && value.every((v) => Number.isInteger(v) && (v as number) >= 0);
}

export const PADDING_LAYERS: readonly (readonly [string, LayerKind])[] = [1, 2, 3].flatMap((axes) => [
  [`ZeroPadding${axes}D`, ends('padding', axes, 1)] as const,
  [`Cropping${axes}D`, ends('cropping', axes, -1)] as const,
]);
