import type { Inspections } from '../jobs/messages.js';
import type { BlobRef } from '../storage/blob-store.js';
import { unavailable, whileAvailable } from './availability.js';
import { fromCodedError } from './coded-error.js';
import { type InspectionAnswer, openInspections } from './payloads.js';
import type { Outcome, Transport } from './work-queue.js';
import { WorkerPresence } from './worker-presence.js';

/** How long an upload waits for its verdict: the child's own limit of 30 s, and a queue before it. */
const VERDICT_MS = 90_000;

export interface Inspector {
  inspect<K extends keyof Inspections>(kind: K, upload: BlobRef): Promise<Inspections[K]>;
  close(): Promise<void>;
}

/** Who waits for the answer to one question. */
interface Waiting {
  readonly tell: (outcome: Outcome<InspectionAnswer>) => void;
  /** Puts the question again, where the datastore has lost it. */
  readonly ask: () => Promise<unknown>;
}

/** The API's end of the inspections queue: a question goes in, and the caller waits for its answer. */
export function openInspector(transport: Transport, onError: (error: Error) => void): Inspector {
  const queue = openInspections(transport);
  const presence = new WorkerPresence(() => transport.ready() === true);
  const waiting = new Map<string, Waiting>();
  let count = 0;
  const session = Date.now().toString(36);

  /** What an event may not have told: the datastore was away. */
  const lookAgain = async (id: string, { tell, ask }: Waiting): Promise<void> => {
    const found = await queue.find(id);
    if (found === undefined) await ask();
    else if (found.outcome !== undefined) tell(found.outcome);
  };

  const subscription = queue.listen({
    outcome: (id, outcome) => waiting.get(id)?.tell(outcome),
    alive: () => presence.heard(),
    missed: () => {
      for (const [id, one] of waiting) lookAgain(id, one).catch(onError);
    },
  });

  return {
    async inspect<K extends keyof Inspections>(kind: K, upload: BlobRef): Promise<Inspections[K]> {
      const id = `${session}-${++count}`;
      const ask = () => queue.enqueue(id, { kind, upload });
      const what = `the ${kind} could not be inspected`;
      const failed = (reason: string) => unavailable(`${what}: ${reason}`);
      let timer: NodeJS.Timeout | undefined;
      const answered = new Promise<InspectionAnswer>((resolve, reject) => {
        const tell = (outcome: Outcome<InspectionAnswer>): void =>
          'ending' in outcome ? resolve(outcome.ending) : reject(failed(outcome.failure));
        waiting.set(id, { tell, ask });
        timer = setTimeout(() => reject(failed(`no answer came in ${VERDICT_MS / 1000} s`)), VERDICT_MS);
      });
      // Heard below, unless the question can't even be asked.
      answered.catch(() => {});
      let workers: ReturnType<WorkerPresence['watch']> | undefined;
      try {
        await whileAvailable(transport, what, async (abandoned) => {
          await subscription.open;
          abandoned.throwIfAborted();
          await ask();
        });
        workers = presence.watch(what);
        const answer = await Promise.race([answered, workers.absent]);
        if ('error' in answer) throw fromCodedError(answer.error);
        return answer.ok as Inspections[K];
      } finally {
        // Whether it was answered or not, nobody waits any more: no worker should look for it. With Redis away it goes by its age.
        queue.forget(id).catch(() => {});
        workers?.stop();
        clearTimeout(timer);
        waiting.delete(id);
      }
    },
    async close() {
      await Promise.all([subscription.close(), queue.close()]);
    },
  };
}
