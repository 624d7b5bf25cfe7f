import type { Graph, Node } from '../graph/graph.js';
import { findOp } from '../graph/ops/index.js';
import type { DynamicOp } from '../pruning/dynamic-ops/dynamic-op.js';
import type { ModulePicture } from './module-picture.js';
import { pictureOfDynamicOp, pictureOfNode } from './picture-of-node.js';

/** The layers of a graph as a tree: `feature.0` and `outer/inner` stand inside their scopes. Nodes without a layer are left out. */
export function pictureOfModel(graph: Graph, dynamicOps: readonly DynamicOp[]): ModulePicture {
  const layers = new Map<string, Node[]>();
  for (const node of graph.nodes) {
    if (node.layer !== undefined) layers.set(node.layer, [...(layers.get(node.layer) ?? []), node]);
  }
  const root: Scope = { children: new Map() };
  for (const [layer, nodes] of layers) {
    let scope = root;
    for (const name of layer.split(/[./]/).filter(Boolean)) {
      const child = scope.children.get(name) ?? { children: new Map() };
      scope.children.set(name, child);
      scope = child;
    }
    scope.picture = pictureOfLayer(graph, nodes, dynamicOps);
  }
  return { type: graph.name, children: childrenOf(root) };
}

interface Scope {
  picture?: ModulePicture;
  readonly children: Map<string, Scope>;
}

function childrenOf({ children }: Scope): [string, ModulePicture][] {
  return [...children].map(([name, scope]) => {
    const inside = childrenOf(scope);
    if (scope.picture) return [name, { ...scope.picture, children: [...(scope.picture.children ?? []), ...inside] }];
    const numbered = inside.every(([child], i) => child === String(i));
    return [name, { type: numbered ? 'Sequential' : 'Module', children: inside }];
  });
}

function pictureOfLayer(graph: Graph, nodes: readonly Node[], dynamicOps: readonly DynamicOp[]): ModulePicture {
  const weights = new Set<string>();
  // A layer that is used several times is drawn once.
  const own = dynamicOps.filter(({ node }) => {
    const key = node.inputs.slice(1).join('\n');
    return nodes.includes(node) && !weights.has(key) && weights.add(key);
  });
  if (own.length === 1) return pictureOfDynamicOp(graph, own[0]);
  if (own.length > 1) {
    return { type: 'Sequential', children: own.map((op, i) => [String(i), pictureOfDynamicOp(graph, op)]) };
  }
  // The others are what readers put around it.
  const isLayer = ({ op }: Node): boolean => [undefined, 'strided'].includes(findOp(op)?.view);
  return pictureOfNode(graph, nodes.find(isLayer) ?? nodes[0]);
}
