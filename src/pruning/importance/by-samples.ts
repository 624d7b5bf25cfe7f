import type { Criterion, SampleMeasure } from './criterion.js';
import { hasFilters } from './filter-scores.js';
import { l1Importance } from './l1.js';

/** By what was measured on samples; the L1 criterion where nothing was: without samples, and where no layer of known weights reads the channels. */
function bySamples(
  { taken, ...told }: Pick<Criterion, 'name' | 'about' | 'cost'> & { readonly taken: string },
  measure: SampleMeasure,
): Criterion {
  return {
    ...told,
    needs: 'samples',
    bySamples: measure,
    importance: (unit, source) => source.losses?.(unit.name) ?? l1Importance(unit, source),
    ranks: hasFilters,
    taken: (unit, source) => (source.losses?.(unit.name) ? taken : 'l1'),
  };
}

const OBS = {
  about:
    'what the layers that read a channel lose without it, once their other weights make up for it (optimal brain surgeon, Hassibi and Stork 1993)',
  cost: 'one run of the samples; H³ for each layer that reads the channels',
};

export const OBS_CRITERION = bySamples({ name: 'obs', taken: 'obs', ...OBS }, 'loss');

export const AUTO_CRITERION = bySamples(
  { name: 'auto', taken: 'obs', about: '`obs` where there are samples, else `l1`', cost: OBS.cost },
  'loss',
);

const RUN = 'one run of the samples; H² for each layer that reads the channels';

export const WANDA_CRITERION = bySamples(
  {
    name: 'wanda',
    taken: 'wanda',
    about: 'weights times activations, of what goes into the layers that read a channel (after Sun et al. 2023)',
    cost: RUN,
  },
  'weighted_activation',
);

export const MEAN_ACTIVATION_CRITERION = bySamples(
  {
    name: 'mean_activation',
    taken: 'mean_activation',
    about: 'mean absolute activation (Molchanov et al. 2017)',
    cost: RUN,
  },
  'activation',
);

export const APOZ_CRITERION = bySamples(
  {
    name: 'apoz',
    taken: 'apoz',
    about: 'share of activations that are not zero (average percentage of zeros, Hu et al. 2016)',
    cost: RUN,
  },
  'activity',
);
