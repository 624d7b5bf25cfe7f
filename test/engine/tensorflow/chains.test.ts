import { testChains } from '../contracts/chains.js';
import { engineOn } from './backends.js';

testChains(() => engineOn('cpu'), { runs: 10, float64Tolerance: 2e-5, mostElements: 5_000 });
