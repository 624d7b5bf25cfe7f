import type { Warning } from '../../contract.js';
import { EspalierError } from '../../errors.js';
import type { Dim, TensorSpec } from '../../graph/graph.js';
import type { GraphProto, TensorShapeProto_Dimension, ValueInfoProto } from '../../onnx-proto/index.js';
import { BATCH } from './batch.js';
import { computedDType, elementTypeName } from './element-types.js';
import { checkExtents } from './lowering.js';

/** Extent that stands for a spatial one that the file leaves open. */
const ASSUMED_EXTENT = 224;

/** What a file's names of extents stand for. */
export interface OpenExtents {
  /** Numbers by the names that the file has for them. */
  readonly named: ReadonlyMap<string, number>;
  /** The same by `input axis`, for those that have no name. */
  readonly unnamed: ReadonlyMap<string, number>;
  /** The axes that are open, by input. */
  readonly axes: ReadonlyMap<string, readonly number[]>;
  readonly warnings: readonly Warning[];
}

/** The inputs that are fed, and no initializers. */
export function fedInputs({ input, initializer }: GraphProto): ValueInfoProto[] {
  const initialized = new Set(initializer.map((t) => t.name));
  return input.filter(({ name }) => !initialized.has(name));
}

export function tensorType(info: ValueInfoProto) {
  return info.type?.value.case === 'tensorType' ? info.type.value.value : undefined;
}

/** What all fed inputs have as their first extent: a number, or that it is open; undefined when there is no such thing. */
export function commonBatch(graph: GraphProto): Dim | undefined {
  const shapes = fedInputs(graph).map((info) => tensorType(info)?.shape?.dim);
  if (shapes.length === 0 || shapes.some((dims) => !dims || dims.length < 2)) return undefined;
  const firsts = shapes.map((dims) => extentOf(dims![0]) ?? BATCH);
  return firsts.every((d) => d === firsts[0]) ? firsts[0] : undefined;
}

/** A number above 0 that the file gives; undefined where it leaves the extent open. */
function extentOf({ value }: TensorShapeProto_Dimension): number | undefined {
  return value.case === 'dimValue' && value.value > 0n ? Number(value.value) : undefined;
}

/**
 * Settles the spatial extents that inputs leave open: those of a sample of the data where it fits, channels first or last,
 * else {@link ASSUMED_EXTENT}. The file keeps them open.
 */
export function settleOpenExtents(graph: GraphProto, sample: readonly number[] = []): OpenExtents {
  const named = new Map<string, number>();
  const unnamed = new Map<string, number>();
  const axes = new Map<string, number[]>();
  const warnings: Warning[] = [];
  for (const info of fedInputs(graph)) {
    const dims = tensorType(info)?.shape?.dim.slice(1) ?? [];
    const spatial = dims.slice(1);
    if (dims.length < 2 || spatial.every((dim) => extentOf(dim) !== undefined)) continue;
    axes.set(
      info.name,
      spatial.flatMap((dim, i) => (extentOf(dim) === undefined ? [i + 2] : [])),
    );
    const data = [sample, [sample.at(-1) ?? 0, ...sample.slice(0, -1)], [1, ...sample]].find(
      (shape) => shape.length === dims.length && dims.every((dim, i) => [undefined, shape[i]].includes(extentOf(dim))),
    );
    const shape = dims.map((dim, i) => extentOf(dim) ?? data?.[i] ?? (i === 0 ? '?' : ASSUMED_EXTENT));
    spatial.forEach((dim, i) => {
      const extent = shape[i + 1];
      if (extentOf(dim) !== undefined || typeof extent !== 'number') return;
      if (dim.value.case === 'dimParam' && dim.value.value !== '') named.set(dim.value.value, extent);
      else unnamed.set(`${info.name} ${i + 2}`, extent);
    });
    const counted = `input ${info.name} has open extents; MACs are counted at`;
    warnings.push(
      data
        ? { code: 'INPUT_SIZE_FROM_DATA', message: `${counted} those of the data, [${shape}]` }
        : { code: 'INPUT_SIZE_ASSUMED', message: `${counted} [${shape}]. The file keeps them open` },
    );
  }
  return { named, unnamed, axes, warnings };
}

/** The extents of values, with what the file's names for them stand for. */
export class DeclaredShapes {
  readonly #extents: OpenExtents;
  readonly #batchNames: ReadonlySet<string>;
  readonly #open: boolean;

  /** @param open whether the first axis of the inputs is the batch, of any size */
  constructor(graph: GraphProto, extents: OpenExtents, open: boolean) {
    this.#extents = extents;
    this.#open = open;
    const firsts = fedInputs(graph).map((info) => tensorType(info)?.shape?.dim[0]?.value);
    const names = firsts.flatMap((value) => (value?.case === 'dimParam' && value.value !== '' ? [value.value] : []));
    this.#batchNames = new Set(open ? names : []);
  }

  /** @throws EspalierError LAYER_UNSUPPORTED for an input that is no tensor of a type and rank that are known */
  input(info: ValueInfoProto): TensorSpec {
    const type = tensorType(info);
    if (!type) throw new EspalierError('LAYER_UNSUPPORTED', `input ${info.name} is no tensor`);
    const dtype = computedDType(type.elemType);
    if (!dtype) {
      throw new EspalierError('LAYER_UNSUPPORTED', `input ${info.name} is of type ${elementTypeName(type.elemType)}`);
    }
    if (!type.shape) throw new EspalierError('LAYER_UNSUPPORTED', `input ${info.name} has no declared shape`);
    const shape = type.shape.dim.map((dim, axis) =>
      axis === 0 && this.#open ? BATCH : this.#dim(info.name, dim, axis),
    );
    if (shape.some((d) => typeof d === 'number' && !Number.isSafeInteger(d))) {
      throw new EspalierError('SHAPE_OVERFLOW', `input ${info.name} has shape [${shape}]`);
    }
    checkExtents(`input ${info.name}`, shape);
    return { dtype, shape };
  }

  /** What the file says of its values, where it says all of it. */
  values({ valueInfo, output }: GraphProto): Map<string, TensorSpec> {
    const specs = new Map<string, TensorSpec>();
    for (const info of [...valueInfo, ...output]) {
      const type = tensorType(info);
      const dtype = type && computedDType(type.elemType);
      if (!type?.shape || !dtype) continue;
      specs.set(info.name, { dtype, shape: type.shape.dim.map((dim, axis) => this.#dim(info.name, dim, axis)) });
    }
    return specs;
  }

  #dim(name: string, dim: TensorShapeProto_Dimension, axis: number): Dim {
    const { value } = dim;
    const { named, unnamed } = this.#extents;
    if (value.case !== 'dimParam' || value.value === '') {
      return extentOf(dim) ?? unnamed.get(`${name} ${axis}`) ?? symbol(`${name}_${axis}`);
    }
    if (this.#batchNames.has(value.value)) return BATCH;
    return named.get(value.value) ?? symbol(value.value);
  }
}

/** A name that can stand in a product of extents. */
function symbol(name: string): string {
  const safe = name.replace(/[^A-Za-z0-9_]/g, '_');
  return /^\d/.test(safe) || safe === BATCH ? `_${safe}` : safe;
}
