import type { Graph } from '../../src/graph/graph.js';
import { NetBuilder } from '../net-builder.js';

/** Nets of 1,000 classes at 224×224, as torchvision has them, with random weights. */
export const ANALYSIS_NETS: Readonly<Record<string, (random: () => number) => Graph>> = {
  'ResNet-18': resNet18,
  'ResNet-50': resNet50,
  'DenseNet-121': denseNet121,
  'RegNetY-400MF': regNetY400,
};

const CLASSES = 1000;

function stem(b: NetBuilder): string {
  return b.maxPool(b.relu(b.convNorm(b.input(3, 224), 3, { channels: 64, kernel: 7, stride: 2 })));
}

/** He et al., 2015: two 3×3 convolutions and a shortcut. */
function resNet18(random: () => number): Graph {
  const b = new NetBuilder('resnet18', random);
  let x = stem(b);
  let inputs = 64;
  [64, 128, 256, 512].forEach((channels, stage) => {
    for (let i = 0; i < 2; i++) {
      const stride = stage > 0 && i === 0 ? 2 : 1;
      const first = b.relu(b.convNorm(x, inputs, { channels, kernel: 3, stride }));
      const second = b.convNorm(first, channels, { channels, kernel: 3 });
      x = b.relu(b.add(second, stride === 1 ? x : b.convNorm(x, inputs, { channels, kernel: 1, stride })));
      inputs = channels;
    }
  });
  return b.classifier(x, inputs, CLASSES);
}

/** He et al., 2015: bottlenecks of 1×1, 3×3 and 1×1. */
function resNet50(random: () => number): Graph {
  const b = new NetBuilder('resnet50', random);
  let x = stem(b);
  let inputs = 64;
  [3, 4, 6, 3].forEach((blocks, stage) => {
    const width = 64 * 2 ** stage;
    for (let i = 0; i < blocks; i++) {
      const stride = stage > 0 && i === 0 ? 2 : 1;
      const channels = 4 * width;
      const first = b.relu(b.convNorm(x, inputs, { channels: width, kernel: 1 }));
      const second = b.relu(b.convNorm(first, width, { channels: width, kernel: 3, stride }));
      const third = b.convNorm(second, width, { channels, kernel: 1 });
      x = b.relu(b.add(third, i > 0 ? x : b.convNorm(x, inputs, { channels, kernel: 1, stride })));
      inputs = channels;
    }
  });
  return b.classifier(x, inputs, CLASSES);
}

/** Huang et al., 2017: every layer reads all before it. */
function denseNet121(random: () => number): Graph {
  const growth = 32;
  const b = new NetBuilder('densenet121', random);
  let x = stem(b);
  let inputs = 64;
  [6, 12, 24, 16].forEach((layers, block) => {
    for (let i = 0; i < layers; i++) {
      const narrow = b.conv(b.relu(b.norm(x, inputs)), inputs, { channels: 4 * growth, kernel: 1 });
      const grown = b.conv(b.relu(b.norm(narrow, 4 * growth)), 4 * growth, { channels: growth, kernel: 3 });
      x = b.concat([x, grown]);
      inputs += growth;
    }
    if (block === 3) return;
    x = b.averagePool(b.conv(b.relu(b.norm(x, inputs)), inputs, { channels: inputs / 2, kernel: 1 }));
    inputs /= 2;
  });
  return b.classifier(b.relu(b.norm(x, inputs)), inputs, CLASSES);
}

/** Radosavovic et al., 2020: bottlenecks of groups of 8 channels with squeeze-and-excitation. */
function regNetY400(random: () => number): Graph {
  const b = new NetBuilder('regnety-400mf', random);
  let x = b.relu(b.convNorm(b.input(3, 224), 3, { channels: 32, kernel: 3, stride: 2 }));
  let inputs = 32;
  const depths = [1, 3, 6, 6];
  [48, 104, 208, 440].forEach((channels, stage) => {
    for (let i = 0; i < depths[stage]; i++) {
      const stride = i === 0 ? 2 : 1;
      const first = b.relu(b.convNorm(x, inputs, { channels, kernel: 1 }));
      const grouped = b.relu(b.convNorm(first, channels, { channels, kernel: 3, stride, groups: channels / 8 }));
      const squeezed = Math.round(inputs / 4);
      const squeeze = b.relu(b.convBias(b.globalPool(grouped), channels, { channels: squeezed, kernel: 1 }));
      const gate = b.sigmoid(b.convBias(squeeze, squeezed, { channels, kernel: 1 }));
      const third = b.convNorm(b.mul(grouped, gate), channels, { channels, kernel: 1 });
      x = b.relu(b.add(third, i > 0 ? x : b.convNorm(x, inputs, { channels, kernel: 1, stride })));
      inputs = channels;
    }
  });
  return b.classifier(x, inputs, CLASSES);
}
