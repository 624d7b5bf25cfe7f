import type { Call, Container, TensorRef } from './topology.js';

/** The calls that the given outputs need, in the container's order. A cycle is walked once. */
export function reachableCalls(container: Container, outputs: readonly TensorRef[]): Call[] {
  const byLayer = new Map<Call['layer'], Call[]>();
  for (const call of container.calls) byLayer.set(call.layer, [...(byLayer.get(call.layer) ?? []), call]);
  const reached = new Set<Call>();
  const pending = [...outputs];
  for (let ref = pending.pop(); ref; ref = pending.pop()) {
    const call = byLayer.get(ref.layer)?.[ref.node - ref.layer.firstNode];
    if (!call || reached.has(call)) continue;
    reached.add(call);
    pending.push(...call.inputs);
  }
  return container.calls.filter((call) => reached.has(call));
}
