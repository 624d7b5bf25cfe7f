import { EspalierError } from '../errors.js';
import { type Graph, getSpec, type Node } from '../graph/graph.js';
import { decompose } from '../graph/passes/decompose.js';
import { ancestors } from './ancestors.js';
import { normsInFilters } from './norms-in-filters.js';
import { notTrainable } from './not-trainable.js';
import { GRADIENT_RULES } from './rules/index.js';
import type { StepBuilder } from './step-builder.js';
import { TRAINING_FORMS } from './training-forms/index.js';
import type { TrainedNode, TrainingContext } from './training-forms/training-form.js';
import type { TrainingStep } from './training-step.js';

/** A node that ran, as the backward pass needs it. Values are those of the step graph. */
export interface TapeEntry extends TrainedNode {
  /** The model's node, for names. */
  readonly node: Node;
  readonly inputs: readonly string[];
}

export interface Forward {
  /** The step graph's values for the model's that were asked for. */
  readonly values: readonly string[];
  /** The nodes through which gradients flow, in order. */
  readonly tape: readonly TapeEntry[];
  /** Values that depend on a parameter, or on an input whose gradient is asked for. */
  readonly tracked: ReadonlySet<string>;
  /** Parameter inputs by constant id. */
  readonly parameters: ReadonlyMap<string, string>;
  /** By constant id: the input of a running statistic, and its value after this batch. */
  readonly statistics: ReadonlyMap<string, { readonly input: string; readonly updated: string }>;
  readonly dropout: TrainingStep['dropout'];
}

/**
 * Writes the part of a model that `targets` depend on into a step graph, as it runs in training. The builder has the
 * model's inputs already.
 * @param learned inputs of the model whose gradients are asked for too
 * @throws EspalierError NOT_TRAINABLE naming the layer through which no gradient flows
 */
export function runForward(
  b: StepBuilder,
  graph: Graph,
  targets: readonly string[],
  learned: readonly string[] = [],
): Forward {
  const whole = decompose(graph, (op) => GRADIENT_RULES.has(op) || TRAINING_FORMS.has(op));
  const spelled = normsInFilters(whole, targets);
  const pass = new ForwardPass(b, spelled);
  for (const id of learned) pass.tracked.add(id);
  for (const node of ancestors(spelled, targets)) pass.run(node);
  const { tape, tracked, parameters, statistics, dropout } = pass;
  return { values: targets.map((id) => pass.read(id)), tape, tracked, parameters, statistics, dropout };
}

class ForwardPass implements TrainingContext {
  readonly builder: StepBuilder;
  readonly tape: TapeEntry[] = [];
  readonly tracked = new Set<string>();
  readonly parameters = new Map<string, string>();
  readonly statistics = new Map<string, { readonly input: string; readonly updated: string }>();
  readonly dropout: TrainingStep['dropout'][number][] = [];
  readonly #graph: Graph;
  /** The step graph's value of each value of the model. */
  readonly #values: Map<string, string>;

  constructor(b: StepBuilder, graph: Graph) {
    this.builder = b;
    this.#graph = graph;
    this.#values = new Map(graph.inputs.map((id) => [id, id]));
  }

  run(node: Node): void {
    this.builder.enter('forward', node);
    const inputs = node.inputs.map((id) => (id === '' ? '' : this.read(id)));
    const flows = inputs.some((id) => this.tracked.has(id));
    const trained = this.#train(node, inputs, flows);
    trained.outputs.forEach((value, i) => {
      this.#values.set(node.outputs[i], value);
    });
    const [output] = trained.outputs;
    // What is tracked before is the input itself, or what an equal node gave: its gradient has its place on the tape.
    if (!flows || this.tracked.has(output)) return;
    this.tracked.add(output);
    this.tape.push({ node, inputs, output, gradient: trained.gradient });
  }

  #train(node: Node, inputs: readonly string[], flows: boolean) {
    const form = TRAINING_FORMS.get(node.op);
    if (form) {
      const { output, gradient } = form(node, inputs, this);
      return { outputs: [output], gradient };
    }
    const rule = GRADIENT_RULES.get(node.op);
    if (flows && !rule) throw notTrainable(node, 'no gradient flows through this op');
    const copy = this.builder.copy(node, inputs);
    const gradient: TrainedNode['gradient'] = (dy, context) => rule?.(copy, dy, context) ?? [];
    return { outputs: copy.outputs, gradient };
  }

  /** A model value in the step graph. Constants come in when they are first read: parameters as inputs. */
  read(id: string): string {
    const known = this.#values.get(id);
    if (known !== undefined) return known;
    const value = this.#bring(id);
    this.#values.set(id, value);
    return value;
  }

  #bring(id: string): string {
    const constant = this.#graph.constants.get(id);
    if (!constant) throw new Error(`value ${id} of graph ${this.#graph.name} is read before it is made`);
    if (constant.role !== 'parameter' || constant.frozen)
      return this.builder.constant(id, constant.tensor, constant.role, constant.source);
    if (constant.tensor.dtype !== 'float32') {
      throw new EspalierError('NOT_TRAINABLE', `parameter ${id} is ${constant.tensor.dtype}; training is in float32`);
    }
    const input = this.builder.input(`param/${id}`, getSpec(this.#graph, id));
    this.parameters.set(id, input);
    this.tracked.add(input);
    return input;
  }

  isStatistic(constant: string): boolean {
    const found = this.#graph.constants.get(constant);
    return found?.role === 'statistic' && !found.frozen;
  }

  statistic(constant: string): string {
    const known = this.statistics.get(constant);
    if (known) return known.updated;
    const input = this.builder.input(`stat/${constant}`, getSpec(this.#graph, constant));
    this.statistics.set(constant, { input, updated: input });
    return input;
  }

  updateStatistic(constant: string, value: string): void {
    const { input } = this.statistics.get(constant) ?? { input: this.statistic(constant) };
    this.statistics.set(constant, { input, updated: value });
  }

  dropoutMask(node: Node, ratio: number, like: string): string {
    const shape = this.builder.shape(like);
    if (shape.some((dim) => typeof dim === 'string' && dim !== this.builder.batch?.dim)) {
      throw notTrainable(node, `the extents of [${shape}] must be known but for the batch`);
    }
    const input = this.builder.input(`dropout/${node.name}`, { dtype: 'float32', shape });
    this.dropout.push({ input, ratio, shape });
    return input;
  }
}
