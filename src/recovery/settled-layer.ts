import { getSpec } from '../graph/graph.js';
import { numberAttr } from '../graph/ops/attributes.js';
import type { Tensor } from '../graph/tensor.js';
import type { Columns } from './ridge.js';
import { fromColumns } from './rows.js';
import type { Values } from './sequence.js';
import type { Offset } from './site.js';
import type { SiteReader } from './site-reader.js';

/** Mean and variance of each output channel, of all groups. */
export interface ChannelStatistics {
  readonly mean: Float64Array;
  readonly variance: Float64Array;
}

/** A layer as it is to be. */
export interface SettledLayer {
  /** `[groups, inputs, outputs]`. */
  readonly columns: Columns;
  /** Of what these weights make, without any offset. */
  readonly made: ChannelStatistics;
  /** The means that outputs are to have. */
  readonly mean: Float64Array;
  /** By how much each output is made wider. */
  readonly scale: Float64Array;
}

/** How much wider outputs may be made, and narrower. */
const [LEAST_SCALE, MOST_SCALE] = [0.2, 5];

/** By how much outputs are to be wider so that their variances are those that are wanted (RECOVERY.md 8.1). */
export function rescaling(made: Float64Array, wanted: Float64Array): Float64Array {
  return made.map((variance, c) => {
    if (!(variance > 0)) return 1;
    return Math.min(MOST_SCALE, Math.max(LEAST_SCALE, Math.sqrt(wanted[c] / variance)));
  });
}

/** The constants of the pruned network that make a layer so. */
export function layerConstants(reader: SiteReader, layer: SettledLayer): Values {
  const { offset } = reader.site;
  if (offset?.kind === 'norm') return normConstants(reader, offset, layer);
  const { columns, made, mean, scale } = layer;
  const { inputs, outputs } = reader.extents;
  const scaled = columns.map((value, i) => value * scale[Math.floor(i / (inputs * outputs)) * outputs + (i % outputs)]);
  const constants = new Map([weightsOf(reader, scaled)]);
  if (offset) {
    const { shape } = getSpec(reader.networks.pruned, offset.id);
    const data = Float32Array.from(mean, (z, c) => z - scale[c] * made.mean[c]);
    constants.set(offset.id, { dtype: 'float32', shape, data } as Tensor);
  }
  return constants;
}

/** A batch norm behind it has the statistics, so that evaluation is exact and a training step does the same (RECOVERY.md 1). */
function normConstants(
  reader: SiteReader,
  { norm, bias }: Extract<Offset, { kind: 'norm' }>,
  layer: SettledLayer,
): Values {
  const { columns, made, mean, scale } = layer;
  const own =
    bias === undefined ? undefined : (reader.networks.pruned.constants.get(bias)!.tensor.data as Float32Array);
  const epsilon = numberAttr(norm, 'epsilon', 1e-5);
  const vector = (values: Float64Array): Tensor => {
    return { dtype: 'float32', shape: [values.length], data: Float32Array.from(values) };
  };
  const [, gamma, beta, running, variance] = norm.inputs;
  return new Map([
    weightsOf(reader, columns),
    [gamma, vector(made.variance.map((v, c) => scale[c] * Math.sqrt(v + epsilon)))],
    [beta, vector(mean)],
    [running, vector(made.mean.map((m, c) => m + (own?.[c] ?? 0)))],
    [variance, vector(made.variance)],
  ]);
}

function weightsOf({ site, node, networks }: SiteReader, columns: Columns): [string, Tensor] {
  const { shape } = getSpec(networks.pruned, site.weights);
  return [site.weights, fromColumns(site, node, columns, shape.map(Number))];
}
