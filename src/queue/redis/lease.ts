/**
 * Who uses this Redis now. A record may be there twice (restored, copied), and the mark in Redis knows records only: so the
 * one process that serves it holds a lease beside the mark, which ends soon after the process does.
 */
import { randomUUID } from 'node:crypto';
import { hostname } from 'node:os';
import type { Redis } from 'ioredis';

/** A lease that nobody renews ends after so long. It is renewed with each look, every second. */
export const LEASE_MS = 5000;

/** Renewals are further apart. */
const ROUNDING_MS = 100;

/** Takes the lease where it is free or ours. Answers who has it, and when it ends by Redis's clock, in ms: that moves when it is renewed. */
const TAKE = `
local holder = redis.call('get', KEYS[1])
if holder and holder ~= ARGV[1] then
  local now = redis.call('time')
  return {holder, now[1] * 1000 + math.floor(now[2] / 1000) + redis.call('pttl', KEYS[1])}
end
redis.call('set', KEYS[1], ARGV[1], 'px', ARGV[2])
return {ARGV[1], 0}`;

const RELEASE = `if redis.call('get', KEYS[1]) == ARGV[1] then redis.call('del', KEYS[1]) end`;

/** Of another process; `alive` once it was seen to renew it, and undefined until that is known. */
export interface OtherHolder {
  readonly name: string;
  readonly alive: true | undefined;
}

export class Lease {
  readonly #client: Redis;
  readonly #key: string;
  readonly #token = `${hostname()}:${process.pid} ${randomUUID()}`;
  #takenMs = -Infinity;
  /** Whose lease ends when, as the last look saw it. */
  #other: { readonly token: string; readonly endsMs: number; readonly alive: true | undefined } | undefined;

  constructor(client: Redis, key: string) {
    this.#client = client;
    this.#key = key;
  }

  /** Takes or renews it. @returns undefined when it is ours now, or who has it */
  async take(): Promise<OtherHolder | undefined> {
    const sentMs = performance.now();
    const [token, endsMs] = (await this.#client.eval(TAKE, 1, this.#key, this.#token, LEASE_MS)) as [string, number];
    if (token === this.#token) {
      this.#takenMs = sentMs;
      this.#other = undefined;
      return undefined;
    }
    const before = this.#other;
    const isRenewed = before !== undefined && (before.token !== token || endsMs - before.endsMs > ROUNDING_MS);
    const alive = isRenewed || before?.alive;
    this.#other = { token, endsMs, alive };
    return { name: token.split(' ')[0], alive };
  }

  /** Whether it is ours for certain: after a standstill of this process another may have it. */
  get isSure(): boolean {
    return performance.now() - this.#takenMs < LEASE_MS;
  }

  async release(): Promise<void> {
    if (this.#takenMs !== -Infinity) await this.#client.eval(RELEASE, 1, this.#key, this.#token);
  }
}
