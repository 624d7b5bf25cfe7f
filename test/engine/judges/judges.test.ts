/**
 * The float64 reference that all engines are held against, held itself against others' implementations of ONNX: onnxruntime,
 * and, where a Python has it, ONNX's own reference.
 */
import { beforeAll, describe, expect, test } from 'vitest';
import { evaluateGraph } from '../../../src/graph/evaluate.js';
import { type Graph, getSpec, type TensorSpec } from '../../../src/graph/graph.js';
import { type DType, type RefTensor, type Tensor, toRef } from '../../../src/graph/tensor.js';
import { relativeError } from '../agreement.js';
import { edgesOf, OPS_WITH_EDGES } from '../edges.js';
import { OP_CASES, opGraph } from '../op-cases.js';
import { Random } from '../random.js';
import { type Judge, judgePython, onnxReference, onnxruntime, type Verdict } from './judges.js';
import { onnxForm } from './onnx-form.js';

/** Graphs of each op and dtype. */
const GRAPHS = 6;
const BATCH = 2;

/** Ops that are not ONNX's. Gradients are held against finite differences in test/autodiff. */
const NOT_ONNX: Readonly<Record<string, string>> = {
  ...Object.fromEntries(
    `ConvInputGrad ConvFilterGrad MaxPoolGrad AveragePoolGrad ResizeGrad BatchNormalizationGrad GatherGrad ReluGrad
    LeakyReluGrad ClipGrad SigmoidGrad TanhGrad`
      .split(/\s+/)
      .map((op) => [op, 'a gradient']),
  ),
  ExpandBatch: 'ONNX spells it with Shape and Expand',
  OneHot: 'of ONNX, negative labels count from the end',
};

/** Float results are computed in the dtype, and attributes are float32. */
const TOLERANCE: Partial<Record<DType, number>> = { float32: 1e-5, float64: 2e-7 };

type Kind = 'plain' | 'edges';

interface Case {
  readonly op: string;
  readonly dtype: DType;
  readonly kind: Kind;
  readonly seed: number;
  readonly graph: Graph;
  readonly feeds: ReadonlyMap<string, Tensor>;
}

function caseOf(op: string, dtype: DType, kind: Kind, seed: number): Case {
  const random = new Random(seed);
  const graph = opGraph(op, `${op} of seed ${seed}`, random, dtype);
  const feedOf = kind === 'edges' ? edgesOf : (r: Random, spec: TensorSpec, batch: number) => r.tensor(spec, batch);
  const feeds = new Map(graph.inputs.map((id) => [id, feedOf(random, getSpec(graph, id), BATCH)]));
  return { op, dtype, kind, seed, graph, feeds };
}

const ROWS = Object.entries(OP_CASES)
  .filter(([op]) => !(op in NOT_ONNX))
  .flatMap(([op, { dtypes }]) => dtypes.map((dtype) => ({ op, dtype })));
const seeds = Array.from({ length: GRAPHS }, (_, seed) => seed);
const CASES = ROWS.flatMap(({ op, dtype }) => [
  ...seeds.map((seed) => caseOf(op, dtype, 'plain', seed)),
  ...(OPS_WITH_EDGES.has(op) ? seeds.map((seed) => caseOf(op, dtype, 'edges', seed)) : []),
]);

/** Where the judge differs, undefined where it does not. */
function difference({ graph, feeds }: Case, verdict: readonly RefTensor[]): string | undefined {
  const expected = evaluateGraph(graph, new Map([...feeds].map(([id, t]) => [id, toRef(t)])));
  for (const [i, { name }] of graph.outputs.entries()) {
    const [own, judged] = [expected.get(name)!, verdict[i]];
    const spec = ({ dtype, shape }: RefTensor) => `${dtype} [${shape}]`;
    if (spec(own) !== spec(judged)) return `${name} is ${spec(own)}, the judge has ${spec(judged)}`;
    const error = relativeError(own.data, judged.data, 0.1);
    if (error > (TOLERANCE[own.dtype] ?? 0)) return `${name} is off by ${error}`;
  }
  return undefined;
}

