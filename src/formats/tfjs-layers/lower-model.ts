import type { Warning } from '../../contract.js';
import { EspalierError } from '../../errors.js';
import { GraphBuilder } from '../../graph/builder.js';
import type { Dim, Graph } from '../../graph/graph.js';
import type { ReadOptions } from '../format.js';
import { declaredInput, resolveInput } from './input-shape.js';
import type { KerasTensor } from './keras-tensor.js';
import { getLayerKind } from './layers/index.js';
import { LayerLowering, type LoweringState, type UsedWeight } from './lowering.js';
import { reachableCalls } from './reachable.js';
import { type Call, type Container, inputLayers, type Layer, type TensorRef } from './topology.js';
import { WeightStore } from './weight-store.js';
import type { WeightGroup } from './weights-manifest.js';

export interface LoweredModel {
  readonly graph: Graph;
  readonly warnings: readonly Warning[];
  readonly weights: readonly UsedWeight[];
  /** By layer's path, the biases that the graph has and the file may be given. */
  readonly spares: ReadonlyMap<string, string>;
  /** The constants of weights and literals, by the layer's path and their name in the layer. */
  readonly constants: ReadonlyMap<string, string>;
  /** What each call gave, by {@link callId}; for inputs of nested models, what was fed to them. */
  readonly tensors: ReadonlyMap<string, readonly KerasTensor[]>;
}

interface ModelLowering extends LoweringState {
  readonly tensors: Map<string, readonly KerasTensor[]>;
}

/** Names the `index`th call of a layer; the first of those that calls of a nested model repeat. */
export function callId({ path }: Layer, index: number): string {
  return `${path}#${index}`;
}

/**
 * Lowers a Keras model into the IR. Graph inputs are the input layers by name, outputs the layers that make them.
 * @param options.sampleShape what extents are taken from that the inputs leave open, where it fits
 * @throws EspalierError naming the layer
 */
export function lowerModel(
  model: Container,
  groups: readonly WeightGroup[],
  name: string,
  { sampleShape, spareBiases = false }: ReadOptions = {},
): LoweredModel {
  const builder = new GraphBuilder(name);
  const state: ModelLowering = {
    builder,
    store: new WeightStore(groups),
    warnings: [],
    weights: new Map(),
    literals: new Map(),
    spares: spareBiases ? new Map() : undefined,
    frozen: false,
    tensors: new Map(),
  };
  const inputs = inputLayers(model).map((layer) => graphInput(layer, state, sampleShape));
  const outputs = lowerContainer(model, inputs, state);
  const names = outputNames(model.outputs);
  outputs.forEach((t, i) => {
    builder.output(names[i], new LayerLowering(model.outputs[i].layer, state).declared(t));
  });
  const { warnings, weights, literals, tensors, spares } = state;
  const constants = new Map([...literals, ...[...weights].map(([id, { constant }]) => [id, constant] as const)]);
  return {
    graph: builder.build(),
    warnings,
    weights: [...weights.values()],
    spares: spares ?? new Map(),
    constants,
    tensors,
  };
}

/** The layer's name, or `layer:i` where several outputs come from one layer. */
export function outputNames(outputs: readonly TensorRef[]): string[] {
  const seen = new Map<Layer, number>();
  return outputs.map(({ layer }) => {
    const i = seen.get(layer) ?? 0;
    seen.set(layer, i + 1);
    return outputs.filter((o) => o.layer === layer).length === 1 ? layer.name : `${layer.name}:${i}`;
  });
}

function graphInput(layer: Layer, state: ModelLowering, sample?: readonly number[]): KerasTensor {
  const shape: Dim[] = ['N', ...resolveInput(layer, declaredInput(layer), state.warnings, sample)];
  return { shape, declared: state.builder.input(layer.path, { dtype: 'float32', shape }) };
}

