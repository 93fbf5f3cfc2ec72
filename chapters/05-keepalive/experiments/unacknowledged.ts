/** A line that is cut under bytes that are not acknowledged yet: keepalive has nothing to say. */
import { once } from 'node:events'
import { type AddressInfo, connect, createServer } from 'node:net'
import { readTcpTimer } from '#lib/kernel/tcp-timer.ts'
import { monotonicMs } from '#lib/lab/lab.ts'
import { experiment } from '#lib/textbook/experiment.ts'

interface Observation {
  retries: number
  usualRetries: number
  keepaliveS: number
  /** Segments after the cut: probes have no bytes, retransmissions have. */
  probes: number
  retransmissions: number
  code: string
  afterS: number
  /** What the socket's timer was for, each time that it was looked at. */
  timers: string[]
}

const LEAST_TIMEOUT_S = 0.2
const MOST_TIMEOUT_S = 120

/** Seconds until TCP gives up, when the first timeout is the shortest there is. */
function patience(retries: number): number {
  let total = 0
  for (let n = 0; n <= retries; n++) total += Math.min(LEAST_TIMEOUT_S * 2 ** n, MOST_TIMEOUT_S)
  return total
}

export default experiment<Observation>({
  title: 'keepalive after 1 s, five bytes, and a cut line, with tcp_retries2 = 5',
  needs: ['namespace', 'nft', 'tcpdump'],
  claims: [
    {
      id: '5.11',
      essential: true,
      statement:
        'With bytes on their way that are not acknowledged, not keepalive decides when a connection is dead, but the number of retransmissions.',
      verdict: 'holds',
      truth:
        'While bytes wait for their acknowledgement, Linux sends no probes: the number of retransmissions decides. By default that takes a quarter of an hour, whatever keepalive says. The option TCP_USER_TIMEOUT sets one limit for both; Node has no call for it.',
      source: 'tcp(7), tcp_retries2 and TCP_USER_TIMEOUT; RFC 9293 section 3.8.3',
      judge: ({ probes, retransmissions, code, afterS, timers, keepaliveS, usualRetries }) => {
        const observed = `${retransmissions} retransmissions, ${probes} probes, ${code} after ${afterS.toFixed(1)} s (keepalive: ${keepaliveS} s); timer: ${timers.join(', ')}; with the default of ${usualRetries} retries: ${(patience(usualRetries) / 60).toFixed(1)} min`
        if (code !== 'ETIMEDOUT') return { verdict: 'unclear', observed }
        const decided = probes === 0 && retransmissions > 0
        return { verdict: decided ? 'holds' : 'wrong', observed }
      },
      counterexample: seen => ({ ...seen, probes: 10, retransmissions: 0 }),
    },
  ],

  async run(lab, observe) {
    lab.needTimers()
    const usualRetries = Number(lab.sysctl('net.ipv4.tcp_retries2'))
    const retries = Number(lab.sysctl('net.ipv4.tcp_retries2', 5))
    const server = createServer(socket => socket.on('error', () => {}))
    await once(server.listen(0, '127.0.0.1'), 'listening')
    const { port } = server.address() as AddressInfo
    const client = connect(port, '127.0.0.1')
    await once(client, 'connect')
    const own = client.localPort ?? 0
    const capture = await lab.capture(`tcp src port ${own}`)
    await lab.drop(`tcp dport ${port}`)
    client.write('hello')
    // Not earlier: a probe of the idle connection would be counted as one behind the bytes.
    client.setKeepAlive(true, 1000)
    observe('five bytes are written into a line that is cut')
    const startMs = monotonicMs()
    const timers = new Set<string>()
    const watch = setInterval(
      () => timers.add(readTcpTimer({ localPort: own, remotePort: port })?.kind ?? 'none'),
      100,
    )
    const [error] = (await once(client, 'error')) as [NodeJS.ErrnoException]
    clearInterval(watch)
    const afterS = (monotonicMs() - startMs) / 1000
    const packets = await capture.stop()
    const probes = packets.filter(({ len, flags }) => len === 0 && flags === '.').length
    const retransmissions = packets.filter(({ len }) => len > 0).length - 1
    observe(`${error.code} after ${afterS.toFixed(1)} s, ${retransmissions} retransmissions`)
    timers.delete('none')
    return {
      retries,
      usualRetries,
      keepaliveS: 11,
      probes,
      retransmissions,
      code: error.code ?? '',
      afterS,
      timers: [...timers],
    }
  },
})
