import { withBackend } from 'bullmq';
import { createMemoryBackend, MemoryStore } from './memory/memory-backend.js';
import { bindTransport, type Transport } from './transport.js';

/** BullMQ in this process's memory: queue and worker must share the object. `onError` hears of what BullMQ can tell nobody. */
export function openMemoryTransport(onError: (error: Error) => void): Transport {
  const store = new MemoryStore();
  return bindTransport(
    withBackend(createMemoryBackend),
    { producer: store, consumer: store },
    {},
    {
      away: () => undefined,
      ready: () => true,
      onReturn: () => {},
      onEmptied: () => {},
      firstLook: Promise.resolve({}),
      close: async () => {},
    },
    onError,
  );
}
