/** The ways in which connect can fail at once, and who says so. */
import { execFileSync } from 'node:child_process'
import { createSocket } from 'node:dgram'
import { once } from 'node:events'
import { type AddressInfo, connect, createServer, type NetConnectOpts } from 'node:net'
import { experiment } from '#lib/textbook/experiment.ts'

/** Kinds of routes that lead nowhere, each to an address for documentation (RFC 5737). */
const DEAD_ENDS = {
  unreachable: '198.51.100.1',
  prohibit: '198.51.100.2',
  blackhole: '198.51.100.3',
} as const

interface Observation {
  /** Code of the error for each attempt. */
  codes: Record<string, string>
  /** The answer to the SYN for a closed port, and how long it took: where packets can be seen. */
  answer?: { flags: string; us: number }
}

export default experiment<Observation>({
  title: 'connect to where no server is',
  needs: [],
  claims: [
    {
      id: '1.25',
      essential: true,
      statement: 'A client that connects to a port on which no socket listens gets ECONNREFUSED.',
      verdict: 'holds',
      truth:
        'The kernel of that host answers with a RST at once. So the host is up, and packets go both ways, unless a firewall sent the RST.',
      source: 'RFC 9293 section 3.10.7.1',
      example: '01/errors',
      judge: ({ codes, answer }) => ({
        verdict: codes['a closed port'] === 'ECONNREFUSED' ? 'holds' : 'wrong',
        observed: `${answer ? `[${answer.flags}] ${answer.us} µs after the SYN; ` : ''}${codes['a closed port']}`,
      }),
      counterexample: seen => ({ ...seen, codes: { ...seen.codes, 'a closed port': 'ETIMEDOUT' } }),
    },
    {
      id: '1.27',
      essential: false,
      statement: 'When connect fails, the server is down.',
      verdict: 'depends',
      truth:
        'Most failures come from one’s own machine: no route, or one that refuses; no neighbour; a firewall rule; a local address that the machine does not have; a number that is no port. The code of the error says which.',
      source: 'connect(2); ip-route(8), unreachable, prohibit and blackhole',
      example: '01/errors',
      judge: ({ codes }) => {
        const observed = Object.entries(codes)
          .map(([what, code]) => `${what}: ${code}`)
          .join('; ')
        return { verdict: new Set(Object.values(codes)).size > 1 ? 'depends' : 'holds', observed }
      },
      counterexample: ({ codes, ...rest }) => ({
        ...rest,
        codes: Object.fromEntries(Object.keys(codes).map(what => [what, 'ECONNREFUSED'])),
      }),
    },
  ],

  async run(lab, observe) {
    const server = createServer().listen(0, '127.0.0.1')
    await once(server, 'listening')
    const { port } = server.address() as AddressInfo
    server.close()
    await once(server, 'close')
    const capture = lab.canCapture ? await lab.capture(`tcp port ${port}`) : undefined
    const codes: Record<string, string> = {}
    const attempt = async (what: string, options: NetConnectOpts) => {
      codes[what] = await new Promise<string>(resolve => {
        const code = (error: NodeJS.ErrnoException) => resolve(error.code ?? error.message)
        try {
          connect({ port, host: '127.0.0.1', ...options }).on('error', code)
        } catch (error) {
          code(error as NodeJS.ErrnoException)
        }
      })
      observe(`${what}: ${codes[what]}`)
    }
    await attempt('a closed port', { port })
    // Only a private network has no way out: on the host, this would be sent to somebody.
    if (lab.isPrivate) await attempt('no route', { port, host: '192.0.2.1' })
    for (const [kind, host] of lab.isPrivate ? Object.entries(DEAD_ENDS) : []) {
      execFileSync('ip', ['route', 'add', kind, host])
      await attempt(`a route of the type ${kind}`, { port, host })
    }
    if (lab.canDrop) {
      await lab.drop(`udp dport ${port}`, [], 'output')
      const socket = createSocket('udp4')
      codes['UDP into a rule against it'] = await new Promise(resolve =>
        socket.send('?', port, '127.0.0.1', error =>
          resolve((error as NodeJS.ErrnoException | null)?.code ?? 'ok'),
        ),
      )
      socket.close()
      observe(`a firewall rule against outgoing UDP: ${codes['UDP into a rule against it']}`)
    }
    await attempt('a foreign local address', { port, localAddress: '192.0.2.1' })
    await attempt('port 70000', { port: 70_000 })
    if (!capture) return { codes }
    const packets = await capture.stop()
    const syn = packets.find(({ flags }) => flags.includes('S') && !flags.includes('.'))
    const answer = packets.find(({ flags }) => flags.includes('R'))
    const us = Math.round(((answer?.tNs ?? 0) - (syn?.tNs ?? 0)) / 1000)
    observe(`the answer to the SYN: [${answer?.flags}] after ${us} µs`)
    return { codes, answer: { flags: answer?.flags ?? 'nothing', us } }
  },
})
