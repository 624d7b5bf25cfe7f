import Type from 'typebox';
import { describe, expect, test } from 'vitest';
import { epochsOfSteps, IteAlgorithm, pruneSteps } from '../../../src/pruning/index.js';

const COUNTER = { rounds: Type.Integer({ ...pruneSteps({ every: 'pause', default: 4 }) }), pause: Type.Integer() };

describe('epochs that prune steps need', () => {
  test.each([
    [{ rounds: 1, pause: 7 }, 1],
    [{ rounds: 3, pause: 2 }, 5],
    [{ rounds: 5 }, 5],
  ])('counted by whatever parameter says that it counts them: %j', (given, epochs) => {
    expect(epochsOfSteps(COUNTER, given)).toBe(epochs);
  });

  test('of IteAlgorithm; of an algorithm that counts none', () => {
    expect(epochsOfSteps(IteAlgorithm.parameters, { prune_times: 3, step_freq: 2 })).toBe(5);
    expect(epochsOfSteps({ prune_times: Type.Integer() }, { prune_times: 9 })).toBe(1);
  });
});
