/** Options of the benchmarks: what is wrong with them is said in a line, and ends the process with code 2. */
import { type ParseArgsConfig, parseArgs } from 'node:util';

/** The options of the command line; `--help` prints the usage, and ends the process. */
export function readOptions<O extends NonNullable<ParseArgsConfig['options']>>(
  usage: string,
  options: O,
): ReturnType<typeof parseArgs<{ options: O }>>['values'] {
  if (process.argv.slice(2).includes('--help')) showUsage(usage);
  try {
    return parseArgs({ options }).values;
  } catch (error) {
    return fail((error as Error).message);
  }
}

/** Numbers without names, in order; `defaults` has the names of all and what they are where they aren't given. */
export function readNumbers(usage: string, defaults: Readonly<Record<string, number>>): number[] {
  const given = process.argv.slice(2);
  if (given.includes('--help')) showUsage(usage);
  const names = Object.keys(defaults);
  if (given.length > names.length)
    fail(`there are ${names.length} arguments (${names.join(', ')}); found ${given.length}`);
  return names.map((name, i) => {
    const number = given[i] === undefined ? defaults[name] : Number(given[i]);
    if (!Number.isInteger(number) || number < 0) fail(`${name} is a whole number; found ${given[i]}`);
    return number;
  });
}

/** Names that are separated by commas. */
export function listOption<T extends string>(option: string, given: string, known: readonly T[]): T[] {
  const names = given.split(',') as T[];
  const odd = names.filter((name) => !known.includes(name));
  if (odd.length > 0) fail(`--${option} takes ${known.join(', ')}; found ${odd.join(', ')}`);
  return names;
}

/** One name. */
export function choiceOption<T extends string>(option: string, given: string, known: readonly T[]): T {
  const choice = known.find((name) => name === given);
  return choice ?? fail(`--${option} takes one of ${known.join(', ')}; found ${given}`);
}

/** A whole number from 1. */
export function countOption(option: string, given: string): number {
  const count = Number(given);
  if (!Number.isInteger(count) || count < 1) fail(`--${option} takes a whole number from 1; found ${given}`);
  return count;
}

/** Numbers that are separated by commas. */
export function numbersOption(option: string, given: string): number[] {
  const numbers = given.split(',').map(Number);
  if (numbers.some(Number.isNaN)) fail(`--${option} takes numbers with commas between them; found ${given}`);
  return numbers;
}

/** A JSON object. */
export function jsonOption(option: string, given: string): object {
  try {
    const value: unknown = JSON.parse(given);
    if (typeof value === 'object' && value !== null && !Array.isArray(value)) return value;
  } catch (error) {
    fail(`--${option}: ${(error as Error).message}`);
  }
  return fail(`--${option} takes a JSON object; found ${given}`);
}

function showUsage(usage: string): never {
  process.stdout.write(usage);
  process.exit();
}

function fail(message: string): never {
  process.stderr.write(`${message} (--help says more)\n`);
  process.exit(2);
}
