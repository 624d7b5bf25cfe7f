import { describe, expect, test } from 'vitest';
import {
  deriveDivide,
  deriveExpand,
  deriveIndexed,
  expandMutableChannel,
  keptOfMask,
  MutableChannelContainer,
  SequentialMutableChannel,
  SimpleMutableChannel,
} from '../../../src/pruning/mutables/index.js';
import { simpleMutable as simple } from '../../support/simple-mutable.js';

function sequential(n: number, kept: number): SequentialMutableChannel {
  const mutable = new SequentialMutableChannel(n);
  mutable.currentChoice = kept;
  return mutable;
}

describe('MutableChannelContainer', () => {
  test('keeps holes at the start and in the middle', () => {
    const container = new MutableChannelContainer(8);
    container.register(5, simple(0, 1));
    container.register(2, simple(0, 0));
    expect([...container.currentMask]).toEqual([1, 1, 0, 0, 1, 0, 1, 1]);
  });

  test('follows its mutables', () => {
    const container = new MutableChannelContainer(4);
    const mutable = new SequentialMutableChannel(4);
    container.register(0, mutable);
    mutable.currentChoice = 1;
    expect(container.activatedChannels).toBe(1);
  });

  test.each([
    [1, 2],
    [0, 4],
    [2, 1],
  ])('refuses an overlap at [%d, +%d)', (start, length) => {
    const container = new MutableChannelContainer(6);
    container.register(1, new SimpleMutableChannel(2));
    expect(() => container.register(start, new SimpleMutableChannel(length))).toThrow(/overlaps \[1, 3\)/);
  });

  test('refuses a range that leaves it', () => {
    expect(() => new MutableChannelContainer(4).register(3, new SimpleMutableChannel(2))).toThrow(/leaves a container/);
  });
});

describe('choices', () => {
  test('a fixed mutable can not be changed and says what it was fixed to', () => {
    const mutable = sequential(8, 3);
    mutable.fixChosen();
    expect(mutable.dumpChosen()).toEqual({ chosen: 3, meta: { maxChannels: 8 } });
    expect(() => {
      mutable.currentChoice = 4;
    }).toThrow(/fixed/);
  });

  test('a sequential mutable refuses what is no number of channels', () => {
    expect(() => sequential(8, 0)).toThrow(/1…8/);
    expect(() => sequential(8, 9)).toThrow(/1…8/);
    expect(() => sequential(8, 2.5)).toThrow(/1…8/);
  });

  test('a simple mutable refuses a mask of another length', () => {
    const mutable = new SimpleMutableChannel(3);
    expect(() => {
      mutable.currentChoice = new Uint8Array(4);
    }).toThrow(/3 channels/);
  });

  test.each<[string, () => unknown]>([
    ['repeated one and a half times', () => expandMutableChannel(sequential(6, 4), 1.5)],
    ['repeated never', () => expandMutableChannel(sequential(6, 4), 0)],
    ['expanded to nothing', () => deriveExpand(sequential(6, 4), 0)],
    ['divided by nothing', () => deriveDivide(sequential(6, 4), 0)],
    ['made divisible by nothing', () => deriveDivide(sequential(6, 4), 2, 0)],
  ])('a mutable is not %s', (_name, derive) => {
    expect(derive).toThrow(RangeError);
  });

  test('derived mutables repeat and permute their source', () => {
    const source = simple(1, 0, 1);
    expect([...deriveIndexed(source, Int32Array.of(0, 1, 2, 0, 1, 2)).currentMask]).toEqual([1, 0, 1, 1, 0, 1]);
    expect([...keptOfMask(source.currentMask)]).toEqual([0, 2]);
  });
});
