/** A graph, or extents of one, that an engine can't compute: others may. The message names the node, and why. */
export class GraphRefused extends Error {
  readonly code = 'GRAPH_REFUSED';
  constructor(reason: string, options?: ErrorOptions) {
    super(reason, options);
    this.name = 'GraphRefused';
  }
}
