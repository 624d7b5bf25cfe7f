import type { Shape } from '../../../graph/graph.js';
import type { GraphProto, ValueInfoProto } from '../../../onnx-proto/index.js';

/** What the file declares of its values follows the pruned graph; only what said what was true before is changed. */
export function updateValueInfos(
  graph: GraphProto,
  shapeBefore: (name: string) => Shape | undefined,
  shapeAfter: (name: string) => Shape | undefined,
): void {
  const tensors = new Map(graph.initializer.map((t) => [t.name, t.dims.map(Number)]));
  for (const info of [...graph.input, ...graph.output, ...graph.valueInfo]) {
    const own = tensors.get(info.name);
    if (own) setExtents(info, own);
    else followShape(info, shapeBefore(info.name), shapeAfter(info.name));
  }
}

function followShape(info: ValueInfoProto, before: Shape | undefined, after: Shape | undefined): void {
  const dims = dimsOf(info);
  if (!dims || !before || !after || dims.length !== before.length) return;
  dims.forEach((dim, axis) => {
    const extent = after[axis];
    if (before[axis] !== extent && typeof extent === 'number') dim.value = { case: 'dimValue', value: BigInt(extent) };
  });
}

function setExtents(info: ValueInfoProto, shape: readonly number[]): void {
  const dims = dimsOf(info);
  if (dims?.length !== shape.length) return;
  shape.forEach((extent, axis) => {
    dims[axis].value = { case: 'dimValue', value: BigInt(extent) };
  });
}

function dimsOf(info: ValueInfoProto) {
  return info.type?.value.case === 'tensorType' ? info.type.value.value.shape?.dim : undefined;
}