/** Why a judge does not run a model of a dtype: it has no kernel, or the operator no such type. */
const NO_KERNEL = /Could not find an implementation|is invalid|Type .* not supported|not inexact/;

/** @param knownFaults what a judge gets wrong, or does not run, by op, or by op and dtype, or kind: and why */
function testJudge(judge: Judge, knownFaults: Readonly<Record<string, string>>): void {
  const verdicts = new Map<Case, Verdict>();

  beforeAll(async () => {
    (await judge(CASES.map(({ graph, feeds }) => ({ model: onnxForm(graph), feeds })))).forEach((verdict, i) => {
      verdicts.set(CASES[i], verdict);
    });
  });

  function faultOf(c: Case): string | undefined {
    const verdict = verdicts.get(c)!;
    if (!('refusal' in verdict)) return difference(c, verdict);
    // The dtype of most models must be judged.
    return c.dtype !== 'float32' && NO_KERNEL.test(verdict.refusal) ? undefined : verdict.refusal;
  }

  test.each(CASES.filter(({ seed }) => seed === 0))('$op of $dtype ($kind)', ({ op, dtype, kind }) => {
    const faults = CASES.filter((c) => c.op === op && c.dtype === dtype && c.kind === kind).flatMap((c) => {
      const fault = faultOf(c);
      return fault === undefined ? [] : [`seed ${c.seed} ${JSON.stringify(c.graph.nodes.at(-1))}: ${fault}`];
    });
    const known = [`${op} ${dtype} ${kind}`, `${op} ${dtype}`, `${op} ${kind}`, op].some((key) => key in knownFaults);
    if (!known) expect(faults).toEqual([]);
  });

  test('what it is known to get wrong it still does', () => {
    const faulty = CASES.filter((c) => faultOf(c) !== undefined);
    const isFaulty = (key: string) =>
      faulty.some(({ op, dtype, kind }) => `${op} ${dtype} ${kind}`.startsWith(key) || key === `${op} ${kind}`);
    expect(Object.keys(knownFaults).filter((key) => !isFaulty(key))).toEqual([]);
  });
}

describe('onnxruntime as a judge', () => {
  testJudge(onnxruntime, {
    Pad: 'it does not pad scalars, by nothing either',
    'Resize float32 plain': 'it interpolates along one to three axes alone',
    'MaxPool edges': 'a NaN does not win',
    'GlobalMaxPool edges': 'a NaN does not win',
    'ReduceMax edges': 'a NaN does not win',
    'Clip edges': 'it takes a bound that is left out for the least or largest number, which cuts an infinity off',
    'Cast float64 edges': 'what is no number is no whole number: ONNX leaves open which it becomes',
    'Cast float32 edges': 'likewise',
    'LogSoftmax float64 edges': 'of an infinity it makes other than of its difference from itself',
    'ReduceSum int32 edges': 'sums stop at the edge of the range rather than wrap around',
  });
});

describe.skipIf(!judgePython)(
  `ONNX's reference as a judge${judgePython ? '' : ' (no Python with onnx.reference: ESPALIER_JUDGE_PYTHON names one)'}`,
  () => {
    testJudge(onnxReference, {
      ConvTranspose: 'it fails on the bias of groups',
      MaxPool: 'of SAME_LOWER with ceil_mode it takes other windows; of whole numbers it knows no lowest',
      AveragePool: 'it does not take auto_pad with ceil_mode',
      GlobalMaxPool: 'it keeps one spatial axis of several',
      Pad: 'it does not pad scalars',
      Resize: 'it rounds extents down in float64, where scales are float32',
      Softsign: 'it fails on scalars',
      'Gelu float64': 'it is written with constants in float32',
      'PRelu edges': 'it multiplies zeros by the slope too',
      'Cast float64 edges': 'what is no number is no whole number: ONNX leaves open which it becomes',
      'Cast float32 edges': 'likewise',
    });
  },
);

test('what is not judged is an op of the IR', () => {
  expect(Object.keys(NOT_ONNX).filter((op) => !(op in OP_CASES))).toEqual([]);
});
