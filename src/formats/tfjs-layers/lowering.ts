import type { Warning } from '../../contract.js';
import { EspalierError } from '../../errors.js';
import type { GraphBuilder } from '../../graph/builder.js';
import type { Attrs, ConstantRole, Dim } from '../../graph/graph.js';
import { OpError } from '../../graph/op-spec.js';
import { elementCount, type Tensor, tensor } from '../../graph/tensor.js';
import { Fields, MAX_EXTENT } from './fields.js';
import { isObject, type JsonObject, own } from './json.js';
import { axisIn, declaredShape, type KerasTensor, type Layout, toChannelsFirst, toDeclared } from './keras-tensor.js';
import type { Layer } from './topology.js';
import { AS_IS, type WeightLayout } from './weight-layout.js';
import type { WeightStore } from './weight-store.js';
import type { WeightEntry } from './weights-manifest.js';

/** A weight of the file that the graph uses. */
export interface UsedWeight {
  readonly entry: WeightEntry;
  readonly constant: string;
  readonly layout: WeightLayout;
  readonly layer: Layer;
  /** Its name in the layer: `kernel`, `gamma`. */
  readonly role: string;
  /** What the file holds, to tell a weight that did not change. */
  readonly tensor: Tensor;
}

/** What the whole model's lowering gathers. */
export interface LoweringState {
  readonly builder: GraphBuilder;
  readonly store: WeightStore;
  readonly warnings: Warning[];
  readonly weights: Map<string, UsedWeight>;
  readonly literals: Map<string, string>;
  /** By layer's path. Absent: layers without a bias have none. */
  readonly spares: Map<string, string> | undefined;
  /** Whether the nested model that is being lowered is `trainable: false`. */
  readonly frozen: boolean;
}

/** What a layer's lowering may do: read its config and weights, look at its inputs in either layout, add nodes. */
export class LayerLowering {
  readonly layer: Layer;
  readonly fields: Fields;
  readonly #state: LoweringState;

  constructor(layer: Layer, state: LoweringState) {
    this.layer = layer;
    this.fields = new Fields(layer.path, layer.config);
    this.#state = state;
  }

