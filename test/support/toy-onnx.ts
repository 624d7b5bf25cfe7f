import { readFileSync } from 'node:fs';
import { GraphBuilder } from '../../src/graph/builder.js';
import type { Attrs, AttrValue, Graph } from '../../src/graph/graph.js';
import type { Tensor } from '../../src/graph/tensor.js';
import {
  type AttributeProto,
  decodeModel,
  decodeTensor,
  AttributeProto_AttributeType as Type,
} from '../../src/onnx-proto/index.js';

/** Attributes that the IR has none of: it takes them from the weights' shapes. */
const DROPPED: Readonly<Record<string, readonly string[]>> = { Conv: ['kernel_shape'], MaxPool: ['storage_order'] };

/**
 * The goldens' toys as graphs: enough of ONNX for their plain ops, with layers named as the goldens name them (a weight's
 * name without `.weight`). Not a reader of ONNX files: it checks nothing.
 */
export function readToy(path: string): Graph {
  const { graph } = decodeModel(readFileSync(path));
  if (!graph) throw new Error(`${path} has no graph`);
  const b = new GraphBuilder(graph.name);
  const ids = new Map<string, string>();
  const constants = new Map<string, Tensor>(graph.initializer.map((t) => [t.name, decodeTensor(t)]));
  for (const [name, value] of constants) {
    ids.set(name, b.constant(name, value, /running_/.test(name) ? 'statistic' : 'parameter'));
  }
  for (const { name, type } of graph.input) {
    if (constants.has(name) || type?.value.case !== 'tensorType') continue;
    const dims = type.value.value.shape?.dim.map((dim) => Number(dim.value.value)) ?? [];
    ids.set(name, b.input(name, { dtype: 'float32', shape: ['N', ...dims.slice(1)] }));
  }
  for (const node of graph.node) {
    const attrs = Object.fromEntries(node.attribute.map((attribute) => [attribute.name, attribute]));
    if (node.opType === 'Constant') {
      if (attrs.value.t) constants.set(node.output[0], decodeTensor(attrs.value.t));
      continue;
    }
    const clip = node.opType === 'Clip';
    const inputs = (clip ? node.input.slice(0, 1) : node.input).map((name) => ids.get(name) ?? '');
    const bounds = clip ? node.input.slice(1).map((name) => Number(constants.get(name)?.data[0])) : [];
    const values: Attrs = clip ? { min: bounds[0], max: bounds[1] } : plainAttrs(node.opType, Object.values(attrs));
    const weight = node.input.find((name) => name.endsWith('.weight'));
    const where = { name: node.name, layer: weight?.replace(/\.weight$/, '') ?? node.name };
    ids.set(node.output[0], b.op(node.opType, inputs, values, where));
  }
  for (const { name } of graph.output) b.output(name, ids.get(name)!);
  return b.build();
}

function plainAttrs(op: string, attributes: readonly AttributeProto[]): Attrs {
  const kept = attributes.filter(({ name }) => !DROPPED[op]?.includes(name));
  return Object.fromEntries(kept.map((attribute) => [attribute.name, attributeValue(attribute)]));
}

function attributeValue(attribute: AttributeProto): AttrValue {
  switch (attribute.type) {
    case Type.FLOAT:
      return attribute.f;
    case Type.INT:
      return Number(attribute.i);
    case Type.INTS:
      return attribute.ints.map(Number);
    default:
      return new TextDecoder().decode(attribute.s);
  }
}
