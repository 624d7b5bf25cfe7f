import type { Graph } from '../graph/graph.js';
import { foldConstants } from '../graph/passes/fold-constants.js';
import { mergeCommon } from '../graph/passes/merge-common.js';
import { withoutDeadCode } from './ancestors.js';
import type { StepBuilder } from './step-builder.js';

/** The graph that was built, without what is computed twice, known beforehand, or read by nothing. */
export function finishStep(b: StepBuilder): Graph {
  return withoutDeadCode(foldConstants(mergeCommon(b.build())));
}
