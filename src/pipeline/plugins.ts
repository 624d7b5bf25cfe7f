import { basename } from 'node:path';
import { pathToFileURL } from 'node:url';
import { EspalierError } from '../errors.js';
import * as framework from '../pruning/index.js';

// So that what plugins are handed draws itself, as its types say.
import '../drawing/index.js';

/** Everything that a plugin is given to build with: the whole pruning framework. */
export type Framework = typeof framework;

/**
 * The default export of a plugin's module: makes parts out of the framework's classes, which it is handed so that there
 * is one copy of them wherever the module is.
 * @example export default () => ({ criteria: [{ name: 'mine', importance: (unit, source) => … }] });
 */
export type PluginModule = (framework: Framework) => framework.Plugin | Promise<framework.Plugin>;

/**
 * The built-in parts and those of the operator's modules. Runs code of those modules: they are named by the environment of
 * the service and never by a request.
 * @param paths of JavaScript modules.
 * @throws EspalierError PLUGIN_FAILED naming the module: it can not be imported, exports no function or none that gives lists of
 *   parts, or a name of it is taken.
 */
export async function loadParts(paths: readonly string[]): Promise<framework.FrameworkParts> {
  let parts = framework.BUILT_IN_PARTS;
  for (const path of paths) {
    try {
      const { default: plugin } = (await import(pathToFileURL(path).href)) as { default?: PluginModule };
      if (typeof plugin !== 'function') throw new Error('its default export is no function');
      parts = framework.addPlugin(parts, await plugin(framework), basename(path));
    } catch (cause) {
      const message = cause instanceof Error ? cause.message : String(cause);
      throw new EspalierError('PLUGIN_FAILED', `plugin ${path}: ${message}`, { cause });
    }
  }
  return parts;
}
