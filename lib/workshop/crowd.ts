import type { CheckContext } from './exercise.ts'
import type { TcpProbe } from './tcp-probe.ts'

/** More clients at once than common pools, tables and limits have room for: 200, 250, 256. */
export const CROWD = 270
/** So many connect before the last of them speaks: the queue of a server that accepts is short. */
const GROUP = 5
/**
 * So many come and go: those that reset, and those that send a FIN, are each more than a table of 1024
 * descriptors has room for, together with the others that stay.
 */
const VISITORS = 1800
/**
 * A program that takes longer for a group of them than this, whatever the machine does meanwhile, meets
 * only a crowd of them.
 */
const SLOW_MS = 50

const WAYS = ['reset', 'finish', 'reset', 'finish', 'close'] as const

/**
 * Connects a crowd, all of whom stay.
 *
 * @param served Examines the last one of a group that has connected, among so many others.
 */
export async function connectCrowd(
  check: CheckContext,
  served: (probe: TcpProbe, others: number) => Promise<void>,
): Promise<TcpProbe[]> {
  const probes: TcpProbe[] = []
  while (probes.length < CROWD) {
    for (let n = 0; n < GROUP; n++) probes.push(await check.connect())
    await served(probes.at(-1)!, probes.length - 1)
  }
  return probes
}

/**
 * Clients come and go one after the other: with a FIN, without sending anything, or with a reset. The
 * server must free whatever it keeps for a client.
 *
 * @param begin Begins a conversation that is broken off, the nth one.
 * @param served Examines another client, when a group has come.
 */
export async function comeAndGo(
  check: CheckContext,
  begin: (probe: TcpProbe, n: number) => Promise<void> | void,
  served: () => Promise<void>,
): Promise<void> {
  const leaving: TcpProbe[] = []
  let fastestMs = Number.POSITIVE_INFINITY
  let startMs = performance.now()
  for (let n = 0; n < VISITORS; n++) {
    const probe = await check.connect()
    await begin(probe, n)
    const way = WAYS[n % WAYS.length]
    if (way === 'reset') probe.reset()
    else if (way === 'close') probe.close()
    else {
      probe.sendFin()
      leaving.push(probe)
    }
    // The queue of a server that accepts is short.
    if (n % GROUP === GROUP - 1) {
      await served()
      // What came for them has been read: their end is no reset.
      for (const one of leaving.splice(0)) one.close()
      fastestMs = Math.min(fastestMs, performance.now() - startMs)
      if (n > CROWD && fastestMs > SLOW_MS) return
      startMs = performance.now()
    }
  }
}