/** Lowers calls in the file's order, each as soon as what it reads is there. */
function lowerContainer(model: Container, inputs: readonly KerasTensor[], state: ModelLowering): KerasTensor[] {
  const done = new Map<Call, readonly KerasTensor[]>();
  const calls = reachableCalls(model, model.outputs);
  const callOf = indexCalls(model);
  model.inputs.forEach((ref, i) => {
    done.set(callOf(ref), [inputs[i]]);
    keep(state, ref.layer, 0, [inputs[i]]);
  });
  let pending = calls.filter((call) => !done.has(call));
  while (pending.length > 0) {
    const waiting: Call[] = [];
    for (const call of pending) {
      const ready = call.inputs.every((ref) => done.has(callOf(ref)));
      if (!ready) {
        waiting.push(call);
        continue;
      }
      if (waiting.some(({ layer }) => layer === call.layer)) warnOfOrder(call.layer, state);
      done.set(
        call,
        lowerCall(
          call,
          call.inputs.map((ref) => done.get(callOf(ref))![ref.tensor]),
          state,
        ),
      );
    }
    if (waiting.length === pending.length) throw inCycle(waiting);
    pending = waiting;
  }
  return model.outputs.map((ref) => done.get(callOf(ref))![ref.tensor]);
}

/** TensorFlow.js makes a shared layer's calls as soon as it can, and numbers them anew in that order. */
function warnOfOrder(layer: Layer, state: ModelLowering): void {
  new LayerLowering(layer, state).warn(
    'CALLS_REORDERED',
    'TensorFlow.js makes its calls in another order than the file, and may compute something else when it loads it',
  );
}

function indexCalls(model: Container): (ref: TensorRef) => Call {
  const byLayer = new Map<Layer, Call[]>();
  for (const call of model.calls) {
    const list = byLayer.get(call.layer);
    if (list) list.push(call);
    else byLayer.set(call.layer, [call]);
  }
  return ({ layer, node }) => byLayer.get(layer)![node - layer.firstNode];
}

function inCycle(waiting: readonly Call[]): EspalierError {
  const names = waiting.slice(0, 5).map((c) => c.layer.path);
  return new EspalierError('MODEL_INVALID', `layers ${names.join(', ')} can not be computed: they read each other`);
}

function lowerCall(call: Call, inputs: readonly KerasTensor[], state: ModelLowering): readonly KerasTensor[] {
  const { layer } = call;
  if (layer.container) {
    bindInputs(layer, layer.container, inputs, state.warnings);
    const inner = layer.config.trainable === false ? { ...state, frozen: true } : state;
    return keep(state, layer, call.index, lowerContainer(layer.container, inputs, inner));
  }
  if (layer.className === 'InputLayer') {
    throw new EspalierError('MODEL_INVALID', `the input ${layer.path} is not among the model's input_layers`);
  }
  const kind = getLayerKind(layer);
  const lowering = new LayerLowering(layer, state);
  const [least, most] = kind.inputs;
  if (inputs.length < least || inputs.length > most) {
    throw lowering.fields.error(
      `it has ${inputs.length} inputs; a ${layer.className} takes ${least}${most > least ? ' or more' : ''}`,
    );
  }
  return keep(state, layer, call.index, [kind.lower(inputs, lowering)]);
}

function keep(
  { tensors }: ModelLowering,
  layer: Layer,
  index: number,
  outputs: readonly KerasTensor[],
): readonly KerasTensor[] {
  const id = callId(layer, index);
  if (!tensors.has(id)) tensors.set(id, outputs);
  return outputs;
}

/** What a nested model's own inputs declare is no more than a hint: weights decide whether what is fed fits. */
function bindInputs(
  layer: Layer,
  container: Container,
  inputs: readonly KerasTensor[],
  warnings: LoweringState['warnings'],
): void {
  const own = inputLayers(container);
  if (own.length !== inputs.length) {
    throw new EspalierError(
      'LAYER_INVALID',
      `layer ${layer.path} is fed ${inputs.length} tensors; it has ${own.length} inputs`,
    );
  }
  own.forEach((input, i) => {
    const declared = declaredInput(input);
    const given = inputs[i].shape.slice(1);
    const message = `layer ${input.path} declares shape ${JSON.stringify(declared)} and is fed [${given}]`;
    if (given.length !== declared.length) throw new EspalierError('LAYER_INVALID', message);
    if (declared.some((d, axis) => d !== null && d !== given[axis]) && !warnings.some((w) => w.message === message)) {
      warnings.push({ code: 'SHAPE_DECLARED_OTHERWISE', message });
    }
  });
}
