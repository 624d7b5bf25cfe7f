/** A few graphs of each op, on which a fault of an op as a whole shows; test/conformance/ops has all. */
export const FEW = { most: 2 };
