import { findOp } from '../../graph/ops/index.js';
import type { NodeProto } from '../../onnx-proto/index.js';

/** Which input holds the weight that a layer is called by: ops that both have are named as in ONNX. */
function namingInput(opType: string): number | undefined {
  const spec = findOp(opType);
  return spec?.filters?.input ?? (spec?.parametric && 1);
}

const WEIGHT = /\.weight$/;

export interface NodeNames {
  /** The node's own name, else that of its first output; unique in the file. */
  readonly node: string;
  /** What its weight is called without `.weight` (so the calls of a shared layer have one name), else the node's name. */
  readonly layer: string;
}

/** Names for each node of the file. Node names that repeat are numbered. */
export function nodeNames(nodes: readonly NodeProto[], isKnown: (value: string) => boolean): NodeNames[] {
  const taken = new Map<string, number>();
  return nodes.map((node) => {
    const own = node.name || node.output.find((name) => name !== '') || node.opType;
    const repeats = taken.get(own) ?? 0;
    taken.set(own, repeats + 1);
    const name = repeats === 0 ? own : `${own}#${repeats + 1}`;
    const at = namingInput(node.opType);
    const weight = at === undefined ? undefined : node.input[at];
    const isLayer = weight !== undefined && WEIGHT.test(weight) && isKnown(weight);
    return { node: name, layer: isLayer ? weight.replace(WEIGHT, '') : name };
  });
}
