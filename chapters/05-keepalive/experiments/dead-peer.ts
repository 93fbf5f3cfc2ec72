/** Two idle connections whose peer falls silent: one with the kernel's times, one with Node's. */
import { once } from 'node:events'
import { type AddressInfo, connect, createServer } from 'node:net'
import { readTcpTimer } from '#lib/kernel/tcp-timer.ts'
import { monotonicMs } from '#lib/lab/lab.ts'
import { experiment } from '#lib/textbook/experiment.ts'

interface Case {
  probes: number
  /** Seconds between two probes. */
  everyS: number
  /** What came behind the last probe: flags of segments, in order. */
  then: string[]
  code: string
  syscall: string
  /** From the cut on. */
  afterS: number
  /** The largest number of unanswered probes that the kernel's table showed. */
  unanswered: number
  /** The state of the other end, when this one had its error. */
  otherEnd: string
}

interface Observation {
  /** setKeepAlive(true), with tcp_keepalive_time=2 and tcp_keepalive_intvl=1. */
  kernel: Case
  /** setKeepAlive(true, 2000). */
  node: Case
}

const words = ({ probes, everyS, code, afterS }: Case) =>
  `${probes} probes, ${everyS.toFixed(2)} s apart, ${code} after ${afterS.toFixed(2)} s`

export default experiment<Observation>({
  title: 'two idle connections, first probe after 2 s, nothing comes through any more',
  needs: ['namespace', 'nft', 'tcpdump'],
  claims: [
    {
      id: '5.4',
      essential: true,
      statement: 'TCP sends ten probes before it gives up.',
      verdict: 'outdated',
      appliesTo: 'Linux since 2.2',
      truth:
        'Linux sends nine by default. Node changes that: with a delay of a second or more it asks for ten.',
      source: 'tcp(7), tcp_keepalive_probes',
      judge: ({ kernel, node }) => {
        const observed = `left to the kernel: ${words(kernel)}; setKeepAlive(true, 2000): ${words(node)}`
        if (kernel.code !== 'ETIMEDOUT') return { verdict: 'unclear', observed }
        if (kernel.probes === 9) return { verdict: 'outdated', observed }
        return { verdict: kernel.probes === 10 ? 'holds' : 'unclear', observed }
      },
      counterexample: seen => ({ ...seen, kernel: { ...seen.kernel, probes: 10 } }),
    },
    {
      id: '5.5',
      essential: true,
      statement:
        'When the peer is dead the probes go unanswered, and TCP reports that the connection is dead.',
      verdict: 'holds',
      truth:
        'It reports that to the end which has keepalive on: ETIMEDOUT, and its kernel sends a last RST. The peer does not get that RST, so its socket stays in ESTABLISHED.',
      source: 'RFC 9293 section 3.8.4, tcp(7)',
      example: '05/tcp-keepalive',
      judge: ({ node }) => {
        const observed = `${words(node)} (${node.syscall}), then [${node.then.join('] [')}]; up to ${node.unanswered} unanswered; the other end: ${node.otherEnd}`
        if (node.code !== 'ETIMEDOUT') return { verdict: 'wrong', observed }
        const asked = node.probes > 0 && node.unanswered > 0
        const apart =
          node.then.some(flags => flags.includes('R')) && node.otherEnd === 'ESTABLISHED'
        return { verdict: asked && apart ? 'holds' : 'unclear', observed }
      },
      counterexample: seen => ({ ...seen, node: { ...seen.node, code: 'none' } }),
    },
  ],

  async run(lab, observe) {
    lab.sysctl('net.ipv4.tcp_keepalive_time', 2)
    lab.sysctl('net.ipv4.tcp_keepalive_intvl', 1)
    const vanish = async (name: string, delayMs?: number): Promise<Case> => {
      const server = createServer(socket => socket.on('error', () => {}))
      await once(server.listen(0, '127.0.0.1'), 'listening')
      const { port } = server.address() as AddressInfo
      const client = connect(port, '127.0.0.1')
      await once(client, 'connect')
      const own = client.localPort ?? 0
      const capture = await lab.capture(`tcp src port ${own}`)
      await lab.drop(`tcp dport ${port}`)
      client.setKeepAlive(true, delayMs)
      observe(`${name}: the line is cut`)
      const startMs = monotonicMs()
      let unanswered = 0
      const watch = setInterval(() => {
        unanswered = Math.max(
          unanswered,
          readTcpTimer({ localPort: own, remotePort: port })?.unanswered ?? 0,
        )
      }, 50)
      const [error] = (await once(client, 'error')) as [NodeJS.ErrnoException]
      clearInterval(watch)
      const afterS = (monotonicMs() - startMs) / 1000
      const states = lab.tcpTable(port).filter(row => row.remotePort === own)
      const sent = await capture.stop()
      const probes = sent.filter(({ flags }) => flags === '.')
      const [first, last] = [probes[0]?.tNs ?? 0, probes.at(-1)?.tNs ?? 0]
      const everyS = (last - first) / 1e9 / Math.max(probes.length - 1, 1)
      const then = sent.filter(({ flags }) => flags !== '.').map(({ flags }) => flags)
      observe(`${name}: ${probes.length} probes, ${error.code} after ${afterS.toFixed(2)} s`)
      return {
        probes: probes.length,
        everyS,
        then,
        code: error.code ?? '',
        syscall: error.syscall ?? '',
        afterS,
        unanswered,
        otherEnd: states[0]?.state ?? 'gone',
      }
    }
    const [kernel, node] = await Promise.all([
      vanish('setKeepAlive(true)'),
      vanish('setKeepAlive(true, 2000)', 2000),
    ])
    return { kernel, node }
  },
})
