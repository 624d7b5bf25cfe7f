/** The process that loads the operator's modules to say which parts they bring, so that the API never does. */
import { loadParts } from '../src/pipeline/index.js';
import { openChildChannel } from './child-channel.js';
import { fitError } from './fit.js';
import { parseNamesRequest } from './protocol.js';

const channel = openChildChannel(parseNamesRequest, ({ plugins }) => {
  loadParts(plugins).then(
    // As JSON parts are what checking a config needs of them.
    (value) => channel.finish({ type: 'done', value }),
    // Whose fault it is stands in the message, and who reads it is the operator.
    (error: Error) =>
      channel.finish({
        type: 'error',
        error: fitError({ code: 'INTERNAL', message: error.message, errors: [], retryable: false }),
      }),
  );
});
