/** How long TIME-WAIT lasts; in a private network, with a tcp_fin_timeout that says 5 s. */
import { once } from 'node:events'
import { type AddressInfo, connect, createServer } from 'node:net'
import { monotonicMs } from '../../../lib/lab/lab.ts'
import { experiment } from '../../../lib/textbook/experiment.ts'

interface Seen {
  finTimeoutS: number
  lastedS: number
  /** What is left of the connection after that. */
  left: string[]
}

const TIMEOUT_S = 5

export default experiment<Seen>({
  title: `one TIME-WAIT to its end, with tcp_fin_timeout ${TIMEOUT_S} s`,
  needs: ['linux'],
  slow: true,
  claims: [
    {
      id: '6.16',
      star: true,
      says: 'TIME-WAIT lasts 2 MSL, which is 30 s to 2 minutes.',
      verdict: 'depends',
      truth:
        'In Linux it is 60 s, a constant. The RFC asks for 4 minutes. And tcp_fin_timeout, which is often recommended against it, is about FIN-WAIT-2 and changes nothing here.',
      source: 'RFC 9293 section 3.4.2; tcp(7), tcp_fin_timeout',
      example: '06/time-wait',
      judge: ({ finTimeoutS, lastedS }) => {
        const observed = `${lastedS.toFixed(1)} s, with tcp_fin_timeout ${finTimeoutS}`
        if (lastedS > 55 && lastedS < 65) return { verdict: 'depends', observed }
        return { verdict: lastedS < finTimeoutS + 5 ? 'wrong' : 'unclear', observed }
      },
      altered: seen => ({ ...seen, lastedS: seen.finTimeoutS }),
    },
    {
      id: '6.21',
      star: false,
      says: 'After 2 MSL the connection is closed, whether or not the last ACK has arrived.',
      verdict: 'holds',
      truth:
        'The clock decides, and nobody else: this end never learns whether its last ACK has arrived. Each FIN that comes again starts it anew.',
      source: 'RFC 9293 section 3.6',
      judge: ({ lastedS, left }) => ({
        verdict: left.length === 0 ? 'holds' : 'wrong',
        observed: `after ${lastedS.toFixed(1)} s: ${left.join(', ') || 'no socket'}`,
      }),
      altered: seen => ({ ...seen, left: ['TIME-WAIT'] }),
    },
  ],

  async run(lab, observe) {
    // The host's own setting is not for us to change.
    const finTimeoutS = Number(
      lab.sysctl('net.ipv4.tcp_fin_timeout', lab.isPrivate ? TIMEOUT_S : undefined),
    )
    const server = createServer(socket => socket.on('error', () => {}).resume())
    server.listen(0, '127.0.0.1')
    await once(server, 'listening')
    const { port } = server.address() as AddressInfo
    const client = connect({ port, host: '127.0.0.1' }).resume()
    client.on('error', () => {})
    await once(client, 'connect')
    client.end()
    await once(client, 'close')
    server.close()
    const states = () => lab.table(port).map(({ state }) => state)
    await lab.until('TIME-WAIT', () => states().join() === 'TIME-WAIT')
    const startMs = monotonicMs()
    observe('TIME-WAIT begins')
    await lab.until('TIME-WAIT is over', () => !states().includes('TIME-WAIT'), 100_000)
    const lastedS = (monotonicMs() - startMs) / 1000
    observe(`TIME-WAIT has ended after ${lastedS.toFixed(1)} s`)
    return { finTimeoutS, lastedS, left: states() }
  },
})
