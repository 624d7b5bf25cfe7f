/** What a child says, cut to what the protocol takes: names and texts come from strangers' files. */
import { clip, LONGEST_ID, LONGEST_NAME, LONGEST_TEXT, MOST_WARNINGS } from '../src/checks/bounds.js';
import type { JobOutcome } from '../src/contract.js';
import type { CodedError } from '../src/queue/payloads.js';

/** The protocol's bound on texts. */
const LONGEST_MESSAGE = 16_000;

/** The protocol's bound on fields at fault. */
const MOST_ERRORS = 1000;

export function fitText(text: string): string {
  return clip(text, LONGEST_MESSAGE);
}

export function fitError({ code, message, errors, retryable }: CodedError): CodedError {
  const fitted = errors.slice(0, MOST_ERRORS).map((error) => ({
    pointer: clip(error.pointer, LONGEST_TEXT),
    message: clip(error.message, LONGEST_TEXT),
  }));
  return { code, message: fitText(message), errors: fitted, retryable };
}

export function fitOutcome(outcome: JobOutcome): JobOutcome {
  return { ...outcome, result: fitNames(outcome.result), warnings: fitWarnings(outcome.warnings) };
}

/** The first ones. */
export function fitWarnings(warnings: JobOutcome['warnings']): JobOutcome['warnings'] {
  return warnings
    .slice(0, MOST_WARNINGS)
    .map(({ code, message }) => ({ code: clip(code, LONGEST_ID), message: clip(message, LONGEST_TEXT) }));
}

/** A copy whose texts and names of fields are no longer than a name may be; names that become equal are told apart. */
export function fitNames<T>(value: T): T {
  return copy(value) as T;
}

function copy(value: unknown): unknown {
  if (typeof value === 'string') return clip(value, LONGEST_NAME);
  if (Array.isArray(value)) return value.map(copy);
  if (typeof value !== 'object' || value === null) return value;
  const taken = new Map<string, unknown>();
  for (const [name, inner] of Object.entries(value)) taken.set(freeName(name, taken), copy(inner));
  return Object.fromEntries(taken);
}

function freeName(name: string, taken: ReadonlyMap<string, unknown>): string {
  let fitted = clip(name, LONGEST_NAME);
  for (let i = 2; taken.has(fitted); i++) fitted = `${clip(name, LONGEST_NAME - 10)}#${i}`;
  return fitted;
}
