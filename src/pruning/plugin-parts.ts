/** Parts that a plugin brings, made to answer for themselves: what goes wrong in one is a coded error that names it. */
import { EspalierError } from '../errors.js';
import { type AlgorithmType, BaseAlgorithm, type Trainer } from './algorithms/index.js';
import { type Criterion, requireImportances } from './importance/index.js';
import { ChannelMutator, type MutatorType } from './mutators/index.js';
import { rowOf } from './part-rows.js';
import { MutableChannelUnit, type UnitType } from './units/index.js';

/** Runs a plugin's code. @throws EspalierError PLUGIN_FAILED naming it, for whatever that throws without a code. */
type Blame = <T>(run: () => T) => T;

function blame(plugin: string, part: string): Blame {
  return (run) => {
    try {
      return run();
    } catch (error) {
      throw failure(plugin, part, error);
    }
  };
}

function failure(plugin: string, part: string, cause: unknown): EspalierError {
  if (cause instanceof EspalierError && cause.code !== 'IMPORTANCE_INVALID') return cause;
  const message = cause instanceof Error ? cause.message : String(cause);
  return new EspalierError('PLUGIN_FAILED', `${part} of plugin ${plugin}: ${message}`, { cause });
}

/** What a `create` gave, if it is what it should be. */
function made<T>(found: unknown, kind: abstract new (...args: never[]) => T): T {
  if (found instanceof kind) return found;
  throw new Error(`create gave ${found === null ? 'null' : typeof found}, a ${kind.name} is needed`);
}

export function guardCriterion(criterion: Criterion, plugin: string): Criterion {
  const { name, ranks } = criterion;
  const guarded = blame(plugin, `criterion ${name}`);
  return {
    ...rowOf('criteria', criterion),
    importance: (unit, source) =>
      guarded(() => {
        const values = criterion.importance(unit, source);
        return values === undefined ? undefined : requireImportances(values, unit);
      }),
    ...(ranks ? { ranks: (unit, source) => guarded(() => Boolean(ranks.call(criterion, unit, source))) } : {}),
  };
}

export function guardUnitType(type: UnitType, plugin: string): UnitType {
  const guarded = blame(plugin, `unit type ${type.name}`);
  return {
    ...rowOf('unitTypes', type),
    create: (channelUnit, args, setup) =>
      guarded(() => {
        const unit = made(type.create(channelUnit, args, setup), MutableChannelUnit);
        const { importance, setChoice, unfitReason } = unit;
        return Object.assign(unit, {
          importance: (source: Parameters<typeof importance>[0]) =>
            guarded(() => {
              const values = importance.call(unit, source);
              return values === undefined ? undefined : requireImportances(values, channelUnit);
            }),
          setChoice: (...rest: Parameters<typeof setChoice>) => guarded(() => setChoice.apply(unit, rest)),
          unfitReason: (...rest: Parameters<typeof unfitReason>) => guarded(() => unfitReason.apply(unit, rest)),
        });
      }),
  };
}

export function guardMutatorType(type: MutatorType, plugin: string): MutatorType {
  const guarded = blame(plugin, `mutator ${type.name}`);
  return {
    ...rowOf('mutators', type),
    create: (config) => guarded(() => made(type.create(config), ChannelMutator)),
  };
}

export function guardAlgorithmType(type: AlgorithmType, plugin: string): AlgorithmType {
  const part = `algorithm ${type.name}`;
  return {
    ...rowOf('algorithms', type),
    create: (architecture, config, parts) =>
      blame(
        plugin,
        part,
      )(() => {
        const algorithm = made(type.create(architecture, config, parts), BaseAlgorithm);
        const run = algorithm.run.bind(algorithm);
        return Object.assign(algorithm, {
          run: async (trainer: Trainer, options: Parameters<typeof run>[1]) => {
            const foreign = new Set<unknown>();
            try {
              await run(noting(trainer, foreign), options);
            } catch (error) {
              const own = !foreign.has(error) && !options.signal?.aborted;
              throw own ? failure(plugin, part, error) : error;
            }
          },
        });
      }),
  };
}

/** The trainer, its errors noted: they are none of the algorithm's. */
function noting(trainer: Trainer, errors: Set<unknown>): Trainer {
  const noted = async <T>(run: () => Promise<T>): Promise<T> => {
    try {
      return await run();
    } catch (error) {
      errors.add(error);
      throw error;
    }
  };
  return {
    get iterationsPerEpoch() {
      return trainer.iterationsPerEpoch;
    },
    fullWeights: () => noted(() => trainer.fullWeights()),
    prune: (step) => noted(() => trainer.prune(step)),
    train: (stretch, signal) => noted(() => trainer.train(stretch, signal)),
  };
}
