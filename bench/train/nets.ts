import type { Graph } from '../../src/graph/graph.js';
import { NetBuilder } from '../net-builder.js';
import { residualStages } from '../residual-stages.js';

export interface BenchNet {
  readonly name: string;
  readonly batch: number;
  readonly build: (random: () => number) => Graph;
}

/** The nets of the comparison, all with ten classes. */
export const BENCH_NETS: readonly BenchNet[] = [
  { name: 'M1 ResNet-20', batch: 64, build: resNet20 },
  { name: 'M2 MobileNetV2', batch: 32, build: mobileNetV2 },
  { name: 'M3 four convs', batch: 8, build: fourConvs },
  { name: 'M4 ResNet-18', batch: 16, build: resNet18 },
];

/** ResNet-20 for CIFAR (He et al., 2015, section 4.2), 32×32. */
function resNet20(random: () => number): Graph {
  const b = new NetBuilder('resnet20', random);
  const stem = b.relu(b.convNorm(b.input(3, 32), 3, { channels: 16, kernel: 3 }));
  return b.classifier(residualStages(b, stem, 16, [16, 32, 64], 3), 64, 10);
}

/** ResNet-18 at half of its usual input, 112×112. */
function resNet18(random: () => number): Graph {
  const b = new NetBuilder('resnet18', random);
  const stem = b.relu(b.convNorm(b.input(3, 112), 3, { channels: 64, kernel: 7, stride: 2 }));
  return b.classifier(residualStages(b, b.maxPool(stem), 64, [64, 128, 256, 512], 2), 512, 10);
}

function fourConvs(random: () => number): Graph {
  const b = new NetBuilder('four-convs', random);
  let x = b.input(64, 56);
  for (let i = 0; i < 4; i++) x = b.relu(b.convBias(x, 64, { channels: 64, kernel: 3 }));
  return b.classifier(x, 64, 10);
}

/** Expansion, channels, blocks and first stride of each stage (Sandler et al., 2018, table 2). */
const MOBILE_STAGES = [
  [1, 16, 1, 1],
  [6, 24, 2, 2],
  [6, 32, 3, 2],
  [6, 64, 4, 2],
  [6, 96, 3, 1],
  [6, 160, 3, 2],
  [6, 320, 1, 1],
] as const;

/** MobileNetV2 at 96×96. */
function mobileNetV2(random: () => number): Graph {
  const b = new NetBuilder('mobilenet-v2', random);
  let x = b.relu6(b.convNorm(b.input(3, 96), 3, { channels: 32, kernel: 3, stride: 2 }));
  let inputs = 32;
  for (const [expansion, channels, blocks, firstStride] of MOBILE_STAGES) {
    for (let i = 0; i < blocks; i++) {
      x = invertedResidual(b, x, { inputs, channels, expansion, stride: i === 0 ? firstStride : 1 });
      inputs = channels;
    }
  }
  return b.classifier(b.relu6(b.convNorm(x, 320, { channels: 1280, kernel: 1 })), 1280, 10);
}

function invertedResidual(
  b: NetBuilder,
  x: string,
  { inputs, channels, expansion, stride }: { inputs: number; channels: number; expansion: number; stride: number },
): string {
  const hidden = inputs * expansion;
  const expanded = expansion === 1 ? x : b.relu6(b.convNorm(x, inputs, { channels: hidden, kernel: 1 }));
  const spatial = b.relu6(b.convNorm(expanded, hidden, { channels: hidden, kernel: 3, stride, groups: hidden }));
  const projected = b.convNorm(spatial, hidden, { channels, kernel: 1 });
  return stride === 1 && inputs === channels ? b.add(projected, x) : projected;
}
