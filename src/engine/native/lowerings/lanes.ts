import type { Planner } from '../plan/planner.js';
import { denseOrder, type Order, plainOrder, type View } from '../plan/view.js';

/** An operand without gaps as a kernel sees it that works along one axis: `[outer, extent, inner]` in memory. */
export interface Lanes {
  readonly view: View;
  readonly order: Order;
  readonly outer: number;
  readonly extent: number;
  readonly inner: number;
}

export function lanesOf(planner: Planner, operand: View, axis: number): Lanes {
  const order = denseOrder(operand) ?? plainOrder(operand.shape.length);
  const view = planner.ordered(operand, order);
  const at = order.indexOf(axis);
  const product = (axes: Order): number => axes.reduce((count, a) => count * view.shape[a], 1);
  return {
    view,
    order,
    outer: product(order.slice(0, at)),
    extent: view.shape[axis],
    inner: product(order.slice(at + 1)),
  };
}
