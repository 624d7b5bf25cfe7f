import type { Json, JsonObject } from './json.js';
import { reachableCalls } from './reachable.js';
import type { Container, Layer, TensorRef } from './topology.js';

/**
 * Takes the outputs that are not kept out of a model's JSON, and with them the layers that only they needed. Calls of a
 * shared layer that go renumber the ones that stay; nested models lose the outputs that nobody reads any more.
 * @param kept indices into the container's outputs, in the order in which they are to stand
 * @returns every layer that stays, nested ones too
 */
export function selectOutputs(container: Container, kept: readonly number[]): Set<Layer> {
  const plan = planSelection(container, kept);
  if (container.kind === 'functional') applySelection(container, plan, kept);
  return plan.layers;
}

interface Selection {
  readonly layers: Set<Layer>;
  /** For each kept layer of this container: the calls that stay, by their old index. */
  readonly calls: Map<Layer, number[]>;
  /** For each nested model of this container: the outputs that stay, by their old index. */
  readonly nestedOutputs: Map<Layer, number[]>;
}

function planSelection(container: Container, kept: readonly number[]): Selection {
  const outputs = kept.map((i) => container.outputs[i]);
  const calls = new Map<Layer, number[]>();
  const read = new Map<Layer, Set<number>>();
  const note = ({ layer, tensor }: TensorRef): unknown => read.set(layer, (read.get(layer) ?? new Set()).add(tensor));
  outputs.forEach(note);
  for (const call of reachableCalls(container, outputs)) {
    calls.set(call.layer, [...(calls.get(call.layer) ?? []), call.index]);
    call.inputs.forEach(note);
  }
  const layers = new Set(calls.keys());
  const nestedOutputs = new Map<Layer, number[]>();
  for (const layer of [...layers]) {
    if (!layer.container) continue;
    const wanted = [...(read.get(layer) ?? [])].sort((a, b) => a - b);
    nestedOutputs.set(layer, wanted);
    // What is fed to a nested model stays, so that its calls need no change.
    for (const { layer: input } of layer.container.inputs) layers.add(input);
    for (const inner of selectOutputs(layer.container, wanted)) layers.add(inner);
  }
  return { layers, calls, nestedOutputs };
}

function applySelection(container: Container, plan: Selection, kept: readonly number[]): void {
  const { json } = container;
  const renumber = (ref: TensorRef): void => {
    ref.json[1] = ref.layer.firstNode + plan.calls.get(ref.layer)!.indexOf(ref.node - ref.layer.firstNode);
    ref.json[2] = plan.nestedOutputs.get(ref.layer)?.indexOf(ref.tensor) ?? ref.tensor;
  };
  const outputs = kept.map((i) => container.outputs[i]);
  outputs.forEach(renumber);
  for (const call of container.calls) {
    if (plan.calls.get(call.layer)?.includes(call.index)) call.inputs.forEach(renumber);
  }
  for (const [layer, calls] of plan.calls) {
    const nodes = layer.json.inbound_nodes;
    if (layer.className !== 'InputLayer') layer.json.inbound_nodes = calls.map((i) => (nodes as Json[])[i]);
  }
  json.layers = container.layers.filter((layer) => plan.layers.has(layer)).map((layer) => layer.json);
  setEnds(json, 'output_layers', outputs);
  setEnds(
    json,
    'input_layers',
    container.inputs.filter((ref) => plan.layers.has(ref.layer)),
  );
}

/** A single end without an outer list stays so. */
function setEnds(json: JsonObject, key: string, refs: readonly TensorRef[]): void {
  const isFlat = typeof (json[key] as Json[])[0] === 'string';
  json[key] = isFlat && refs.length === 1 ? refs[0].json : refs.map((ref) => ref.json);
}
