import { type ErrorCode, EspalierError } from '../errors.js';
import type { Graph } from '../graph/graph.js';
import { OpError } from '../graph/op-spec.js';
import { findOp } from '../graph/ops/index.js';
import type { CompiledGraph, Engine } from './engine.js';
import { GraphRefused } from './refusal.js';

/** What engines and their libraries say, whose fault that is, and what is to be said beside. */
const FAULTS: readonly { says: RegExp; code: ErrorCode; explain: (graph: Graph) => string }[] = [
  {
    says: /index is out of range|indices element out of data bounds|indices\S* = .* is not in \[|out of bounds/i,
    code: 'INDEX_OUT_OF_RANGE',
    explain: (graph) => {
      const layers = graph.nodes.filter(({ op }) => findOp(op)?.looksUp).map(({ layer, name }) => layer ?? name);
      const some = [...new Set(layers)].slice(0, 5).join(', ') || 'none that is known';
      return `; what it looks up by (layers: ${some}) comes from the data or the model, and must lie within the axis`;
    },
  },
  {
    says: /out of memory|bad.?alloc|failed to allocate|allocation failed|\bOOM\b/i,
    code: 'OUT_OF_MEMORY',
    explain: () => '; a smaller batch takes less memory, and so does a smaller model',
  },
];

/**
 * An engine whose faults have codes: a library that refuses a graph or fails in the middle of one is nothing that a caller
 * must look up in a log. What JavaScript itself throws of our own code (a TypeError) stays as it is.
 */
export function withCodedFaults(engine: Engine): Engine {
  return {
    name: engine.name,
    device: engine.device,
    threads: engine.threads,
    ...(engine.findRefusal && { findRefusal: engine.findRefusal }),
    ...(engine.delegate && { delegate: engine.delegate }),
    async compile(graph, options) {
      try {
        return codedGraph(engine, graph, await engine.compile(graph, options));
      } catch (error) {
        throw codedFault(engine, graph, error);
      }
    },
  };
}

function codedGraph(engine: Engine, graph: Graph, compiled: CompiledGraph): CompiledGraph {
  const { memoryBytes } = compiled;
  return {
    async run(feeds, spent) {
      try {
        return await compiled.run(feeds, spent);
      } catch (error) {
        throw codedFault(engine, graph, error);
      }
    },
    ...(memoryBytes && {
      memoryBytes(feeds) {
        try {
          return memoryBytes.call(compiled, feeds);
        } catch (error) {
          throw codedFault(engine, graph, error);
        }
      },
    }),
    release: () => compiled.release(),
  };
}

function codedFault({ name }: Engine, graph: Graph, error: unknown): unknown {
  if (error instanceof EspalierError) return error;
  const detail = error instanceof Error ? error.message : String(error);
  // The graph is valid, so that what doesn't fit is the engine.
  if (error instanceof OpError || error instanceof GraphRefused) {
    const code = error.code === 'SHAPE_OVERFLOW' ? error.code : 'LAYER_UNSUPPORTED';
    return new EspalierError(code, `the ${name} engine does not run ${detail}`, { cause: error });
  }
  const known = FAULTS.find(({ says }) => says.test(detail));
  if (known) {
    const { code, explain } = known;
    return new EspalierError(code, `the ${name} engine: ${detail}${explain(graph)}`, { cause: error });
  }
  if (error instanceof TypeError || error instanceof RangeError || error instanceof ReferenceError) return error;
  return new EspalierError('ENGINE_FAILED', `the ${name} engine: ${detail}`, { cause: error });
}
