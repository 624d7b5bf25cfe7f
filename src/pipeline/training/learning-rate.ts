import type { SettledFinetune } from '../feeding/settle-finetune.js';

/**
 * Learning rate of one step. `epochFraction` is how many epochs have been trained, whole and part (1.5 = halfway through
 * the second), `epochs` how many there will be. It rises from 0 over the first `warmup_epochs`; of what is left, `step`
 * changes at whole epochs and `cosine` falls smoothly to 0 at the end (Loshchilov & Hutter, SGDR, without restarts).
 * @param stepFraction the share of an epoch that one step is: the first step of a warmup is no step of nothing
 */
export function learningRateAt(
  finetune: Pick<SettledFinetune, 'optimizer' | 'schedule' | 'epochs'>,
  epochFraction: number,
  stepFraction = 0,
): number {
  const base = finetune.optimizer.learning_rate;
  const { schedule, epochs } = finetune;
  const { warmup_epochs: warmup } = schedule;
  if (epochFraction < warmup) return base * Math.min(1, (epochFraction + stepFraction) / warmup);
  const done = epochFraction - warmup;
  switch (schedule.type) {
    case 'constant':
      return base;
    case 'step':
      return base * schedule.gamma ** Math.floor(Math.floor(done) / schedule.step_size);
    case 'cosine':
      return (base * (1 + Math.cos(Math.PI * Math.min(1, done / (epochs - warmup))))) / 2;
  }
}
