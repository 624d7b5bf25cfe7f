import { type ChildProcessWithoutNullStreams, spawn, spawnSync } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { type Graph, getSpec } from '../../src/graph/graph.js';

const SCRIPT = fileURLToPath(new URL('../../../bench/peers/train_torch.py', import.meta.url));
/** Debian's python3-torch belongs to the system's Python, whatever else PATH finds first. */
const PYTHON = process.env.PEER_PYTHON ?? '/usr/bin/python3';

export interface PeerOpening {
  /** The layout that was faster. */
  readonly train: string;
  readonly forward: string;
}

/** PyTorch in a process of its own, spoken to line by line: see peers/train_torch.py. */
export class TorchPeer {
  readonly #process: ChildProcessWithoutNullStreams;
  readonly #lines: AsyncIterator<string>;

  constructor() {
    this.#process = spawn(PYTHON, [SCRIPT]);
    this.#process.stderr.pipe(process.stderr);
    this.#lines = createInterface({ input: this.#process.stdout })[Symbol.asyncIterator]();
  }

  /** PyTorch's version, or why this machine has none. */
  static find(): { readonly version: string } | { readonly reason: string } {
    const code = 'import torch; print(torch.__version__)';
    const { error, status, stdout, stderr } = spawnSync(PYTHON, ['-c', code], { encoding: 'utf8' });
    if (status === 0) return { version: stdout.trim() };
    const why = error?.message ?? stderr.trim().split('\n').at(-1);
    return { reason: `${why}; Debian has it as python3-torch, PEER_PYTHON names a Python that has it` };
  }

  /** Hands over a net whose input is `x` and which ends in a softmax, with the images of one batch. */
  open(
    graph: Graph,
    images: Float32Array,
    options: { threads: number; folder: string; batch: number; layout?: string },
  ) {
    const { threads, folder, batch, layout } = options;
    const paths = {
      graph: join(folder, 'graph.json'),
      weights: join(folder, 'weights.bin'),
      images: join(folder, 'images.bin'),
    };
    writeFileSync(paths.graph, JSON.stringify(describe(graph)));
    writeFileSync(paths.weights, Buffer.concat(constantsOf(graph).map(({ data }) => bytesOf(data))));
    writeFileSync(paths.images, bytesOf(images));
    const chosen = layout === undefined ? {} : { layout };
    return this.ask<PeerOpening>({ do: 'open', ...paths, threads, batch, ...chosen });
  }

  async time(what: 'train' | 'forward', runs: number): Promise<number[]> {
    return (await this.ask<{ ms: number[] }>({ do: what, runs })).ms;
  }

  async ask<Answer>(command: Record<string, unknown>): Promise<Answer> {
    this.#process.stdin.write(`${JSON.stringify(command)}\n`);
    const line = await this.#lines.next();
    if (line.done) throw new Error(`${SCRIPT} ended without an answer to ${command.do}`);
    return JSON.parse(line.value);
  }

  close(): void {
    this.#process.stdin.end();
  }
}

export const bytesOf = (data: ArrayBufferView): Buffer => Buffer.from(data.buffer, data.byteOffset, data.byteLength);

/** The constants in the graph's order: parameters among them are in the order of the peer's gradients. */
export function constantsOf(graph: Graph) {
  return [...graph.constants].map(([id, { tensor, role }]) => ({
    id,
    role,
    shape: tensor.shape,
    data: tensor.data as Float32Array,
  }));
}

function describe(graph: Graph) {
  const softmax = graph.nodes.at(-1)!;
  return {
    input: getSpec(graph, graph.inputs[0]).shape.slice(1),
    logits: softmax.inputs[0],
    constants: constantsOf(graph).map(({ id, role, shape }) => ({ id, role, shape })),
    nodes: graph.nodes
      .slice(0, -1)
      .map(({ op, attrs, inputs, outputs }) => ({ op, attrs, inputs, output: outputs[0] })),
  };
}
