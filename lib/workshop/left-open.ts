import type { Examiner } from './exercise.ts'
import { type Dialogue, exchange, otherwise } from './many-clients.ts'

/** So many that a server which waits a second for each of them keeps the others waiting for long. */
const ENDED = 12

/**
 * Clients send something that ends their connections, and do not end it themselves. Other clients must
 * be served all the same.
 *
 * @param last What ends a connection.
 * @throws {Failed} when another client gets no answer.
 */
export async function servesBesideEnded(
  at: Examiner,
  dialogue: Dialogue,
  last: string | Uint8Array,
): Promise<void> {
  const earlier = await at.connect()
  for (let n = 0; n < ENDED; n++) (await at.connect()).send(last)
  const serve = async () => {
    for (const [n, talk] of [earlier, await at.connect()].entries()) {
      await exchange(at, dialogue, talk, n)
    }
  }
  await otherwise(at, serve, state => ({
    what: `${ENDED} clients had not closed connections that the server has to end, and another client got no answer (${state})`,
    sent: Buffer.from(last),
    mistake:
      'the server waits until a client closes its side, and serves no other client meanwhile',
  }))
}
