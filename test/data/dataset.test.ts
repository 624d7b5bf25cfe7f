/** Data sets from `.npz` files: types, labels, scaling, batches, and what is refused. */
import { mkdtempSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { npyFile as npy } from '../../examples/write-npz.js';
import { fitToModel, inspectDataset, openDataset, splitValidation } from '../../src/data/index.js';
import { writeArrays } from './npz-files.js';

const images = (n: number) =>
  npy(
    '|u1',
    [n, 2, 3],
    Uint8Array.from({ length: n * 6 }, (_, i) => i % 256),
  );
const labels = (...values: number[]) => npy('<i8', [values.length], BigInt64Array.from(values.map(BigInt)));

describe('an .npz', () => {
  test('with a part to judge training by beside one for the last figures', async () => {
    const part = (name: string, ...y: number[]) => ({ [`x_${name}`]: images(y.length), [`y_${name}`]: labels(...y) });
    const path = await writeArrays({ ...part('train', 0, 1, 1, 0), ...part('val', 1, 0, 2), ...part('test', 3) });
    expect(await inspectDataset(path)).toMatchObject({
      samples: { train: 4, validation: 3, test: 1 },
      num_classes: 4,
      warnings: [],
    });
    const { train, validation, test: last } = await openDataset(path);
    for (const { labels: own } of [train, validation!, last!]) expect(own.get('')).toMatchObject({ classes: 4 });
    expect([validation!.count, last!.count]).toEqual([3, 1]);
    const alone = await writeArrays({ ...part('train', 0, 1), ...part('val', 1) });
    expect(await inspectDataset(alone)).toMatchObject({ samples: { train: 2, validation: 1 } });
    const odd = await writeArrays({ ...part('train', 0, 1), ...part('val', 1), x_test: images(1) });
    await expect(openDataset(odd)).rejects.toMatchObject({ code: 'DATASET_INVALID' });
  });

  test('with a training and a test part', async () => {
    const path = await writeArrays({
      x_train: images(4),
      y_train: labels(0, 1, 1, 0),
      x_test: images(2),
      y_test: labels(2, 0),
      notes: labels(1),
    });
    expect(await inspectDataset(path)).toEqual({
      kind: 'npz',
      samples: { train: 4, validation: 2 },
      input_shape: [2, 3],
      dtype: 'uint8',
      label_kind: 'index',
      num_classes: 3,
      label_shape: [],
      label_outputs: [],
      warnings: [{ code: 'ARRAYS_IGNORED', message: 'arrays that are not used: notes' }],
    });
    const { train, validation } = await openDataset(path);
    const batch = await train.batch([3, 1], 'none');
    expect(batch.x.shape).toEqual([2, 2, 3]);
    expect([...batch.x.data]).toEqual([18, 19, 20, 21, 22, 23, 6, 7, 8, 9, 10, 11]);
    expect(batch.labels.get('')).toEqual({ dtype: 'int32', shape: [2], data: Int32Array.of(0, 1) });
    expect([...(await validation!.batch([0], 'none')).labels.get('')!.data]).toEqual([2]);
  });

  test.each([true, false])('without a test part, deflated: %s', async (compress) => {
    const path = await writeArrays({ x: images(3), y: labels(0, 1, 2) }, { compress });
    expect(await inspectDataset(path)).toMatchObject({ samples: { train: 3, validation: 0 }, num_classes: 3 });
  });

  test('without labels', async () => {
    const path = await writeArrays({ x: images(3) });
    expect(await inspectDataset(path)).toMatchObject({ label_kind: 'none', num_classes: null });
    expect((await openDataset(path)).train.labels.size).toBe(0);
  });

  const swapped = (view: Uint16Array | Float32Array | Float64Array | BigInt64Array) => {
    const bytes = Buffer.from(view.buffer.slice(0));
    if (view.BYTES_PER_ELEMENT === 2) return bytes.swap16();
    return view.BYTES_PER_ELEMENT === 4 ? bytes.swap32() : bytes.swap64();
  };
  const TYPES: readonly (readonly [string, ArrayBufferView, readonly number[], string])[] = [
    ['|b1', Uint8Array.of(0, 1, 1, 0), [0, 1, 1, 0], 'bool'],
    ['|u1', Uint8Array.of(0, 1, 128, 255), [0, 1, 128, 255], 'uint8'],
    ['|i1', Int8Array.of(-128, -1, 0, 127), [-128, -1, 0, 127], 'int8'],
    ['<u2', Uint16Array.of(0, 1, 256, 65535), [0, 1, 256, 65535], 'uint16'],
    ['>u2', swapped(Uint16Array.of(0, 1, 256, 65535)), [0, 1, 256, 65535], 'uint16'],
    ['<i2', Int16Array.of(-2, 1, 3, 4), [-2, 1, 3, 4], 'int16'],
    ['<i4', Int32Array.of(-2, 1, 3, 4), [-2, 1, 3, 4], 'int32'],
    ['<u4', Uint32Array.of(2, 1, 3, 4e9), [2, 1, 3, 4e9], 'uint32'],
    ['<i8', BigInt64Array.of(-2n, 1n, 3n, 4n), [-2, 1, 3, 4], 'int64'],
    ['>i8', swapped(BigInt64Array.of(-2n, 1n, 3n, 4n)), [-2, 1, 3, 4], 'int64'],
    ['<f2', Uint16Array.of(0x3c00, 0xc000, 0x3555, 0), [1, -2, 0.333251953125, 0], 'float16'],
    ['<f4', Float32Array.of(0.5, -1, 2, 3), [0.5, -1, 2, 3], 'float32'],
    ['>f4', swapped(Float32Array.of(0.5, -1, 2, 3)), [0.5, -1, 2, 3], 'float32'],
    ['<f8', Float64Array.of(0.5, -1, 2, 3), [0.5, -1, 2, 3], 'float64'],
    ['>f8', swapped(Float64Array.of(0.5, -1, 2, 3)), [0.5, -1, 2, 3], 'float64'],
  ];
  test.each(TYPES)('of type %s', async (descr, data, values, dtype) => {
    const { train } = await openDataset(await writeArrays({ x: npy(descr, [2, 2], data) }));
    expect(train.dtype).toBe(dtype);
    expect([...(await train.batch([0, 1], 'none')).x.data]).toEqual(values.map(Math.fround));
  });

  test('in Fortran order is put in C order', async () => {
    const data = Float32Array.of(1, 4, 2, 5, 3, 6);
    const { train } = await openDataset(await writeArrays({ x: npy('<f4', [2, 3], data, { fortran: true }) }));
    expect([...(await train.batch([0, 1], 'none')).x.data]).toEqual([1, 2, 3, 4, 5, 6]);
  });

  test('with labels of shape [n, 1], as floats, and one-hot', async () => {
    const column = npy('<f4', [2, 1], Float32Array.of(1, 0));
    const oneHot = npy('|u1', [2, 3], Uint8Array.of(0, 0, 1, 1, 0, 0));
    const a = (await openDataset(await writeArrays({ x: images(2), y: column }))).train;
    expect(a.labels.get('')).toMatchObject({ kind: 'index', classes: 2, shape: [] });
    expect([...(await a.batch([0, 1], 'none')).labels.get('')!.data]).toEqual([1, 0]);
    const b = (await openDataset(await writeArrays({ x: images(2), y: oneHot }))).train;
    expect(b.labels.get('')).toMatchObject({ kind: 'one_hot', classes: 3, shape: [3] });
    expect((await b.batch([1], 'none')).labels.get('')).toEqual({
      dtype: 'float32',
      shape: [1, 3],
      data: Float32Array.of(1, 0, 0),
    });
  });

  test.each<[string, Uint8Array, object]>([
    ['numbers', npy('<f8', [2], Float64Array.of(1, -0.5)), { kind: 'values', shape: [], least: -0.5, largest: 1 }],
    ['negative classes', labels(0, -1), { kind: 'values', whole: true, odd: expect.stringContaining('y[1] is -1') }],
    ['several labels of each', npy('|u1', [2, 3], Uint8Array.of(1, 1, 0, 0, 0, 0)), { kind: 'values', shape: [3] }],
    ['rows of numbers', npy('<f4', [2, 2], Float32Array.of(3, 1, 0, 1)), { kind: 'values', whole: true, least: 0 }],
    [
      'a class for each pixel',
      npy('|u1', [2, 2, 2, 1], new Uint8Array(8).fill(2)),
      { kind: 'index', shape: [2, 2], classes: 3 },
    ],
    [
      'places without a class',
      npy('|i1', [2, 1, 2], Int8Array.of(-1, 0, 1, 1)),
      { kind: 'index', shape: [1, 2], least: -1 },
    ],
  ])('with labels that are %s', async (_name, y, expected) => {
    const path = await writeArrays({ x: images(2), y });
    const { train } = await openDataset(path);
    expect(train.labels.get('')).toMatchObject(expected);
    const { kind, shape } = train.labels.get('')!;
    const found = (await train.batch([1], 'none')).labels.get('')!;
    expect(found).toMatchObject({ dtype: kind === 'index' ? 'int32' : 'float32', shape: [1, ...shape] });
    expect(await inspectDataset(path)).toMatchObject({ label_kind: kind, label_shape: shape });
  });

  test('with labels for several outputs, by their names', async () => {
    const path = await writeArrays({
      x_train: images(2),
      y_train_kind: labels(0, 1),
      'y_train_box/size': npy('<f4', [2, 2], Float32Array.of(0.1, 2, 3, 4)),
      x_test: images(1),
      y_test_kind: labels(4),
      'y_test_box/size': npy('<f4', [1, 2], Float32Array.of(-1, 2)),
    });
    const { train, validation, warnings } = await openDataset(path);
    expect(warnings).toEqual([]);
    expect([...train.labels.keys()].sort()).toEqual(['box/size', 'kind']);
    expect(train.labels.get('kind')).toMatchObject({ kind: 'index', classes: 5 });
    expect(train.labels.get('box/size')).toMatchObject({ kind: 'values', least: -1, largest: 4 });
    expect([...(await validation!.batch([0], 'none')).labels.get('box/size')!.data]).toEqual([-1, 2]);
    expect(await inspectDataset(path)).toMatchObject({ label_kind: 'none', label_outputs: ['kind', 'box/size'] });
  });
});

describe('refused:', () => {
  const float = (...values: number[]) => npy('<f4', [values.length / 2, 2], Float32Array.from(values));
  const object = Buffer.from(Buffer.from(images(1)).toString('latin1').replace("'|u1'", "'|O' "), 'latin1');
  const long = npy('|u1', [3, 2], new Uint8Array(5));
  const REFUSED: readonly (readonly [string, Record<string, Uint8Array>, string, string])[] = [
    [
      'NaN',
      { x: float(1, 2, Number.NaN, 4, Number.POSITIVE_INFINITY, 6) },
      'DATASET_NOT_FINITE',
      'x holds 2 values that are NaN or infinite; the first is NaN at [1,0]',
    ],
    [
      'infinity in half floats',
      { x: npy('<f2', [1, 2], Uint16Array.of(0x3c00, 0x7c00)) },
      'DATASET_NOT_FINITE',
      'Infinity at [0,1]',
    ],
    ['counts that differ', { x: images(3), y: labels(0, 1) }, 'DATASET_INVALID', 'x has 3 samples, y has 2'],
    ['no samples', { x: npy('|u1', [0, 2], new Uint8Array(0)) }, 'DATASET_INVALID', 'x is empty'],
    ['samples without values', { x: npy('|u1', [3], new Uint8Array(3)) }, 'DATASET_INVALID', 'x has shape [3]'],
    ['other names', { inputs: images(1), labels: labels(1) }, 'DATASET_INVALID', 'holds inputs, labels; expected'],
    [
      'parts of other shapes',
      { x_train: images(1), x_test: npy('|u1', [1, 4], new Uint8Array(4)) },
      'DATASET_INVALID',
      '[2,3]',
    ],
    ['parts of other labels', { x_train: images(1), y_train: labels(0), x_test: images(1) }, 'DATASET_INVALID', 'none'],
    ['Python objects', { x: object }, 'DATASET_INVALID', 'never unpickled'],
    ['complex numbers', { x: npy('<c8', [1, 1], new Uint8Array(8)) }, 'DATASET_INVALID', 'element type c8'],
    ['fewer bytes than the shape', { x: long }, 'DATASET_INVALID', 'needs 6 bytes, found 5'],
    ['an entry that is no .npy', { x: Buffer.from('hello, hello, hello') }, 'DATASET_INVALID', 'no .npy file'],
    ['a header cut short', { x: images(1).subarray(0, 40) }, 'DATASET_INVALID', 'header'],
  ];
  test.each(REFUSED)('%s', async (_name, arrays, code, message) => {
    const path = await writeArrays(arrays);
    await expect(inspectDataset(path)).rejects.toMatchObject({ code, message: expect.stringContaining(message) });
  });

  test('a file that is no archive', async () => {
    const path = join(mkdtempSync(join(tmpdir(), 'espalier-data-')), 'data.csv');
    writeFileSync(path, 'a,b\n1,2\n');
    await expect(openDataset(path)).rejects.toMatchObject({
      code: 'FORMAT_UNKNOWN',
      message: expect.stringContaining('data.csv'),
    });
  });
});

describe('scaling', () => {
  test('auto divides integers by 255 and leaves floats', async () => {
    const ints = (await openDataset(await writeArrays({ x: npy('|u1', [1, 2], Uint8Array.of(0, 51)) }))).train;
    const floats = (await openDataset(await writeArrays({ x: npy('<f4', [1, 2], Float32Array.of(0, 51)) }))).train;
    expect([...(await ints.batch([0], 'auto')).x.data]).toEqual([0, Math.fround(0.2)]);
    expect([...(await floats.batch([0], 'auto')).x.data]).toEqual([0, 51]);
    expect([...(await floats.batch([0], '1/255')).x.data]).toEqual([0, Math.fround(0.2)]);
  });

  test('mean and std go by the last axis, or are one number', async () => {
    const { train } = await openDataset(await writeArrays({ x: npy('|u1', [1, 2, 2], Uint8Array.of(1, 2, 3, 4)) }));
    expect([...(await train.batch([0], { mean: [1, 2], std: [1, 2] })).x.data]).toEqual([0, 0, 2, 1]);
    expect([...(await train.batch([0], { mean: [1], std: [2] })).x.data]).toEqual([0, 0.5, 1, 1.5]);
    await expect(train.batch([0], { mean: [1, 2, 3], std: [1] })).rejects.toThrow(
      expect.objectContaining({
        code: 'CONFIG_INVALID',
        errors: [expect.objectContaining({ pointer: '/config/scaling/mean' })],
      }),
    );
  });
});

describe('splitValidation', () => {
  test('parts the samples without overlap, by the seed alone', async () => {
    const path = await writeArrays({
      x: npy(
        '<i4',
        [50, 1],
        Int32Array.from({ length: 50 }, (_, i) => i),
      ),
      y: labels(...Array(50).keys()),
    });
    const { train } = await openDataset(path);
    const parts = splitValidation(train, 0.2, 7);
    const values = async (split: typeof train) => {
      const { x } = await split.batch([...Array(split.count).keys()], 'none');
      return [...x.data];
    };
    expect([parts.train.count, parts.validation!.count]).toEqual([40, 10]);
    const all = [...(await values(parts.train)), ...(await values(parts.validation!))];
    expect([...all].sort((a, b) => a - b)).toEqual([...Array(50).keys()]);
    expect(all).not.toEqual([...all].sort((a, b) => a - b));
    expect(await values(splitValidation(train, 0.2, 7).train)).toEqual(await values(parts.train));
    expect(await values(splitValidation(train, 0.2, 8).train)).not.toEqual(await values(parts.train));
    const batch = await parts.validation!.batch([3], 'none');
    expect(batch.labels.get('')!.data[0]).toBe(batch.x.data[0]);
  });
});

describe('fitToModel', () => {
  test('adds, drops and moves an axis of one channel', async () => {
    const flat = (await openDataset(await writeArrays({ x: images(2) }))).train;
    const deep = (await openDataset(await writeArrays({ x: npy('|u1', [2, 2, 3, 1], new Uint8Array(12)) }))).train;
    expect((await fitToModel(flat, [2, 3, 1]).batch([0], 'auto')).x.shape).toEqual([1, 2, 3, 1]);
    expect((await fitToModel(deep, [2, 3]).batch([0], 'auto')).x.shape).toEqual([1, 2, 3]);
    expect((await fitToModel(flat, [1, 2, 3]).batch([0], 'auto')).x.shape).toEqual([1, 1, 2, 3]);
    expect((await fitToModel(deep, [1, 2, 3]).batch([0], 'auto')).x.shape).toEqual([1, 1, 2, 3]);
    expect(() => fitToModel(flat, [3, 2])).toThrow(expect.objectContaining({ code: 'DATASET_SHAPE' }));
    expect(() => fitToModel(flat, [2, 3, 3])).toThrow('[2,3]');
  });

  test('puts channels first for a model that wants them there', async () => {
    const bytes = Uint8Array.from({ length: 2 * 2 * 3 * 4 }, (_, i) => i);
    const { train } = await openDataset(await writeArrays({ x: npy('|u1', [2, 2, 3, 4], bytes) }));
    const { x } = await fitToModel(train, [4, 2, 3]).batch([1], 'none');
    expect(x.shape).toEqual([1, 4, 2, 3]);
    expect([...x.data.slice(0, 8)]).toEqual([24, 28, 32, 36, 40, 44, 25, 29]);
    expect(() => fitToModel(train, [3, 4, 2])).toThrow('[2,3,4]');
  });

  test('feeds labels as each output wants them', async () => {
    const path = await writeArrays({ x: images(2), y: labels(2, 0), y_side: npy('|u1', [2, 1], Uint8Array.of(1, 0)) });
    const { train } = await openDataset(path);
    const fitted = fitToModel(
      train,
      [2, 3],
      [
        { output: 'scores', from: '', kind: 'one_hot', shape: [4] },
        { output: 'side', from: 'side', kind: 'values', shape: [1] },
        { output: 'again', from: '', kind: 'index', shape: [] },
      ],
    );
    expect([...fitted.labels.keys()]).toEqual(['scores', 'side', 'again']);
    const batch = (await fitted.batch([0, 1], 'none')).labels;
    expect(batch.get('scores')).toMatchObject({ dtype: 'float32', shape: [2, 4] });
    expect([...batch.get('scores')!.data]).toEqual([0, 0, 1, 0, 1, 0, 0, 0]);
    expect(batch.get('side')).toMatchObject({ dtype: 'float32', shape: [2, 1], data: Float32Array.of(1, 0) });
    expect(batch.get('again')).toMatchObject({ dtype: 'int32', shape: [2], data: Int32Array.of(2, 0) });
  });
});
