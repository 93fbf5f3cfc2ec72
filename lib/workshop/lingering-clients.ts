import type { CheckContext } from './exercise.ts'
import { type Dialogue, exchange, mustSucceed } from './many-clients.ts'

/** So many that a server which waits a second for each of them keeps the others waiting for long. */
const ENDED = 12

/**
 * Clients send something that ends their connections, and do not end it themselves. Other clients must
 * be served all the same.
 *
 * @param last What ends a connection.
 * @throws {CheckFailed} when another client gets no answer.
 */
export async function servesBesideLingeringClients(
  check: CheckContext,
  dialogue: Dialogue,
  last: string | Uint8Array,
): Promise<void> {
  const earlier = await check.connect()
  for (let n = 0; n < ENDED; n++) (await check.connect()).send(last)
  const serve = async () => {
    for (const [n, probe] of [earlier, await check.connect()].entries()) {
      await exchange(check, dialogue, probe, n)
    }
  }
  await mustSucceed(check, serve, state => ({
    what: `${ENDED} clients had not closed connections that the server has to end, and another client got no answer (${state})`,
    sent: Buffer.from(last),
    likelyCause:
      'the server waits until a client closes its side, and serves no other client meanwhile',
  }))
}
