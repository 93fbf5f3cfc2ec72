/** A client with four ports, and connections that end in TIME-WAIT. */
import { once } from 'node:events'
import { connect, createServer } from 'node:net'
import type { HelperProgram } from '#lib/lab/helper-process.ts'
import { monotonicMs } from '#lib/lab/lab.ts'
import { experiment } from '#lib/textbook/experiment.ts'

interface Observation {
  ports: number
  /** tcp_tw_reuse 2, Linux’s default: connections until the ports ran out, the error then. */
  before: number
  error: string
  /** Milliseconds until a port in TIME-WAIT was handed out again. */
  reusedMs: number
  /** tcp_tw_reuse 0: outcomes of further connections to the same server. */
  withoutReuse: string[]
  /** The same, to another server. */
  otherServer: string
  /** The same four-tuple, asked for with localPort: with timestamps and without. */
  explicit: { timestamps: string; none: string }
  /** Over an interface that is not loopback, when reuse had begun there: with 2 and with 1. */
  line: { byDefault: string; always: string }
}

const [FIRST, PORTS] = [40_000, 4]
const [SERVER, OTHER] = [7001, 7002]

const farServer: HelperProgram<{ port: number; host: string }> = async (
  channel,
  { port, host },
) => {
  const { createServer } = await import('node:net')
  createServer(socket => socket.on('error', () => {}).resume()).listen(port, host, () =>
    channel.send('listening'),
  )
}

export default experiment<Observation>({
  title: `connections from ${PORTS} ports, each closed by the client`,
  needs: ['namespace'],
  claims: [
    {
      id: '6.19',
      essential: true,
      statement: 'The kernel never hands out a port that is in TIME-WAIT.',
      verdict: 'depends',
      truth:
        'What is taken is a four-tuple, not a port: towards another server the port is free. Towards the same one it depends on tcp_tw_reuse. With 1, Linux hands the port out again after a second, because timestamps distinguish old segments from new ones; with 2, the default, it does so on loopback only; with 0, never.',
      source: 'RFC 6191; tcp(7), tcp_tw_reuse',
      example: '06/time-wait',
      judge: ({ ports, before, error, reusedMs, withoutReuse, otherServer, explicit, line }) => {
        const refused = withoutReuse.filter(code => code === 'EADDRNOTAVAIL').length
        const observed = `${before} connections from ${ports} ports, then ${error}; tcp_tw_reuse 2: on loopback reused after ${(reusedMs / 1000).toFixed(1)} s, over another interface ${line.byDefault}; 1: ${line.always} there; 0: EADDRNOTAVAIL ${refused} of ${withoutReuse.length}, to another server ${otherServer}; same four-tuple: ${explicit.timestamps} with timestamps, ${explicit.none} without`
        if (error !== 'EADDRNOTAVAIL') return { verdict: 'unclear', observed }
        const isRefused = refused === withoutReuse.length && line.byDefault === error
        const isReused = otherServer === 'ok' || line.always === 'ok'
        if (!isReused) return { verdict: 'holds', observed }
        return { verdict: isRefused ? 'depends' : 'wrong', observed }
      },
      counterexample: seen => ({
        ...seen,
        otherServer: 'EADDRNOTAVAIL',
        line: { byDefault: 'EADDRNOTAVAIL', always: 'EADDRNOTAVAIL' },
      }),
    },
  ],

  async run(lab, observe) {
    lab.needTimeWait()
    lab.sysctl('net.ipv4.ip_local_port_range', `${FIRST} ${FIRST + PORTS - 1}`)
    lab.sysctl('net.ipv4.tcp_tw_reuse', 2)
    lab.sysctl('net.ipv4.tcp_timestamps', 1)
    for (const port of [SERVER, OTHER]) {
      const server = createServer(socket => socket.on('error', () => {}).resume())
      await once(server.listen(port, '127.0.0.1'), 'listening')
    }
    /** One connection that the client closes first. Its error, or `ok` when it is in TIME-WAIT. */
    const visit = async (port: number, localPort?: number, host = '127.0.0.1'): Promise<string> => {
      const socket = connect({ port, host, ...(localPort && { localPort }) }).resume()
      const failed = await new Promise<string | undefined>(resolve => {
        socket.once('connect', () => resolve(undefined))
        socket.once('error', (error: NodeJS.ErrnoException) => resolve(error.code))
      })
      if (failed !== undefined) return failed
      const local = socket.localPort
      socket.end()
      await once(socket, 'close')
      await lab.waitUntil('TIME-WAIT', () =>
        lab.tcpTable(port).some(r => r.localPort === local && r.state === 'TIME-WAIT'),
      )
      return 'ok'
    }

    const net = await lab.routedNetwork()
    const far = lab.start(farServer, { port: SERVER, host: net.b }, net.inside.b)
    await far.message('listening')
    while ((await visit(SERVER, undefined, net.b)) === 'ok');
    observe(`the ports to a server at ${net.b} have run out`)

    let before = 0
    let error = await visit(SERVER)
    const startMs = monotonicMs()
    while (error === 'ok') {
      before++
      error = await visit(SERVER)
    }
    observe(`${before} connections, then ${error}`)
    await lab.waitUntil('a port is reused', async () => (await visit(SERVER)) === 'ok')
    const reusedMs = monotonicMs() - startMs
    observe(`a port in TIME-WAIT is handed out again after ${reusedMs.toFixed(0)} ms`)

    // Older than those on loopback, and still not for us.
    const byDefault = await visit(SERVER, undefined, net.b)
    lab.sysctl('net.ipv4.tcp_tw_reuse', 1)
    const line = { byDefault, always: await visit(SERVER, undefined, net.b) }
    observe(`to ${net.b}: ${byDefault} with tcp_tw_reuse 2, ${line.always} with 1`)

    lab.sysctl('net.ipv4.tcp_tw_reuse', 0)
    const withoutReuse: string[] = []
    for (let n = 0; n < 8; n++) withoutReuse.push(await visit(SERVER))
    const otherServer = await visit(OTHER)
    observe(`tcp_tw_reuse 0: ${withoutReuse.join(' ')}; to another server: ${otherServer}`)

    const again = async (timestamps: number, localPort: number) => {
      lab.sysctl('net.ipv4.tcp_timestamps', timestamps)
      await visit(SERVER, localPort)
      return visit(SERVER, localPort)
    }
    const explicit = { timestamps: await again(1, 50_001), none: await again(0, 50_002) }
    observe(`same four-tuple: with timestamps ${explicit.timestamps}, without ${explicit.none}`)
    return { ports: PORTS, before, error, reusedMs, withoutReuse, otherServer, explicit, line }
  },
})
