// Run as the package is installed, before onnxruntime-node's own script (npm runs every `preinstall` before any `postinstall`). On Linux
// that one downloads hundreds of megabytes of CUDA libraries from another host than the registry, with or without a GPU, and ends the
// whole install where it can't; it doesn't where the files are there. Espalier computes nothing by them, so files that say so stand in
// for them. ONNXRUNTIME_NODE_INSTALL=true (or ONNXRUNTIME_NODE_INSTALL_CUDA) downloads them all the same, over these.
import { existsSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';

const TEXT = `Not a library: espalier put this here so that onnxruntime-node downloads no CUDA libraries as it is installed.
To have them: delete this file, and run the install script of onnxruntime-node with ONNXRUNTIME_NODE_INSTALL=true set.
`;

try {
  const require = createRequire(import.meta.url);
  const folder = dirname(require.resolve('onnxruntime-node/package.json'));
  const { requirements, manifests } = require(join(folder, 'script/install-metadata.js'));
  const platform = `${process.platform}/${process.arch}`;
  for (const name of requirements[platform] ?? []) {
    for (const file of Object.keys(manifests[`${platform}:${name}`])) {
      const path = join(folder, 'bin/napi-v6', platform, file);
      if (!existsSync(path)) writeFileSync(path, TEXT);
    }
  }
} catch (error) {
  // Another version of it, or files that others own: then its own script does as it does.
  console.log(`espalier: onnxruntime-node may download CUDA libraries: ${error.message}`);
}
