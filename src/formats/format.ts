import type { FileSet } from '../archive/index.js';
import type { Warning } from '../contract.js';
import type { Graph } from '../graph/graph.js';

export type { FileSet } from '../archive/index.js';

/** A model read from a user's file, which can be written back narrower. */
export interface LoadedModel {
  readonly format: string;
  /** The model's own name, where the file has one. */
  readonly name: string;
  /** All outputs, all weights. Constant ids and node names are stable: equal bytes give equal ids. */
  readonly graph: Graph;
  readonly warnings: readonly Warning[];
  /** Whether the file holds weights in a type of less precision than the graph's, so that writing trained ones rounds. */
  readonly quantized: boolean;
  /** Whether the file computes some values in a type of less precision than the graph's. Absent: it doesn't. */
  readonly roundsValues?: boolean;
  /** By input, the axes whose extents the file leaves open: they are those of {@link ReadOptions.sampleShape}, or assumed. */
  readonly openAxes: ReadonlyMap<string, readonly number[]>;
  /**
   * The user's files with the tensors and counts of `graph`, a graph made from this model's own by selecting outputs,
   * changing constants' data, taking spare biases out and slicing: node names and constant ids are still those of {@link LoadedModel.graph}.
   * Gives the complete set of files, path → bytes.
   */
  write(graph: Graph, options?: WriteOptions): Promise<Map<string, Uint8Array>>;
}

export interface WriteOptions {
  /** Weights that the file holds quantized are written as float32, so that nothing is rounded. Default false. */
  readonly dequantized?: boolean;
}

export interface ReadOptions {
  /** Shape of one sample of the data that the model will be fed: what the extents are that the file leaves open. */
  readonly sampleShape?: readonly number[] | undefined;
  /**
   * Whether convolutions and dense layers that have no bias, and may have one in the file, have one of zeros in the graph, of the
   * role `spare`. `write` gives the file those that the graph it is given has. Default false.
   */
  readonly spareBiases?: boolean | undefined;
}

/** One model file format. `match` sniffs cheaply and never throws. */
export interface ModelFormat<Id extends string = string> {
  readonly id: Id;
  /** Which files it takes, for whoever sent others. */
  readonly takes: string;
  match(files: FileSet): Promise<boolean>;
  /** @throws EspalierError naming the layer or file at fault. */
  read(files: FileSet, options?: ReadOptions): Promise<LoadedModel>;
}
