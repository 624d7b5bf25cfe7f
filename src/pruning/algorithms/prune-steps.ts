/** Parameters that count prune steps: how many fit goes by the epochs, which an algorithm's own fields know nothing of. */
import type { AlgorithmParameters } from '../config/named.js';

const KEYWORD = 'x-prune-steps';

interface PruneSteps {
  /** The parameter that has the epochs from one step to the next. Absent: 1. */
  readonly every?: string;
  /** How many there are where as many fit. */
  readonly default: number;
}

/** A keyword for the schema of a parameter that counts prune steps. Other processes are told it with the schema. */
export function pruneSteps(steps: PruneSteps): object {
  return { [KEYWORD]: steps };
}

/** The parameters that count prune steps, by name. */
function countersOf(parameters: AlgorithmParameters): [name: string, steps: PruneSteps][] {
  return Object.entries(parameters).flatMap(([name, schema]): [string, PruneSteps][] =>
    KEYWORD in schema ? [[name, schema[KEYWORD] as PruneSteps]] : [],
  );
}

/** What is wrong with how parameters say that they count prune steps; undefined where nothing is. */
export function pruneStepsFault(parameters: AlgorithmParameters): string | undefined {
  for (const [name, steps] of countersOf(parameters)) {
    const { every, default: most } = Object(steps) as Partial<PruneSteps>;
    if (!Number.isInteger(most) || most! < 1) return `${name}: ${KEYWORD} needs a "default" of 1 or more`;
    if (every !== undefined && !Object.hasOwn(parameters, every)) return `${name}: there is no parameter ${every}`;
  }
  return undefined;
}

export interface TrainedEpochs {
  /** 0 without finetuning; undefined where the data settle them, as many as prune steps need. */
  readonly epochs: number | undefined;
  /** How many there are taken to be then. */
  readonly usual: number;
}

/**
 * How many prune steps there are, by the parameters that count them: as given, else as many as fit in the epochs, up to
 * their default.
 * @param given the algorithm's parameters with their defaults
 * @param report is told the parameter at fault
 */
export function fitPruneSteps(
  parameters: AlgorithmParameters,
  given: Readonly<Record<string, unknown>>,
  { epochs, usual }: TrainedEpochs,
  report: (name: string, fault: string) => void,
): Readonly<Record<string, number>> {
  const fitted = countersOf(parameters).map(([name, steps]): [string, number] => {
    const every = intervalOf(steps, given);
    const most = epochs === 0 ? 1 : Math.ceil((epochs ?? usual) / every);
    const count = (given[name] as number | undefined) ?? Math.min(steps.default, most);
    // With one epoch steps are iterations apart; how many there are only the data can tell.
    if (epochs !== undefined && count > most && epochs !== 1) report(name, tooMany(count, every, epochs, most));
    return [name, count];
  });
  return Object.fromEntries(fitted);
}

/** The epochs that prune steps need when they are all taken: 1 where there is one step. @param given the algorithm's parameters, fitted */
export function epochsOfSteps(parameters: AlgorithmParameters, given: Readonly<Record<string, unknown>>): number {
  const needed = countersOf(parameters).map(([name, steps]) => {
    return ((given[name] as number) - 1) * intervalOf(steps, given) + 1;
  });
  return Math.max(1, ...needed);
}

/** Epochs from one step to the next. */
function intervalOf({ every }: PruneSteps, given: Readonly<Record<string, unknown>>): number {
  return every === undefined ? 1 : ((given[every] as number | undefined) ?? 1);
}

function tooMany(count: number, every: number, epochs: number, most: number): string {
  return epochs === 0
    ? `must be 1 without finetuning, found ${count}: prune steps are epochs apart`
    : `${count} prune steps of ${every} epochs need more than ${(count - 1) * every} epochs, found ${epochs}; at most ${most} fit`;
}