  /** The same layer with the config of a part of it, such as an activation that is a layer. */
  withConfig(part: JsonObject): LayerLowering {
    const config = own(part, 'config');
    return new LayerLowering({ ...this.layer, config: isObject(config) ? config : {} }, this.#state);
  }

  declared(t: KerasTensor): string {
    t.declared ??= this.#node('Transpose', [t.channelsFirst!], { perm: toDeclared(t.shape.length) });
    return t.declared;
  }

  /** The value with the declared last axis at place 1. */
  channelsFirst(t: KerasTensor): string {
    if (t.shape.length < 3) return this.declared(t);
    t.channelsFirst ??= this.#node('Transpose', [t.declared!], { perm: toChannelsFirst(t.shape.length) });
    return t.channelsFirst;
  }

  in(t: KerasTensor, layout: Layout): string {
    return layout === 'declared' ? this.declared(t) : this.channelsFirst(t);
  }

  /** The layout in which the inputs can be read with the fewest transposes. */
  preferredLayout(inputs: readonly KerasTensor[]): Layout {
    return inputs.some((t) => t.shape.length >= 3 && t.channelsFirst !== undefined) ? 'channelsFirst' : 'declared';
  }

  /** Where a declared axis (negative counts from the end) stands in a layout. */
  axis(t: KerasTensor, axis: number, layout: Layout): number {
    const rank = t.shape.length;
    const positive = axis < 0 ? axis + rank : axis;
    if (positive <= 0 || positive >= rank) throw this.fields.error(`axis ${axis} of an input of rank ${rank}`);
    return axisIn(layout, positive, rank);
  }

  /** Adds a node. `layout` says how its output is to be read. */
  emit(op: string, inputs: readonly string[], attrs: Attrs, layout: Layout): KerasTensor {
    const value = this.#node(op, inputs, attrs);
    const shape = declaredShape(this.#state.builder.spec(value).shape, layout);
    this.checkSize(shape);
    return layout === 'declared' || shape.length < 3 ? { shape, declared: value } : { shape, channelsFirst: value };
  }

  /** A node of one input that treats all elements alike. */
  elementwise(op: string, t: KerasTensor, attrs: Attrs = {}): KerasTensor {
    const layout = this.preferredLayout([t]);
    return this.emit(op, [this.in(t, layout)], attrs, layout);
  }

  /**
   * The constant of one of the layer's weights; the same one on every call of the layer.
   * @param fileShape the shape that the layer's config asks for, as the file orders axes
   * @throws EspalierError LAYER_INVALID when it is absent, of another shape, or holds NaN or an infinite value
   */
  weight(name: string, fileShape: readonly Dim[], layout: WeightLayout, role: ConstantRole): string {
    const known = this.#state.weights.get(`${this.layer.path}/${name}`);
    const entry = known?.entry ?? this.#find(name);
    if (!entry) throw this.fields.error(`the weights manifest has no ${this.layer.name}/${name}`);
    if (String(entry.shape) !== String(fileShape)) {
      throw this.fields.error(`${entry.name} has shape [${entry.shape}]; the layer's config asks for [${fileShape}]`);
    }
    if (known) return known.constant;
    if (!entry.encoding) throw this.fields.error(`${entry.name} is no float32 weight`);
    const inFile = tensor('float32', entry.shape, entry.encoding.decode(entry.bytes));
    const odd = inFile.data.findIndex((value) => !Number.isFinite(value));
    if (odd >= 0)
      throw this.fields.error(`${entry.name} holds ${inFile.data[odd]} at place ${odd}; weights are finite`);
    const inGraph = layout.toGraph(inFile);
    const frozen = this.#state.frozen || this.layer.config.trainable === false;
    const constant = this.#state.builder.constant(entry.name, inGraph, role, entry.name, frozen);
    const used: UsedWeight = { entry, constant, layout, layer: this.layer, role: name, tensor: inGraph };
    this.#state.weights.set(`${this.layer.path}/${name}`, used);
    return constant;
  }

  /** The layer's bias `[outputs]`; of a layer that has none a spare one, where such are wanted. */
  bias(outputs: number): string[] {
    if (this.fields.bool('use_bias', true)) return [this.weight('bias', [outputs], AS_IS, 'parameter')];
    const { spares, builder } = this.#state;
    if (!spares) return [];
    const { path } = this.layer;
    const zeros = tensor('float32', [outputs], new Float32Array(outputs));
    const id = spares.get(path) ?? builder.constant(`${path}/bias`, zeros, 'spare');
    spares.set(path, id);
    return [id];
  }

  /** The shape that one of the layer's weights has in the file; undefined when it is absent. */
  storedShape(name: string): readonly number[] | undefined {
    return (this.#state.weights.get(`${this.layer.path}/${name}`)?.entry ?? this.#find(name))?.shape;
  }

  /** A constant that the layer implies and the file doesn't hold, such as the scale of a norm that has none. */
  filled(name: string, shape: readonly number[], value: number): string {
    return this.literal(name, shape, new Float32Array(elementCount(shape)).fill(value));
  }

  /** A constant whose data the layer's config gives; the same one on every call of the layer. */
  literal(name: string, shape: readonly number[], data: Float32Array | readonly number[]): string {
    const id = `${this.layer.path}/${name}`;
    const known = this.#state.literals.get(id);
    if (known !== undefined) return known;
    const constant = this.#state.builder.constant(id, tensor('float32', shape, data), 'literal');
    this.#state.literals.set(id, constant);
    return constant;
  }

  warn(code: string, message: string): void {
    const warning = { code, message: `layer ${this.layer.path}: ${message}` };
    if (!this.#state.warnings.some((w) => w.message === warning.message)) this.#state.warnings.push(warning);
  }

  unsupported(message: string): EspalierError {
    return new EspalierError('LAYER_UNSUPPORTED', `layer ${this.layer.path} (${this.layer.className}): ${message}`);
  }

  /** @throws EspalierError SHAPE_OVERFLOW when one sample would have more elements than an array can hold */
  checkSize(shape: readonly Dim[]): void {
    const elements = elementCount(shape.filter((d) => typeof d === 'number'));
    if (elements <= MAX_EXTENT) return;
    throw new EspalierError(
      'SHAPE_OVERFLOW',
      `layer ${this.layer.path}: a tensor of shape [${shape}] has more than ${MAX_EXTENT} elements a sample`,
    );
  }

  /** By name; or by the weight's place in the layer, as some versions of Keras 3 count them. */
  #find(name: string): WeightEntry | undefined {
    const { store, weights } = this.#state;
    const place = [...weights.values()].filter(({ layer }) => layer.path === this.layer.path).length;
    return store.find(this.layer.name, name) ?? store.find(this.layer.name, String(place));
  }

  #node(op: string, inputs: readonly string[], attrs: Attrs): string {
    try {
      return this.#state.builder.op(op, inputs, attrs, { layer: this.layer.path });
    } catch (cause) {
      if (!(cause instanceof OpError)) throw cause;
      throw new EspalierError(cause.code, `layer ${this.layer.path} (${this.layer.className}): ${cause.message}`, {
        cause,
      });
    }
  }
}
