/** `container.json`: containers and derived mutables. */
import { readFileSync } from 'node:fs';
import { expect, test } from 'vitest';
import {
  deriveConcat,
  deriveDivide,
  deriveExpand,
  deriveSame,
  expandMutableChannel,
  MutableChannelContainer,
  SequentialMutableChannel,
  SimpleMutableChannel,
} from '../../../src/pruning/index.js';
import { describeShared } from '../../shared.js';
import { simpleMutable as simple } from '../../support/simple-mutable.js';

function firstFour(): SequentialMutableChannel {
  const mutable = new SequentialMutableChannel(6);
  mutable.currentChoice = 4;
  return mutable;
}

describeShared('containers and derived mutables, row by row', 'goldens/mmrazor/algorithms/container.json', (file) => {
  const golden = JSON.parse(readFileSync(file, 'utf8'));
  const seen = new Set(['desc']);
  const row = (name: string): unknown => {
    seen.add(name);
    return golden[name];
  };
  const container = () => {
    const joined = new MutableChannelContainer(10);
    const two = new SequentialMutableChannel(4);
    two.currentChoice = 2;
    joined.register(0, two);
    joined.register(4, simple(1, 0, 1));
    return joined;
  };

  test('a container joins masks, and keeps a tail that nothing is registered on', () => {
    expect([...container().currentMask]).toEqual(row('mask'));
    expect(container().activatedChannels).toBe(row('activated'));
  });

  test('a hole in the middle, at which the original breaks, is kept', () => {
    expect(row('hole_in_the_middle')).toMatch(/^RAISES/);
    const joined = new MutableChannelContainer(8);
    joined.register(0, simple(0, 1));
    joined.register(5, simple(0, 1, 0));
    expect([...joined.currentMask]).toEqual([0, 1, 1, 1, 1, 0, 1, 0]);
  });

  test('an overlap is refused when it is registered, one of a larger range too', () => {
    expect(row('overlapping_register')).toMatch(/^RAISES/);
    expect(() => container().register(3, simple(1, 1))).toThrow(RangeError);
    expect(row('superset_overlap_not_detected_at_register')).toBe('accepted');
    expect(row('superset_overlap_mask')).toMatch(/^RAISES/);
    expect(() => container().register(0, new SimpleMutableChannel(8))).toThrow(RangeError);
  });

  test.each([
    ['expand3_of_1001', () => expandMutableChannel(simple(1, 0, 0, 1), 3)],
    ['expand_sequential_by_expand_mutable_channel(2)', () => expandMutableChannel(firstFour(), 2)],
    ['sequential_times2', () => deriveExpand(firstFour(), 2)],
    ['sequential_times_1.5', () => deriveExpand(firstFour(), 1.5)],
    ['sequential_floordiv2_(divisor8)', () => deriveDivide(firstFour(), 2)],
    ['sequential_floordiv(2,1)', () => deriveDivide(firstFour(), 2, 1)],
  ])('%s', (name, derive) => {
    expect([...derive().currentMask]).toEqual(row(name));
  });

  test('same and concat follow their sources, which alone have choices', () => {
    const source = firstFour();
    const joined = deriveConcat([deriveSame(source), simple(0, 1)]);
    expect([...joined.currentMask]).toEqual([1, 1, 1, 1, 0, 0, 0, 1]);
    source.currentChoice = 1;
    expect([...joined.currentMask]).toEqual([1, 0, 0, 0, 0, 0, 0, 1]);
    expect(joined.numChannels).toBe(8);
    expect(() => Object.assign(joined, { currentChoice: 3 })).toThrow(TypeError);
    joined.fixChosen();
    expect(source.isFixed).toBe(true);
  });

  test('every row of the file was looked at', () => {
    expect(Object.keys(golden).filter((name) => !seen.has(name))).toEqual([]);
  });
});
