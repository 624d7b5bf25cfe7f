/** The process that loads the operator's modules to say which parts they bring, so that the API never does. */
import { EspalierError } from '../src/errors.js';
import { loadParts } from '../src/pipeline/index.js';
import { rowsOf } from '../src/prune-config/index.js';
import { openChildChannel } from './child-channel.js';
import { fitError } from './fit.js';
import { parsePartsRequest } from './protocol.js';

const channel = openChildChannel(parsePartsRequest, ({ plugins }) => {
  loadParts(plugins)
    .then((parts) => channel.finish({ type: 'done', value: rowsOf(parts) }))
    .catch((error: Error) => {
      // Whose fault it is stands in the message, and who reads it is the operator.
      const message = error instanceof EspalierError ? error.message : `${plugins.join(', ')}: ${error.message}`;
      channel.finish({ type: 'error', error: fitError({ code: 'INTERNAL', message, errors: [], retryable: false }) });
    });
});
