import { spawn, spawnSync } from 'node:child_process';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { InferenceSession, Tensor as OrtTensor } from 'onnxruntime-node';
import {
  allocate,
  type DType,
  type RefTensor,
  type Tensor,
  type TensorData,
  toRef,
} from '../../../src/graph/tensor.js';

export interface Judged {
  readonly model: Uint8Array;
  readonly feeds: ReadonlyMap<string, Tensor>;
}

/** What a judge makes of a model: its outputs in order, or why it does not run it. */
export type Verdict = readonly RefTensor[] | { readonly refusal: string };

/** Runs models of the ops themselves; the order of verdicts is that of the cases. */
export type Judge = (cases: readonly Judged[]) => Promise<Verdict[]>;

const PROGRAM = fileURLToPath(new URL('reference.py', import.meta.url));

/**
 * A Python that has ONNX's reference implementation, which came with onnx 1.13: `ESPALIER_JUDGE_PYTHON`, else Debian's, else
 * none.
 */
export const judgePython = [process.env.ESPALIER_JUDGE_PYTHON, '/usr/bin/python3'].find(
  (python) => python && spawnSync(python, ['-c', 'import onnx.reference']).status === 0,
);

const encoded = ({ dtype, shape, data }: Tensor) => ({
  dtype,
  shape,
  data: Buffer.from(data.buffer, data.byteOffset, data.byteLength).toString('base64'),
});

interface Encoded {
  readonly dtype: DType;
  readonly shape: readonly number[];
  readonly data: string;
}

function decoded({ dtype, shape, data }: Encoded): RefTensor {
  const bytes = Buffer.from(data, 'base64');
  const values = allocate(dtype, bytes.length / allocate(dtype, 1).byteLength);
  new Uint8Array(values.buffer).set(bytes);
  return toRef({ dtype, shape, data: values });
}

/** ONNX's reference implementation, in one Python process for all cases. */
export const onnxReference: Judge = async (cases) => {
  const child = spawn(judgePython!, [PROGRAM], { stdio: ['pipe', 'pipe', 'inherit'] });
  const lines = cases.map(({ model, feeds }) => {
    const inputs = Object.fromEntries([...feeds].map(([id, t]) => [id, encoded(t)]));
    return JSON.stringify({ model: Buffer.from(model).toString('base64'), inputs });
  });
  child.stdin.end(lines.join('\n'));
  const verdicts: Verdict[] = [];
  for await (const line of createInterface({ input: child.stdout })) {
    const answer = JSON.parse(line) as { outputs: Encoded[] } | { error: string };
    verdicts.push('error' in answer ? { refusal: answer.error } : answer.outputs.map(decoded));
  }
  if (verdicts.length !== cases.length)
    throw new Error(`the judge ended after ${verdicts.length} of ${cases.length} cases`);
  return verdicts;
};

/** onnxruntime, without the engine's lowerings and without its optimizers. */
export const onnxruntime: Judge = async (cases) => {
  const verdicts: Verdict[] = [];
  for (const { model, feeds } of cases) {
    try {
      const session = await InferenceSession.create(model, { graphOptimizationLevel: 'disabled', logSeverityLevel: 4 });
      const inputs = [...feeds].map(([id, { dtype, data, shape }]) => [
        id,
        new OrtTensor(dtype, data as Float32Array, shape),
      ]);
      const results = await session.run(Object.fromEntries(inputs));
      await session.release();
      verdicts.push(
        session.outputNames.map((name) => {
          const { type, dims, data } = results[name];
          return toRef({ dtype: type as DType, shape: dims, data: data as TensorData });
        }),
      );
    } catch (error) {
      verdicts.push({ refusal: String(error) });
    }
  }
  return verdicts;
};
