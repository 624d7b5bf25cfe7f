/** The least that a certificate allows: what float32 makes of another order of sums. */
export const CERTIFICATE_LIMIT = 1e-4;

/** Of the difference of two engines on the original, how often a certificate between them allows it. */
export const ALLOWANCE = 3;

/** Two engines that differ by more than this on the same network are not both right. */
export const DISAGREEMENT = 1e-3;
