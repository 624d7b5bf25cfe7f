import { describe, expect, test } from 'vitest';
import { didYouMean, nearMisses } from '../../src/checks/index.js';

const UNITS = ['conv2d_1_(0, 32)_32', 'conv2d_10_(0, 64)_64', 'block/expand_(0, 16)_16', 'block/expand_(16, 48)_32'];

describe('near misses of unit names', () => {
  test("a layer's name stands for its units", () => {
    expect(nearMisses('conv2d_1', UNITS)).toEqual(['conv2d_1_(0, 32)_32', 'conv2d_10_(0, 64)_64']);
    expect(nearMisses('block/expand', UNITS)).toEqual(['block/expand_(0, 16)_16', 'block/expand_(16, 48)_32']);
    expect(didYouMean('conv2d_1', UNITS.slice(0, 1))).toBe('; did you mean "conv2d_1_(0, 32)_32"?');
  });

  test('so does a misspelt one', () => {
    expect(nearMisses('block/exapnd', UNITS)).toEqual(['block/expand_(0, 16)_16', 'block/expand_(16, 48)_32']);
  });

  test('a whole name is compared with whole names', () => {
    expect(nearMisses('conv2d_1_(0, 16)_32', UNITS)[0]).toBe('conv2d_1_(0, 32)_32');
  });

  test('what is near nothing stays alone', () => {
    expect(nearMisses('pooling', UNITS)).toEqual([]);
  });
});

describe('near misses of fields', () => {
  const FIELDS = ['type', 'learning_rate', 'ema_decay', 'warmup_epochs', 'horizontal_flip', 'vertical_flip'];

  test.each([
    ['lr', 'learning_rate'],
    ['ema', 'ema_decay'],
    ['warmup', 'warmup_epochs'],
    ['temp', 'temperature'],
    ['bce', 'binary_cross_entropy'],
  ])('%s stands for %s', (short, long) => {
    expect(didYouMean(short, [...FIELDS, 'temperature', 'binary_cross_entropy'])).toBe(`; did you mean "${long}"?`);
  });

  test('one word may stand for several', () => {
    expect(didYouMean('flip', FIELDS)).toBe('; did you mean "horizontal_flip" or "vertical_flip"?');
  });

  test('single letters stand for nothing', () => {
    expect(didYouMean('w', ['warmup_epochs', 'width_of_all'])).toBe('');
  });
});
