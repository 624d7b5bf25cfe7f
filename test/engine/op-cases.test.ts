/** What the op cases of the engines' contract cover: every op of the registry, and every dtype that its inference takes. */
import { describe, expect, test } from 'vitest';
import { OpError } from '../../src/graph/op-spec.js';
import { opNames } from '../../src/graph/ops/index.js';
import { verify } from '../../src/graph/verify.js';
import { DTYPES } from './case-parts.js';
import { OP_CASES, opGraph } from './op-cases.js';
import { Random } from './random.js';

test('every op of the IR has cases', () => {
  expect(Object.keys(OP_CASES).sort()).toEqual(opNames());
});

/** Whether a graph of the op can be made of operands of this dtype. Only the op itself may refuse. */
function takes(op: string, dtype: (typeof DTYPES)[number], seed: number): boolean {
  try {
    verify(opGraph(op, op, new Random(seed), dtype));
    return true;
  } catch (error) {
    if (error instanceof OpError && error.node.op === op) return false;
    throw error;
  }
}

describe.each(Object.keys(OP_CASES))('%s', (op) => {
  test('has cases of exactly the dtypes that it takes', () => {
    for (let seed = 0; seed < 20; seed++) {
      expect(DTYPES.filter((dtype) => takes(op, dtype, seed))).toEqual(OP_CASES[op].dtypes);
    }
  });
});
