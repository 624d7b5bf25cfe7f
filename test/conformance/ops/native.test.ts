import { createNativeEngine } from '../../../src/engine/native/index.js';
import { testOps } from '../../engine/contracts/ops.js';
import { testResizing } from '../../engine/contracts/resizing.js';
import { describeNative } from '../../engine/native/native-addon.js';
import { nativeWithFallback } from '../../engine/native/with-fallback.js';

const engine = await nativeWithFallback();

describeNative('ops on the native engine and its fallback', () => {
  testOps(engine);
});

describeNative('the native engine', (addon) => {
  const native = createNativeEngine(addon, { threads: 2 });
  testResizing({ open: () => native });
});
