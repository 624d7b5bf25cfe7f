import type { Reason } from '../../graph/channels.js';

/** Why channels stay, as the tracer and the units find it. The ops have their own in graph/ops/reasons.ts. */
const TRACER_REASONS = {
  INPUT: (name: string) => `input ${name} of the model must keep its shape`,
  OUTPUT: (name: string) => `output ${name} of the model must keep its shape`,
  OPAQUE_OP: (name: string) => `${name} is an op whose channels are not known`,
  IGNORED: (name: string) => `layer ${name} is on the ignore list`,
  FIXED_AXIS: (name: string) => `the channels of ${name} meet an axis that can not be pruned`,
  NO_CONSUMER: (name: string) => `no layer with weights reads the channels of ${name}`,
  NO_PRODUCER: (name: string) => `no layer with weights makes the channels that ${name} reads`,
  NO_WEIGHTS: (name: string) => `the weights of ${name} are computed by the model, so channels can not be ranked`,
  SINGLE_CHANNEL: (name: string) => `${name} has a single channel here`,
} as const satisfies Record<string, (name: string) => string>;

export type TracerReasonCode = keyof typeof TRACER_REASONS;

/** @example tracerReason('OUTPUT', 'softmax').message // 'output softmax of the model must keep its shape' */
export function tracerReason(code: TracerReasonCode, name: string): Reason {
  return { code, message: TRACER_REASONS[code](name) };
}
