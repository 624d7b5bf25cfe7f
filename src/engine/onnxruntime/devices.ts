import type { InferenceSession } from 'onnxruntime-node';
import { type Graph, getSpec, type Node } from '../../graph/graph.js';
import { intAttr } from '../../graph/ops/attributes.js';

export type OnnxRuntimeDevice = 'cpu' | 'webgpu';

interface Device {
  /** Nodes that the device's provider refuses or gets wrong. They run on the host; values are copied there and back. */
  readonly onHost: (graph: Graph, node: Node) => boolean;
  readonly provider: (hostNodes: readonly string[]) => InferenceSession.ExecutionProviderConfig;
}

const rankOf = (graph: Graph, node: Node): number => getSpec(graph, node.inputs[0]).shape.length;
const isVolume = (graph: Graph, node: Node): boolean => rankOf(graph, node) === 5;

/** What the WebGPU provider of onnxruntime 1.30 lacks, by op. */
const WEBGPU_LACKS: Readonly<Record<string, Device['onHost']>> = {
  Conv: (graph, node) => isVolume(graph, node) && intAttr(node, 'group', 1) > 1,
  ConvTranspose: isVolume,
  ConvInputGrad: isVolume,
  AveragePoolGrad: isVolume,
  // Its max pools do not say where they found the maximum.
  MaxPoolGrad: () => true,
  // These it takes and gets wrong: without spatial axes, and with the epsilon of whichever graph came first.
  BatchNormalization: (graph, node) => rankOf(graph, node) === 2,
  InstanceNormalization: () => true,
};

export const DEVICES: Readonly<Record<OnnxRuntimeDevice, Device>> = {
  cpu: { onHost: () => false, provider: () => 'cpu' },
  webgpu: {
    onHost: (graph, node) => Object.hasOwn(WEBGPU_LACKS, node.op) && WEBGPU_LACKS[node.op](graph, node),
    // In NHWC, which it would choose itself, it gets grouped transposed convolutions wrong.
    provider: (hostNodes) => ({
      name: 'webgpu',
      preferredLayout: 'NCHW',
      ...(hostNodes.length > 0 && { forceCpuNodeNames: hostNodes }),
    }),
  },
};
