import type { Node } from '../../../graph/graph.js';
import type { Planner } from '../plan/planner.js';

/** Writes the instructions of one node, and defines its outputs. */
export type Lowering = (planner: Planner, node: Node) => void;
export type LoweringTable = Readonly<Record<string, Lowering>>;
