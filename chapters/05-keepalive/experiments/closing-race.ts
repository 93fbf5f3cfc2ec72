/** Requests on idle connections at about the time at which the server closes them. */
import { once } from 'node:events'
import { Agent, request } from 'node:http'
import type { PeerProgram } from '../../../lib/lab/peer-process.ts'
import { experiment } from '../../../lib/textbook/experiment.ts'

interface Counts {
  /** Answered on a connection that was used before. */
  reused: number
  /** Answered on a new one, because the old one was seen to be closed. */
  fresh: number
  /** ECONNRESET on a connection that was used before. */
  lost: number
  /** Anything else. */
  other: number
}

interface Seen {
  race: Counts
  /** The same with a server that says for how long it will wait, and waits a second longer. */
  hinted: Counts
}

const IDLE_MS = 100
const LANES = 30
const ROUNDS = 10

const server: PeerProgram<{ idleMs: number }> = async (wire, { idleMs }) => {
  const { createServer } = await import('node:http')
  const port = (server: import('node:http').Server) => {
    const address = server.address()
    return typeof address === 'object' && address?.port
  }
  const unhinted = createServer({ keepAliveTimeout: 0 }, (request, response) => {
    request.socket.setTimeout(0)
    response.on('finish', () => request.socket.setTimeout(idleMs, () => request.socket.destroy()))
    response.end('ok')
  }).listen(0, '127.0.0.1')
  const hinted = createServer({ keepAliveTimeout: 2000 }, (_, response) => response.end('ok'))
  hinted.listen(0, '127.0.0.1', () => wire.send('listening', [port(unhinted), port(hinted)]))
}

const words = ({ reused, fresh, lost, other }: Counts) =>
  `${lost} lost (ECONNRESET), ${reused} reused, ${fresh} on new connections${other ? `, ${other} others` : ''}`

export default experiment<Seen>({
  title: `${LANES * ROUNDS} requests, each on a connection that was idle for ${IDLE_MS} ms or so`,
  needs: [],
  claims: [
    {
      id: '5.18',
      star: true,
      says: 'A client may send a request at the moment at which the server closes the idle connection, and lose it.',
      verdict: 'holds',
      truth:
        'Neither of them has done anything wrong. The server’s RST is all the client gets; a client must be ready to ask again what may be asked twice.',
      source: 'RFC 9112 section 9.5',
      example: '05/closing-race',
      judge: ({ race, hinted }) => {
        const observed = `${words(race)}; with a hint and a margin: ${words(hinted)}`
        return { verdict: race.lost > 0 && hinted.lost === 0 ? 'holds' : 'wrong', observed }
      },
      altered: seen => ({ ...seen, race: { ...seen.race, lost: 0 } }),
    },
  ],

  async run(lab, observe) {
    const peer = lab.start(server, { idleMs: IDLE_MS })
    const ports = (await peer.message('listening')).value as [number, number]
    const meet = async (port: number): Promise<Counts> => {
      const counts: Counts = { reused: 0, fresh: 0, lost: 0, other: 0 }
      const lane = async (index: number) => {
        const agent = new Agent({ keepAlive: true, timeout: 5000 })
        for (let round = 0; round <= ROUNDS; round++) {
          const asking = request({ port, host: '127.0.0.1', agent })
          asking.end()
          const kind = await once(asking, 'response').then(
            async ([response]) => {
              await once(response.resume(), 'end')
              return asking.reusedSocket ? 'reused' : 'fresh'
            },
            (error: NodeJS.ErrnoException) =>
              asking.reusedSocket && error.code === 'ECONNRESET' ? 'lost' : 'other',
          )
          if (round > 0) counts[kind]++
          // A little before, a little after: from 98 to 102 ms.
          const ms = IDLE_MS - 2 + ((index + round) % 5)
          await new Promise(resolve => setTimeout(resolve, ms))
        }
        agent.destroy()
      }
      await Promise.all(Array.from({ length: LANES }, (_, index) => lane(index)))
      return counts
    }
    const race = await meet(ports[0])
    observe(`no hint: ${words(race)}`)
    const hinted = await meet(ports[1])
    observe(`hint and margin: ${words(hinted)}`)
    return { race, hinted }
  },
})
