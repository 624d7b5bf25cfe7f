import type { NetBuilder } from './net-builder.js';

/** Two 3×3 convolutions and a shortcut, 1×1 where the shape changes (He et al., 2015). */
function basicBlock(b: NetBuilder, x: string, inputs: number, channels: number, stride: number): string {
  const first = b.relu(b.convNorm(x, inputs, { channels, kernel: 3, stride }));
  const second = b.convNorm(first, channels, { channels, kernel: 3 });
  const same = stride === 1 && inputs === channels;
  return b.relu(b.add(second, same ? x : b.convNorm(x, inputs, { channels, kernel: 1, stride })));
}

/** The stages of a residual net: `blocks` basic blocks of each width, the first of a stage at stride 2 from the second on. */
export function residualStages(
  b: NetBuilder,
  x: string,
  inputs: number,
  widths: readonly number[],
  blocks: number,
): string {
  let value = x;
  let before = inputs;
  widths.forEach((channels, stage) => {
    for (let i = 0; i < blocks; i++) {
      value = basicBlock(b, value, before, channels, stage > 0 && i === 0 ? 2 : 1);
      before = channels;
    }
  });
  return value;
}
