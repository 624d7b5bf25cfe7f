import { openEngine } from '../../../src/engine/index.js';
import { testChains } from '../contracts/chains.js';
import { describeNative } from './native-addon.js';

describeNative('the native engine', () => {
  testChains((threads) => openEngine({ engine: 'auto', device: 'cpu', threads }), {
    runs: 30,
    float64Tolerance: 1e-12,
  });
});
