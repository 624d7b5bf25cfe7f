/** What is asked of jobs, by the design of recovery (RECOVERY.md), on CIFAR-10. */
import type { NetName } from '../nets/index.js';
import type { RowKind } from '../rows/grid.js';
import type { MeasuredRow } from '../rows/measured-row.js';
import { accuracies, mean, rowsIn } from './figures.js';

/** At least so many points, or at most so many lost against the original, or at most so many seconds of CPU: others run beside it. */
type Bound = { readonly least: number } | { readonly lost: number } | { readonly cpuSeconds: number };

type Asked = Bound & {
  readonly net: NetName;
  readonly kind: RowKind;
  readonly samples: number;
  readonly share: number;
};

const ASKED: readonly Asked[] = [
  { net: 'plain', kind: 'default', samples: 128, share: 0.5, least: 71.5 },
  { net: 'plain', kind: 'default', samples: 128, share: 0.3, least: 66 },
  { net: 'plain', kind: 'default', samples: 1000, share: 0.5, least: 73 },
  { net: 'plain', kind: 'default', samples: 1000, share: 0.3, least: 68 },
  { net: 'residual', kind: 'default', samples: 0, share: 0.5, lost: 4.9 },
  { net: 'residual', kind: 'default', samples: 0, share: 0.3, lost: 11.4 },
  { net: 'residual', kind: 'default', samples: 128, share: 0.5, lost: 2.7 },
  { net: 'residual', kind: 'default', samples: 128, share: 0.5, cpuSeconds: 25 },
  { net: 'residual', kind: 'default', samples: 128, share: 0.3, lost: 6.9 },
  { net: 'residual', kind: 'default', samples: 1000, share: 0.3, lost: 3.9 },
  { net: 'residual', kind: 'finetuned', samples: 10_000, share: 0.3, lost: 3.2 },
  { net: 'depthwise', kind: 'default', samples: 128, share: 0.5, least: 69.5 },
  { net: 'depthwise', kind: 'default', samples: 128, share: 0.3, least: 64.5 },
  { net: 'depthwise', kind: 'default', samples: 1000, share: 0.5, least: 70.5 },
  { net: 'depthwise', kind: 'default', samples: 1000, share: 0.3, least: 67.5 },
  { net: 'transformer', kind: 'default', samples: 1000, share: 0.5, lost: 2 },
];

/** Recovery may cost so many points against raw where samples are few or wrong, unless a warning tells. */
const MOST_HARM = 0.5;
const HARM = [
  { source: 'images', samples: 8, share: 0.9 },
  { source: 'noise', samples: 128, share: 0.9 },
] as const;

export interface Verdict {
  readonly what: string;
  readonly asked: string;
  readonly found: string;
  readonly met: boolean;
}

/** Of what was measured. @param original accuracy of the whole net, in points */
export function verdicts(rows: readonly MeasuredRow[], net: NetName, original: number): Verdict[] {
  const met = ASKED.filter((asked) => asked.net === net).flatMap((asked) => judge(rows, asked, original) ?? []);
  return [...met, ...harm(rows, net)];
}

function judge(rows: readonly MeasuredRow[], asked: Asked, original: number): Verdict | undefined {
  const { net, kind, share, samples } = asked;
  const source = kind === 'finetuned' ? 'labelled' : 'images';
  const found = rowsIn(rows, { net, kind, share, source, samples });
  if (found.length === 0) return undefined;
  const what = `${net}, ${kind}, ${samples} images, ${share}`;
  const points = accuracies(found);
  if (points.length === 0) return { what, asked: 'a network', found: found[0].refused!.code, met: false };
  if ('cpuSeconds' in asked) {
    const seconds = mean(found.map(({ costs }) => costs.cpuSeconds));
    const met = seconds < asked.cpuSeconds;
    return { what, asked: `under ${asked.cpuSeconds} s of CPU`, found: `${seconds.toFixed(1)} s`, met };
  }
  const reached = mean(points);
  if ('least' in asked) {
    return { what, asked: `≥ ${asked.least}`, found: reached.toFixed(1), met: reached >= asked.least };
  }
  const lost = original - reached;
  return { what, asked: `loses ≤ ${asked.lost}`, found: lost.toFixed(1), met: lost <= asked.lost };
}

/** Draw by draw. */
function harm(rows: readonly MeasuredRow[], net: NetName): Verdict[] {
  return HARM.flatMap(({ source, samples, share }) => {
    const of = (kind: RowKind) => rowsIn(rows, { net, kind, share, source, samples });
    const pairs = of('recovered').flatMap((recovered) => {
      const raw = of('raw').find(({ row }) => row.draw === recovered.row.draw);
      if (raw?.accuracy == null || recovered.accuracy === null) return [];
      const told = recovered.job!.warnings.filter((code) => !raw.job!.warnings.includes(code));
      return [{ lost: 100 * (raw.accuracy - recovered.accuracy), told }];
    });
    if (pairs.length === 0) return [];
    const worst = pairs.reduce((a, b) => (b.lost > a.lost ? b : a));
    const told = worst.told.length > 0 ? `, ${worst.told.join(', ')}` : '';
    return {
      what: `${net}, recovered, ${samples} ${source === 'noise' ? 'of noise' : 'images'}, ${share}`,
      asked: `loses ≤ ${MOST_HARM} against raw, or warns`,
      found: `${worst.lost.toFixed(1)}${told}`,
      met: worst.lost <= MOST_HARM || worst.told.length > 0,
    };
  });
}
