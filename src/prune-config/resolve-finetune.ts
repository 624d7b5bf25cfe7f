import { withDefaults } from '../checks/index.js';
import { FinetuneInput } from './finetune-schema.js';
import type { FilledFinetune, FinetuneConfig, OptimizerConfig, ScheduleConfig } from './resolved.js';

export type Report = (at: string, message: string) => void;

const DEFAULTS = withDefaults(FinetuneInput, {}) as FilledFinetune;

/**
 * Fills in the defaults of the schema and those that go by other fields, and reports fields that don't go together. What only
 * the data tell (`epochs` by `budget`, `distillation`, after least squares an optimizer of which nothing is named) stays open.
 * @param solved whether weights are set by least squares before they are trained
 */
export function resolveFinetune(input: FinetuneInput, solved: boolean, report: Report): FinetuneConfig {
  const filled = withDefaults(FinetuneInput, input) as FilledFinetune;
  const { optimizer, ...open } = filled;
  const { epochs, loss, heads, huber_delta, schedule } = open;
  // As an echoed config has it, the default goes with any loss.
  if (
    huber_delta !== DEFAULTS.huber_delta &&
    ![loss, ...Object.values(heads).map((head) => head.loss)].includes('huber')
  ) {
    report('/finetune/huber_delta', 'is of the loss "huber", which nothing here learns by');
  }
  const named = input.optimizer ?? {};
  const isSettledLater = solved && Object.keys(named).length === 0;
  return {
    ...(isSettledLater ? open : { ...filled, optimizer: resolveOptimizer(optimizer, named, solved, report) }),
    schedule: resolveSchedule(schedule, input.schedule ?? {}, epochs, report),
  };
}

/** The fields that not all optimizers have; another's are errors. */
const OWN: Readonly<Record<OptimizerConfig['type'], readonly string[]>> = {
  sgd: ['momentum'],
  adam: ['beta1', 'beta2', 'epsilon'],
  adamw: ['beta1', 'beta2', 'epsilon'],
  rmsprop: ['rho', 'momentum', 'epsilon'],
};

type Usual = { readonly learning_rate: number; readonly weight_decay: number; readonly momentum: number };

const USUAL: Readonly<Record<OptimizerConfig['type'], Usual>> = {
  sgd: { learning_rate: 0.01, weight_decay: 0, momentum: 0.9 },
  adam: { learning_rate: 0.001, weight_decay: 0, momentum: 0 },
  adamw: { learning_rate: 0.001, weight_decay: 0.01, momentum: 0 },
  rmsprop: { learning_rate: 0.001, weight_decay: 0, momentum: 0 },
};

/** A step of 0.01 destroys in no time what least squares found. */
const AFTER_SOLVING: { readonly [T in OptimizerConfig['type']]?: Partial<Usual> } = {
  sgd: { learning_rate: 0.003, weight_decay: 5e-4 },
};

/** An optimizer, after least squares, of which only this is named. */
export function optimizerAfterSolving(named: Partial<FilledFinetune['optimizer']>): OptimizerConfig {
  return resolveOptimizer({ ...DEFAULTS.optimizer, ...named }, named, true, () => {});
}

function resolveOptimizer(
  { type, ...filled }: FilledFinetune['optimizer'],
  given: object,
  solved: boolean,
  report: Report,
): OptimizerConfig {
  const isOthers = (field: string) => !OWN[type].includes(field) && Object.values(OWN).flat().includes(field);
  for (const field of Object.keys(given).filter(isOthers)) report(`/finetune/optimizer/${field}`, `"${type}" has none`);
  const fields = { ...USUAL[type], ...(solved ? AFTER_SOLVING[type] : {}), ...filled };
  const names = ['learning_rate', ...OWN[type], 'weight_decay'] as (keyof typeof fields)[];
  return { type, ...Object.fromEntries(names.map((name) => [name, fields[name]])) } as OptimizerConfig;
}

function resolveSchedule(
  { step_size, gamma, ...rest }: FilledFinetune['schedule'],
  given: object,
  epochs: number | undefined,
  report: Report,
): ScheduleConfig {
  const { type, warmup_epochs } = rest;
  if (epochs !== undefined && warmup_epochs >= epochs && warmup_epochs > 0) {
    report('/finetune/schedule/warmup_epochs', `must be below the ${epochs} epochs, found ${warmup_epochs}`);
  }
  if (type === 'step') {
    if (step_size === undefined) report('/finetune/schedule/step_size', 'is needed, since type is "step"');
    return { type, step_size: step_size ?? 1, gamma, warmup_epochs };
  }
  for (const field of ['step_size', 'gamma']) {
    if (field in given) report(`/finetune/schedule/${field}`, `"${type}" has none`);
  }
  return { type, warmup_epochs };
}
