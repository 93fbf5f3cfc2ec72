import type { Examiner } from './exercise.ts'
import type { Talk } from './talk.ts'

/** More clients at once than common pools, tables and limits have room for: 200, 250, 256. */
export const CROWD = 270
/** So many connect before the last of them speaks: the queue of a server that accepts is short. */
const GROUP = 5
/** So many clients come and go: more than a table of 1024 descriptors has room for. */
const VISITORS = 1100
/** A program that takes its time for each of them meets only a part of them, at least a crowd. */
const VISITING_MS = 4000

/**
 * Connects a crowd, all of whom stay.
 *
 * @param served Examines the last one of a group that has connected, among so many others.
 */
export async function gather(
  at: Examiner,
  served: (talk: Talk, others: number) => Promise<void>,
): Promise<Talk[]> {
  const talks: Talk[] = []
  while (talks.length < CROWD) {
    for (let n = 0; n < GROUP; n++) talks.push(await at.connect())
    await served(talks.at(-1)!, talks.length - 1)
  }
  return talks
}

/**
 * Clients come and go one after the other: with a FIN, without sending anything, or with a reset. The
 * server must free whatever it keeps for a client.
 *
 * @param begin Begins a conversation that is broken off, the nth one.
 * @param served Examines another client, when a group has come.
 */
export async function comeAndGo(
  at: Examiner,
  begin: (talk: Talk, n: number) => Promise<void> | void,
  served: () => Promise<void>,
): Promise<void> {
  const watch = at.stopwatch()
  const isSlow = () => watch.read().leastMs > VISITING_MS
  for (let n = 0; n < VISITORS; n++) {
    const talk = await at.connect()
    await begin(talk, n)
    if (n % 3 === 0) talk.reset()
    else if (n % 3 === 1) talk.close()
    else talk.finish()
    // The queue of a server that accepts is short.
    if (n % GROUP === GROUP - 1) {
      await served()
      if (n > CROWD && isSlow()) return
    }
    if (n % 3 === 2) talk.close()
  }
}
