import type { Examiner } from './exercise.ts'
import type { Talk } from './talk.ts'

/** More clients at once than common pools, tables and limits have room for. */
export const CROWD = 200
/** So many connect before the last of them speaks: the queue of a server that accepts is short. */
const GROUP = 5

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
 * A crowd that comes and goes one after the other: with a FIN, without sending
 * anything, or with a reset. The server must free whatever it keeps for a client.
 *
 * @param begin Begins a conversation that is broken off.
 */
export async function comeAndGo(
  at: Examiner,
  begin: (talk: Talk) => void,
  served: () => Promise<void>,
): Promise<void> {
  for (let n = 0; n < CROWD; n++) {
    const talk = await at.connect()
    begin(talk)
    if (n % 3 === 0) talk.reset()
    else if (n % 3 === 1) talk.close()
    else talk.finish()
    // The queue of a server that accepts is short.
    if (n % GROUP === GROUP - 1) await served()
    if (n % 3 === 2) talk.close()
  }
}
