import { graphCost } from '../../graph/cost.js';
import { replaceConstants } from '../../graph/passes/replace-constants.js';
import { lossesOf, type SensitivityCurve } from '../../pruning/index.js';
import {
  type Block,
  type Losses,
  measureLosses,
  type Recipe,
  samplesOf,
  settle,
  type Trial,
} from '../../recovery/index.js';
import type { PlannedTarget } from './plan-target.js';
import { countBelow, type SensitivityContext } from './sensitivities.js';

type Curves = ReadonlyMap<string, SensitivityCurve>;

export interface RefineContext extends Omit<SensitivityContext, 'blocks' | 'isFixed'> {
  /** Samples, at most so many. */
  blocks(most: number): Promise<readonly Block[]>;
  /** How weights are set before anything is measured. */
  readonly recipe: Recipe;
  plan(curves: Curves): Promise<PlannedTarget>;
  readonly log: (text: string) => void;
}

/** Of a unit's channels, where a pruned network is tried a little narrower. */
const NARROWER = 0.75;
/** Plans that are measured, at most. */
const MOST_PASSES = 4;
/** Up to this divergence what units lose by themselves adds up well enough: corrections gained nothing there. */
const NEAR = 0.1;
const MOST_SAMPLES = 128;
/** Weights that are set by fewer say little of what there is to come. */
const FEWEST_SAMPLES = 64;
/** Multiply-adds of a pass: fewer samples are taken to stay below, as long as there are enough. */
const WANTED_MACS = 2e11;
/** Multiplications of solving for weights in a pass, which wide layers take whatever they are run on: some seconds. */
const MOST_WORK = 3e10;
/** Of setting weights anew, in runs of the whole network. */
const RUNS_TO_SETTLE = 6;
/** What a unit's curve is corrected by at once. */
const MOST_CORRECTION = 10;

/**
 * What units lose by themselves doesn't add up where much goes: others have been pruned, too. So the network is pruned as planned, recovered,
 * and each unit tried a little narrower there; its curve is put right by what that loses, and the widths are planned anew. Of all plans
 * that one is taken whose network comes nearest to the original. The mutator is left as it was.
 */
export async function refineWidths(
  context: RefineContext,
  curves: Curves,
  first: PlannedTarget,
): Promise<PlannedTarget> {
  const { log, onProgress } = context;
  const affordable = affordableSamples(context);
  const blocks = affordable < FEWEST_SAMPLES ? [] : await context.blocks(affordable);
  if (samplesOf(blocks) < FEWEST_SAMPLES) return first;
  let planned = first;
  let best: { planned: PlannedTarget; loss: number } | undefined;
  const corrected = new Map(curves);
  const measured = new Set<string>();
  for (let pass = 0; pass < MOST_PASSES && !measured.has(keyOf(planned)); pass++) {
    measured.add(keyOf(planned));
    const goesOn = (loss: number): boolean => loss > NEAR && Number.isFinite(loss) && pass + 1 < MOST_PASSES;
    const found = await measureAround(context, blocks, planned.choices, goesOn, (share) =>
      onProgress((pass + share) / MOST_PASSES),
    );
    if (!found) break;
    log(`widths of pass ${pass + 1}: ${found.loss.toPrecision(3)} from the original`);
    if (!best || found.loss < best.loss) best = { planned, loss: found.loss };
    if (!goesOn(found.loss)) break;
    for (const [unit, ratio] of corrections(found, corrected)) {
      const damped = pass === 0 ? ratio : Math.sqrt(ratio);
      corrected.set(
        unit,
        corrected.get(unit)!.map(({ kept, loss }) => ({ kept, loss: loss * damped })),
      );
    }
    planned = await context.plan(corrected);
    if (planned.plan?.reachable === false) break;
  }
  return best?.planned ?? first;
}

const keyOf = ({ choices }: PlannedTarget): string => Object.values(choices).join();

function affordableSamples({ graph, mutator }: RefineContext): number {
  const each = (mutator.mutableUnits.length + RUNS_TO_SETTLE) * graphCost(graph).macs;
  return Math.min(MOST_SAMPLES, Math.floor(WANTED_MACS / each));
}

/** A unit made narrower yet. */
interface Further {
  readonly unit: string;
  readonly channels: number;
  readonly from: number;
  readonly to: number;
  readonly loss: number;
}

interface Around extends Pick<Losses, 'loss'> {
  readonly further: readonly Further[];
}

/** By unit, how much more (or less) it loses than its curve says. */
export function corrections({ loss: before, further }: Around, curves: Curves): Map<string, number> {
  const ratios = new Map<string, number>();
  for (const { unit, channels, from, to, loss } of further) {
    const curve = curves.get(unit);
    if (!curve) continue;
    const lossAt = lossesOf(curve, channels);
    const expected = lossAt(to) - lossAt(from);
    if (!(expected > 0)) continue;
    const ratio = (loss - before) / expected;
    ratios.set(unit, Math.max(1 / MOST_CORRECTION, Math.min(MOST_CORRECTION, ratio)));
  }
  return ratios;
}

/**
 * Prunes to these choices, sets the weights that are left, and tries each unit narrower.
 * @param goesOn whether a network that loses so much is looked further into
 * @returns undefined where that takes too long
 */
async function measureAround(
  { graph, mutator, readings, recipe, engine, signal }: RefineContext,
  blocks: readonly Block[],
  choices: PlannedTarget['choices'],
  goesOn: (loss: number) => boolean,
  onProgress: (share: number) => void,
): Promise<Around | undefined> {
  const masks = mutator.state;
  const weights = new Map(mutator.weights);
  try {
    mutator.setChoices(choices);
    const planned = mutator.state;
    const subnet = mutator.exportSubnet();
    const selection = mutator.selection();
    const networks = { original: graph, pruned: subnet.graph, kept: selection.kept.bind(selection) };
    // Chosen before weights change: some criteria go by those.
    const narrower = mutator.mutableUnits.flatMap((unit) => {
      const { name, numChannels: channels, activatedChannels: from, currentMask: before } = unit;
      const to = countBelow(unit, from, NARROWER);
      if (to === undefined) return [];
      mutator.setChoices({ [name]: unit.choiceFor(to) });
      const mask = unit.currentMask;
      mutator.restoreState(planned);
      return [{ unit: name, channels, from, to, before, mask }];
    });
    const constants = await settle(networks, blocks, recipe, MOST_WORK, {
      ...{ engine, signal },
      onProgress: (share) => onProgress(share / 2),
    });
    if (!constants) return undefined;
    const changed = new Map([...constants.keys()].map((id) => [id, weights.get(id)!]));
    mutator.setWeights(subnet.writeBack(changed, constants));
    const trials = narrower.map(({ unit, to: kept, mask, before }) => (): Trial => {
      mutator.restoreState({ ...planned, [unit]: [...mask] });
      const { graph: narrow, sliceTensors: slice } = mutator.exportSubnet();
      return { unit, kept, mask, before, graph: narrow, slice };
    });
    const pruned = { graph: replaceConstants(subnet.graph, constants), weights: mutator.weights };
    const { loss, tried } = await measureLosses(
      graph,
      pruned,
      readings,
      blocks,
      (found) => (goesOn(found) ? trials : []),
      {
        ...{ engine, signal },
        onProgress: (share) => onProgress((1 + share) / 2),
      },
    );
    return { loss, further: tried.map((lost, i) => ({ ...narrower[i], loss: lost })) };
  } finally {
    mutator.restoreState(masks);
    mutator.setWeights(weights);
  }
}
