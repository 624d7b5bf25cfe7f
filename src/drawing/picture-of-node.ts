import { getExtent } from '../graph/dims.js';
import { type Attrs, type AttrValue, type Graph, getSpec, type Node } from '../graph/graph.js';
import type { DynamicOp } from '../pruning/dynamic-ops/dynamic-op.js';
import type { MutableChannel } from '../pruning/mutables/index.js';
import type { ModulePicture } from './module-picture.js';

type Describe = (graph: Graph, node: Node) => { readonly type: string; readonly lines: readonly string[] };

/** Ops by the names and arguments under which PyTorch users know them; others are drawn by their own. */
const MODULES: Readonly<Record<string, Describe>> = {
  Conv: (graph, node) => {
    const { shape } = getSpec(graph, node.inputs[1]);
    const spatial = shape.length - 2;
    const list = (name: string, otherwise: number) =>
      (node.attrs[name] as readonly number[] | undefined) ?? new Array<number>(spatial).fill(otherwise);
    const group = Number(node.attrs.group ?? 1);
    const dilations = list('dilations', 1);
    const padding = paddingOf(node.attrs, spatial);
    const args = [
      String(getExtent(shape, 1) * group),
      String(shape[0]),
      `kernel_size=${tuple(shape.slice(2))}`,
      `stride=${tuple(list('strides', 1))}`,
      ...(padding ? [`padding=${padding}`] : []),
      ...(dilations.some((d) => d !== 1) ? [`dilation=${tuple(dilations)}`] : []),
      ...(group === 1 ? [] : [`groups=${group}`]),
      ...(node.inputs[2] ? [] : ['bias=False']),
    ];
    return { type: `Conv${spatial}d`, lines: [args.join(', ')] };
  },
  Gemm: linear,
  MatMul: linear,
  BatchNormalization: (graph, node) => {
    const { shape } = getSpec(graph, node.inputs[0]);
    const epsilon = pythonNumber(Number(node.attrs.epsilon ?? 1e-5));
    const momentum = pythonNumber(Number((1 - Number(node.attrs.momentum ?? 0.9)).toPrecision(6)));
    const args = `${shape[1]}, eps=${epsilon}, momentum=${momentum}, affine=True, track_running_stats=True`;
    return { type: `BatchNorm${Math.max(1, shape.length - 2)}d`, lines: [args] };
  },
  Relu: () => ({ type: 'ReLU', lines: [] }),
  GlobalAveragePool: (graph, node) => ({
    type: `AdaptiveAvgPool${spatialRank(graph, node)}d`,
    lines: ['output_size=1'],
  }),
  GlobalMaxPool: (graph, node) => ({ type: `AdaptiveMaxPool${spatialRank(graph, node)}d`, lines: ['output_size=1'] }),
};

/** What each side of a dynamic op is called; one entry where both sides are the same channels. */
const SIDES: Readonly<Record<string, readonly [input: string, output: string] | readonly [both: string]>> = {
  Gemm: ['in_features', 'out_features'],
  MatMul: ['in_features', 'out_features'],
  BatchNormalization: ['num_features'],
};

/** A layer without weights. */
export function pictureOfNode(graph: Graph, node: Node): ModulePicture {
  return (MODULES[node.op] ?? byItself)(graph, node);
}

/** A layer with weights, and the masks of its channels. */
export function pictureOfDynamicOp(graph: Graph, op: DynamicOp): ModulePicture {
  const { type, lines } = pictureOfNode(graph, op.node);
  const [input, output] = SIDES[op.node.op] ?? ['in_channels', 'out_channels'];
  const children: [string, ModulePicture][] = [[input, pictureOfMutable(op.inChannels)]];
  if (output) children.push([output, pictureOfMutable(op.outChannels)]);
  return { type: `Dynamic${type}`, lines, children: [['mutable_attrs', { type: 'ModuleDict', children }]] };
}

/** @example MutableChannelContainer(num_channels=8, activated_channels=8) */
export function pictureOfMutable(mutable: MutableChannel): ModulePicture {
  const { numChannels, activatedChannels } = mutable;
  return {
    type: mutable.constructor.name,
    lines: [`num_channels=${numChannels}, activated_channels=${activatedChannels}`],
  };
}

function byItself(_graph: Graph, { op, attrs }: Node): ReturnType<Describe> {
  const args = Object.entries(attrs).map(([name, value]) => `${name}=${pythonValue(value)}`);
  return { type: op, lines: args.length > 0 ? [args.join(', ')] : [] };
}

function linear(graph: Graph, node: Node): ReturnType<Describe> {
  const last = (id: string) => getSpec(graph, id).shape.at(-1);
  const bias = node.inputs[2] ? 'True' : 'False';
  const args = `in_features=${last(node.inputs[0])}, out_features=${last(node.outputs[0])}, bias=${bias}`;
  return { type: 'Linear', lines: [args] };
}

function spatialRank(graph: Graph, node: Node): number {
  return getSpec(graph, node.inputs[0]).shape.length - 2;
}

function paddingOf(attrs: Attrs, spatial: number): string | undefined {
  const auto = String(attrs.auto_pad ?? 'NOTSET');
  if (auto.startsWith('SAME')) return 'same';
  const pads = (attrs.pads as readonly number[] | undefined) ?? [];
  if (pads.every((pad) => pad === 0)) return undefined;
  const [begin, end] = [pads.slice(0, spatial), pads.slice(spatial)];
  return begin.join() === end.join() ? tuple(begin) : tuple(pads);
}

function pythonValue(value: AttrValue): string {
  if (typeof value === 'number') return pythonNumber(value);
  return Array.isArray(value) ? tuple(value) : String(value);
}

/** @example pythonNumber(0.00001) // '1e-05' */
function pythonNumber(value: number): string {
  return value !== 0 && Math.abs(value) < 1e-4 ? value.toExponential().replace(/e-(\d)$/, 'e-0$1') : String(value);
}

/** @example tuple([3]) // '(3,)' */
function tuple(values: readonly unknown[]): string {
  return values.length === 1 ? `(${values[0]},)` : `(${values.join(', ')})`;
}
