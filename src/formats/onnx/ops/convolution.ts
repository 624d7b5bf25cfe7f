import { isBound } from '../../../graph/dims.js';
import type { Attrs, Shape } from '../../../graph/graph.js';
import type { NodeLowering } from '../lowering.js';
import type { NodePatch } from '../write/node-patch.js';
import type { OnnxOp, OnnxOpTable } from './onnx-op.js';

const WINDOW_LISTS = ['strides', 'dilations', 'pads', 'output_padding'] as const;

/** The attributes that windows have, with the names and meanings that the IR took from ONNX. */
export function windowAttrs(n: NodeLowering): Record<string, Attrs[string]> {
  const attrs: Record<string, Attrs[string]> = {};
  const autoPad = n.attrs.string('auto_pad') || 'NOTSET';
  if (autoPad !== 'NOTSET') attrs.auto_pad = autoPad;
  for (const name of WINDOW_LISTS) {
    const value = n.attrs.ints(name);
    // Old exporters write pads beside an auto_pad that overrules them.
    if (value && !(name === 'pads' && autoPad !== 'NOTSET')) attrs[name] = value;
  }
  return attrs;
}

/** @param filters how many there are, by the shape of the weights and the groups */
function convInputs(n: NodeLowering, filters: (weights: readonly number[], group: number) => number): string[] {
  const [x, w] = [n.value(0), n.weight(1, [1])];
  const bias = n.has(2)
    ? [n.weight(2, [1, 2])]
    : n.spareBias(filters(n.shape(1).map(Number), n.attrs.int('group') ?? 1));
  return [x, w, ...bias];
}

function checkKernel(n: NodeLowering): void {
  const declared = n.attrs.ints('kernel_shape');
  const kernel = n.shape(1).slice(2);
  if (declared && String(declared) !== String(kernel)) {
    throw n.invalid(`kernel_shape is [${declared}], the weight's is [${kernel}]`);
  }
}

const group = (n: NodeLowering): Attrs => ({ group: n.attrs.int('group') ?? 1 });

/** ConvTranspose may say `output_shape` in the place of its pads: what is too much is padding, the rest is added. */
function explicitOutput(n: NodeLowering): Attrs {
  const attrs = windowAttrs(n);
  const given = n.attrs.ints('output_shape');
  if (!given) return attrs;
  const { auto_pad: autoPad, ...others } = attrs;
  const [spatial, kernel]: Shape[] = [0, 1].map((i) => n.shape(i).slice(2));
  if (!isBound(spatial) || !isBound(kernel))
    throw n.unsupported('output_shape of an input whose extents are not known');
  const target = given.slice(-kernel.length);
  const ones = kernel.map(() => 1);
  const [strides, dilations] = [attrs.strides ?? ones, attrs.dilations ?? ones] as number[][];
  const extra = (attrs.output_padding ?? kernel.map(() => 0)) as number[];
  const excess = kernel.map(
    (k, i) => strides[i] * (spatial[i] - 1) + extra[i] + (k - 1) * dilations[i] + 1 - target[i],
  );
  const less = excess.map((e) => Math.floor(Math.max(e, 0) / 2));
  const more = excess.map((e, i) => Math.max(e, 0) - less[i]);
  const pads = autoPad === 'SAME_UPPER' ? [...less, ...more] : [...more, ...less];
  return { ...others, pads, output_padding: excess.map((e, i) => extra[i] + Math.max(-e, 0)) };
}

function patchGroup(p: NodePatch): void {
  const [before, after] = [p.before().attrs.group, p.after().attrs.group];
  if (before !== after) p.setInt('group', Number(after));
}

const conv: OnnxOp = {
  lower(n) {
    checkKernel(n);
    n.result(
      n.emit(
        'Conv',
        convInputs(n, ([filters]) => filters),
        { ...windowAttrs(n), ...group(n) },
      ),
    );
  },
  patch: patchGroup,
};

const convTranspose: OnnxOp = {
  lower(n) {
    checkKernel(n);
    n.result(
      n.emit(
        'ConvTranspose',
        convInputs(n, ([, filters], group) => filters * group),
        { ...explicitOutput(n), ...group(n) },
      ),
    );
  },
  patch: patchGroup,
};

export const CONVOLUTIONS: OnnxOpTable = { Conv: conv, ConvTranspose: convTranspose };
