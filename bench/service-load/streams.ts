import { once } from 'node:events';
import { Agent, get, type IncomingMessage } from 'node:http';

export interface OpenStreams {
  /** Events so far, of all streams. */
  readonly events: () => number;
  /** Epochs that a stream was not told of, though of one before and one after. */
  readonly gaps: () => number;
  /** Streams that the service ended, or that were never opened. */
  readonly ended: () => number;
  close(): void;
}

/** Opens an event stream of each job, and counts what comes. */
export async function openStreams(url: string, jobIds: readonly string[]): Promise<OpenStreams> {
  // A connection for each stays open.
  const agent = new Agent({ keepAlive: false, maxSockets: Number.POSITIVE_INFINITY });
  let [events, gaps, ended] = [0, 0, 0];
  const open = async (jobId: string): Promise<void> => {
    const request = get(`${url}/jobs/${jobId}/events`, { agent });
    const [answer] = (await once(request, 'response')) as [IncomingMessage];
    if (answer.statusCode !== 200) throw new Error(`the events of ${jobId}: ${answer.statusCode}`);
    let text = '';
    let lastEpoch: number | undefined;
    answer.setEncoding('utf8');
    answer.on('data', (data: string) => {
      const blocks = (text + data).split('\n\n');
      text = blocks.pop()!;
      for (const block of blocks) {
        if (!block.includes('event: ')) continue;
        events += 1;
        const epoch = /"name":"train_loss".*"epoch":(\d+)/.exec(block)?.[1];
        if (epoch === undefined) continue;
        gaps += lastEpoch === undefined ? 0 : Number(epoch) - lastEpoch - 1;
        lastEpoch = Number(epoch);
      }
    });
    answer.on('error', () => {});
    answer.on('close', () => {
      ended += 1;
    });
  };
  await Promise.all(jobIds.map(open));
  return { events: () => events, gaps: () => gaps, ended: () => ended, close: () => agent.destroy() };
}
