import type { FinetuneConfig } from '../prune-config/index.js';

/**
 * Learning rate of one step. `epochFraction` is how many epochs have been trained, whole and part (1.5 = halfway through
 * the second), `epochs` how many there will be. `step` changes at whole epochs, `cosine` falls smoothly to 0 at the end
 * (Loshchilov & Hutter, SGDR, without restarts).
 */
export function learningRateAt(finetune: FinetuneConfig, epochFraction: number): number {
  const base = finetune.optimizer.learning_rate;
  const { schedule, epochs } = finetune;
  switch (schedule.type) {
    case 'constant':
      return base;
    case 'step':
      return base * schedule.gamma ** Math.floor(Math.floor(epochFraction) / schedule.step_size);
    case 'cosine':
      return (base * (1 + Math.cos(Math.PI * Math.min(1, epochFraction / epochs)))) / 2;
  }
}
