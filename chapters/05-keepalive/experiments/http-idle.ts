/** Who closes an idle HTTP connection, and when: servers with four settings, and three clients. */
import { once } from 'node:events'
import { Agent, createServer, get, globalAgent } from 'node:http'
import { type AddressInfo, connect } from 'node:net'
import { setTimeout } from 'node:timers/promises'
import { monotonicMs } from '#lib/lab/lab.ts'
import { experiment } from '#lib/textbook/experiment.ts'

interface Close {
  by: 'server' | 'client' | 'neither'
  afterMs: number
}

interface Observation {
  node: string
  /** The property of this Node's server, where it has one. */
  buffer: number | null
  defaultMs: number
  /** For each keepAliveTimeout: when an idle raw client got the FIN. */
  fins: { keepAliveTimeout: number; afterMs: number | null }[]
  /** Node's own client and server, with their defaults, and an Agent that only keeps. */
  global: Close
  bare: Close
}

const WATCHED_MS = 6500
const seconds = (ms: number) => `${(ms / 1000).toFixed(2)} s`
const words = ({ by, afterMs }: Close) => `${by} after ${seconds(afterMs)}`

export default experiment<Observation>({
  title: 'HTTP connections that are not used any more',
  needs: [],
  claims: [
    {
      id: '5.16',
      essential: false,
      statement: 'A persistent connection lasts until one end closes it.',
      verdict: 'depends',
      truth:
        'Either end closes it after a while without requests. With Node’s defaults it is the client, a second before the time that the server has announced.',
      source: 'RFC 9112 section 9.5',
      example: '05/closing-race',
      judge: ({ global, bare }) => {
        const observed = `globalAgent: ${words(global)}; new Agent({ keepAlive: true }): ${words(bare)}`
        const closed = global.by !== 'neither' && bare.by !== 'neither'
        return { verdict: closed ? 'depends' : 'holds', observed }
      },
      counterexample: seen => ({ ...seen, global: { by: 'neither', afterMs: WATCHED_MS } }),
    },
    {
      id: '5.17',
      essential: true,
      statement: 'The server closes a connection that is idle for its keep-alive timeout.',
      verdict: 'holds',
      truth:
        'Node’s server waits a second longer than it announces, so a client that keeps to the announced time is never too late. With 0 it does not close at all.',
      source: 'RFC 9112 section 9.5',
      example: '05/http-keepalive',
      judge: ({ fins, buffer, node }) => {
        const each = fins.map(({ keepAliveTimeout, afterMs }) => {
          const when = afterMs === null ? `not within ${seconds(WATCHED_MS)}` : seconds(afterMs)
          return `${keepAliveTimeout}: ${when}`
        })
        const property = buffer === null ? 'no such property' : `${buffer} ms`
        const observed = `FIN for keepAliveTimeout ${each.join(', ')}; keepAliveTimeoutBuffer in Node ${node}: ${property}`
        const closes = fins.every(
          ({ keepAliveTimeout, afterMs }) =>
            (keepAliveTimeout === 0) === (afterMs === null) && (afterMs ?? 1e9) >= keepAliveTimeout,
        )
        return { verdict: closes ? 'holds' : 'wrong', observed }
      },
      counterexample: seen => ({
        ...seen,
        fins: seen.fins.map(fin => ({ ...fin, afterMs: null })),
      }),
    },
  ],

  async run(_lab, observe) {
    const serve = async (options: { keepAliveTimeout?: number } = {}) => {
      const server = createServer(options, (_, response) => response.end('ok'))
      await once(server.listen(0, '127.0.0.1'), 'listening')
      return { server, port: (server.address() as AddressInfo).port }
    }
    const watched = async () => {
      await setTimeout(WATCHED_MS)
      // When this program is late, a FIN may have arrived and not been read: now it is.
      for (let turns = 0; turns < 5; turns++) await setTimeout(1)
      return null
    }

    const fin = async (keepAliveTimeout: number) => {
      const { port } = await serve({ keepAliveTimeout })
      const socket = connect(port, '127.0.0.1')
      socket.write('GET / HTTP/1.1\r\nHost: a\r\n\r\n')
      await once(socket, 'data')
      const startMs = monotonicMs()
      const end = once(socket.resume(), 'end').then(() => monotonicMs() - startMs)
      const afterMs = await Promise.race([end, watched()])
      observe(
        `keepAliveTimeout ${keepAliveTimeout}: ${afterMs === null ? 'none' : seconds(afterMs)}`,
      )
      return { keepAliveTimeout, afterMs }
    }

    /** Who sends the first FIN on a connection between Node's client and Node's server. */
    const between = async (name: string, agent: Agent): Promise<Close> => {
      const { server, port } = await serve()
      const accepted = once(server, 'connection')
      const request = get({ port, host: '127.0.0.1', agent })
      const [response] = await once(request, 'response')
      await once(response.resume(), 'end')
      const startMs = monotonicMs()
      const [atServer] = await accepted
      const first = Promise.race([
        once(atServer, 'end').then(() => 'client' as const),
        // Destroyed by its own server: no FIN has come before.
        once(atServer, 'close').then(() => 'server' as const),
        watched().then(() => 'neither' as const),
      ])
      const close = { by: await first, afterMs: monotonicMs() - startMs }
      observe(`${name}: ${words(close)}`)
      return close
    }
    const [global, bare, ...fins] = await Promise.all([
      between('globalAgent', globalAgent),
      between('new Agent({ keepAlive: true })', new Agent({ keepAlive: true })),
      ...[5000, 1000, 2000, 0].map(fin),
    ])
    const fresh = createServer() as { keepAliveTimeout: number; keepAliveTimeoutBuffer?: number }
    return {
      node: process.versions.node,
      buffer: fresh.keepAliveTimeoutBuffer ?? null,
      defaultMs: fresh.keepAliveTimeout,
      fins,
      global,
      bare,
    }
  },
})
