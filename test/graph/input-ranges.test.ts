/** Which numbers a graph's inputs are meant for, by each kind of use. */
import { expect, test } from 'vitest';
import { GraphBuilder } from '../../src/graph/builder.js';
import type { TensorSpec } from '../../src/graph/graph.js';
import { inputRanges } from '../../src/graph/input-ranges.js';
import { scalar, tensor } from '../../src/graph/tensor.js';
import type { ValueRange } from '../../src/graph/value-range.js';

type Build = (b: GraphBuilder, x: string) => string;

const whole = (low: number, high: number): ValueRange => ({ low, high, whole: true });
const from = (low: number): ValueRange => ({ low, high: Number.POSITIVE_INFINITY, whole: false });

function rangeOf(spec: TensorSpec, build: Build): ValueRange | undefined {
  const b = new GraphBuilder('uses');
  const x = b.input('x', spec);
  b.output('y', build(b, x));
  return inputRanges(b.build()).get('x');
}

const table = (b: GraphBuilder, rows = 10) =>
  b.constant('table', tensor('float32', [rows, 2], new Float32Array(rows * 2)), 'parameter');
const lookUp = (b: GraphBuilder, indices: string) => b.op('Gather', [table(b), indices], { axis: 0 });
const opaque = (opType: string) => ({ opType, dtypes: ['float32'], shapes: ['[2]'], outputs: [0] });
const floats: TensorSpec = { dtype: 'float32', shape: ['N', 4] };
const integers: TensorSpec = { dtype: 'int64', shape: ['N', 4] };

test.each<[string, TensorSpec, Build, ValueRange | undefined]>([
  ['indices lie within the rows', integers, lookUp, whole(0, 9)],
  ['of the axis that is gathered along', integers, (b, x) => b.op('Gather', [table(b), x], { axis: 1 }), whole(0, 1)],
  [
    'floats that are cast to indices are whole, through casts and reshapes',
    floats,
    (b, x) =>
      lookUp(
        b,
        b.op('Reshape', [b.op('Cast', [b.op('Cast', [x], { to: 'int32' })], { to: 'int64' })], { shape: [0, 2, 2] }),
      ),
    whole(0, 9),
  ],
  [
    'and through slices, transposes and concatenations',
    integers,
    (b, x) => lookUp(b, b.op('Concat', [b.op('Transpose', [x], { perm: [1, 0] })], { axis: 0 })),
    whole(0, 9),
  ],
  [
    'indices that a number is subtracted from are that much higher',
    integers,
    (b, x) => lookUp(b, b.op('Sub', [x, b.constant('one', scalar('int64', 1), 'literal')])),
    whole(1, 10),
  ],
  [
    'indices that a number is added to are that much lower',
    integers,
    (b, x) => lookUp(b, b.op('Add', [b.constant('two', scalar('int64', 2), 'literal'), x])),
    whole(-2, 7),
  ],
  [
    'the smallest of two tables counts',
    integers,
    (b, x) =>
      b.op('Add', [
        lookUp(b, x),
        b.op('Gather', [b.constant('few', tensor('float32', [3, 2], new Float32Array(6)), 'parameter'), x], {
          axis: 0,
        }),
      ]),
    whole(0, 2),
  ],
  [
    'places that an operator of the file takes lie within its axes, whichever it is',
    integers,
    (b, x) => b.op('Opaque', [table(b), x], { ...opaque('GatherElements') }),
    whole(0, 1),
  ],
  [
    'and below its depth',
    integers,
    (b, x) => b.op('Opaque', [x, b.constant('depth', scalar('int64', 5), 'literal')], { ...opaque('OneHot') }),
    whole(0, 4),
  ],
  ['of another one nothing is known', integers, (b, x) => b.op('Opaque', [x], { ...opaque('Mystery') }), undefined],
  ['classes lie below the depth', integers, (b, x) => b.op('OneHot', [x], { depth: 7 }), whole(0, 6)],
  [
    'what is compared with whole numbers is one of them',
    floats,
    (b, x) => b.op('Equal', [x, b.constant('c', tensor('float32', [4], [0, 3, 5, 2]), 'literal')]),
    whole(0, 5),
  ],
  [
    'what is cast to truth values is 0 or 1',
    floats,
    (b, x) =>
      b.op('Where', [
        b.op('Cast', [x], { to: 'bool' }),
        b.constant('a', scalar('float32', 1), 'literal'),
        b.constant('b', scalar('float32', 2), 'literal'),
      ]),
    whole(0, 1),
  ],
  [
    'a condition is 0 or 1',
    { dtype: 'bool', shape: ['N', 4] },
    (b, x) =>
      b.op('Where', [
        x,
        b.constant('a', scalar('float32', 1), 'literal'),
        b.constant('b', scalar('float32', 2), 'literal'),
      ]),
    whole(0, 1),
  ],
  ['a logarithm is of numbers above 0', floats, (b, x) => b.op('Log', [x]), from(1e-3)],
  ['a root is of numbers from 0', floats, (b, x) => b.op('Sqrt', [b.op('Identity', [x])]), from(0)],
  ['a plain input may be anything', floats, (b, x) => b.op('Relu', [x]), undefined],
  ['a broken power is of numbers from 0', floats, (b, x) => b.op('Pow', [x], { exponent: 0.5 }), from(0)],
  ['a power below 0 is of numbers above 0', floats, (b, x) => b.op('Pow', [x], { exponent: -2 }), from(1e-3)],
  ['a square is of any number', floats, (b, x) => b.op('Pow', [x], { exponent: 2 }), undefined],
  ['a use behind arithmetic says nothing', floats, (b, x) => b.op('Log', [b.op('Exp', [x])]), undefined],
])('%s', (_, spec, build, expected) => {
  expect(rangeOf(spec, build)).toEqual(expected);
});
