import fc from 'fast-check';

/**
 * What a step of a random network is made from. The numbers pick among whatever is possible where the step stands (modulo
 * their count), so that every plan is a valid network, and a plan with smaller numbers, or with steps left out, is a simpler one.
 */
export interface Step {
  readonly kind: string;
  /** Which map it reads: 0 is the newest, 1 the one before, … */
  readonly from: number;
  readonly a: number;
  readonly b: number;
  readonly c: number;
  /** What blocks have inside. */
  readonly body: readonly Step[];
}

/** A random network as data: what fast-check draws, shrinks and prints. */
export interface NetworkPlan {
  /** Channels of each input `[N, C, extent, extent]`. */
  readonly inputs: readonly number[];
  readonly extent: number;
  readonly steps: readonly Step[];
  /** The first is always there; each reads the map that its `from` says. */
  readonly heads: readonly Step[];
  /** Seeds the weights. */
  readonly weights: number;
}

const number = fc.nat({ max: 11 });
/** Mostly the newest map, so that networks get deep. */
const from = fc.oneof({ weight: 3, arbitrary: fc.constant(0) }, { weight: 1, arbitrary: fc.nat({ max: 6 }) });

function steps(kinds: readonly string[], body: fc.Arbitrary<Step[]>): fc.Arbitrary<Step> {
  return fc.record({ kind: fc.constantFrom(...kinds), from, a: number, b: number, c: number, body });
}

/**
 * Plans of these kinds of steps, each list with the simplest kinds first; blocks have bodies of up to 3 steps, down to
 * blocks in blocks in blocks.
 */
export function networkPlans(kinds: {
  readonly leaves: readonly string[];
  readonly blocks: readonly string[];
  readonly heads: readonly string[];
}): fc.Arbitrary<NetworkPlan> {
  const leaf = steps(kinds.leaves, fc.constant([]));
  let step: fc.Arbitrary<Step> = leaf;
  for (let depth = 0; depth < 3; depth++) {
    const block = steps(kinds.blocks, fc.array(step, { maxLength: 3, size: 'max' }));
    step = fc.oneof({ weight: 3, arbitrary: leaf }, { weight: 1, arbitrary: block });
  }
  return fc.record({
    inputs: fc.array(fc.integer({ min: 1, max: 3 }), { minLength: 1, maxLength: 2 }),
    extent: fc.integer({ min: 3, max: 7 }),
    steps: fc.array(step, { maxLength: 9, size: 'max' }),
    heads: fc.array(steps(kinds.heads, fc.constant([])), { minLength: 1, maxLength: 3 }),
    weights: fc.noShrink(fc.nat({ max: 1e6 })),
  });
}
