import type { Graph } from '../../../src/graph/graph.js';
import { NetBuilder } from '../../net-builder.js';
import { residualStages } from '../../residual-stages.js';

/** ResNet-20 for CIFAR (He et al., 2015, section 4.2), shortcuts by projection, on values from 0 to 1; gives logits. */
export function residualNet(random: () => number): Graph {
  const b = new NetBuilder('resnet20', random);
  const stem = b.relu(b.convNorm(b.input(3, 32), 3, { channels: 16, kernel: 3 }));
  return b.scorer(residualStages(b, stem, 16, [16, 32, 64], 3), 64, 10);
}
