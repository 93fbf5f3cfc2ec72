/**
 * How long TIME-WAIT lasts: with a tcp_fin_timeout that says 5 s, with a last ACK that never arrives, and
 * with no room for any TIME-WAIT.
 */
import { once } from 'node:events'
import { type AddressInfo, connect, createServer, type Socket } from 'node:net'
import { type Lab, monotonicMs } from '#lib/lab/lab.ts'
import { experiment, type Observe } from '#lib/textbook/experiment.ts'

interface Observation {
  finTimeoutS: number
  lastedS: number
  /** What is left of the connection after that. */
  left: string[]
  /** Where we may drop: a connection whose last ACK is lost, and the repeated FINs with it. */
  cut?: { lastedS: number; left: string[]; otherEnd: string }
  /** In a private network: what is left of a connection with tcp_max_tw_buckets 0. */
  noRoom?: string[]
}

const TIMEOUT_S = 5

/** A connection whose server does not end by itself. */
async function pair() {
  const server = createServer({ allowHalfOpen: true }).listen(0, '127.0.0.1')
  await once(server, 'listening')
  const { port } = server.address() as AddressInfo
  const client = connect({ port, host: '127.0.0.1' }).resume()
  client.on('error', () => {})
  const [accepted] = (await once(server, 'connection')) as [Socket]
  accepted.on('error', () => {}).resume()
  return { server, client, accepted, port }
}

/** What a connection leaves where the kernel may keep no TIME-WAIT at all. */
async function withoutRoom(lab: Lab, observe: Observe): Promise<string[]> {
  const name = 'net.ipv4.tcp_max_tw_buckets'
  const usual = lab.sysctl(name)
  lab.sysctl(name, 0)
  const { server, client, accepted, port } = await pair()
  accepted.once('end', () => accepted.end())
  client.end()
  await Promise.all([once(client, 'close'), once(accepted, 'close')])
  server.close()
  // Whatever is left of them once the last segments have come.
  const passing = ['FIN-WAIT-1', 'FIN-WAIT-2', 'CLOSE-WAIT', 'LAST-ACK']
  const states = () => lab.tcpTable(port).map(({ state }) => state)
  await lab.waitUntil('both ends are done', () => !states().some(state => passing.includes(state)))
  const left = states()
  observe(`with ${name} 0: ${left.join(', ') || 'no socket'} is left`)
  lab.sysctl(name, usual)
  return left
}

export default experiment<Observation>({
  title: `one TIME-WAIT to its end, with tcp_fin_timeout ${TIMEOUT_S} s`,
  needs: ['linux'],
  slow: true,
  claims: [
    {
      id: '6.16',
      essential: true,
      statement: 'TIME-WAIT lasts 2 MSL, which is 30 s to 2 minutes.',
      verdict: 'depends',
      truth:
        'In Linux it is 60 s, a constant. The RFC asks for 4 minutes. tcp_fin_timeout, which is often recommended against it, is about FIN-WAIT-2 and changes nothing here. But TIME-WAIT may end early, or never begin: tcp_max_tw_buckets limits how many there are.',
      source: 'RFC 9293 section 3.4.2; tcp(7), tcp_fin_timeout and tcp_max_tw_buckets',
      example: '06/time-wait',
      judge: ({ finTimeoutS, lastedS, noRoom }) => {
        const none = noRoom && `; with tcp_max_tw_buckets 0: ${noRoom.join(', ') || 'no socket'}`
        const observed = `${lastedS.toFixed(1)} s, with tcp_fin_timeout ${finTimeoutS}${none ?? ''}`
        if (lastedS > 55 && lastedS < 65) return { verdict: 'depends', observed }
        return { verdict: lastedS < finTimeoutS + 5 ? 'wrong' : 'unclear', observed }
      },
      counterexample: seen => ({ ...seen, lastedS: seen.finTimeoutS }),
    },
    {
      id: '6.21',
      essential: false,
      needs: ['namespace', 'nft'],
      statement: 'After 2 MSL the connection is closed, whether or not the last ACK has arrived.',
      verdict: 'holds',
      truth:
        'Only the timer decides: this end cannot know whether its last ACK has arrived. Each repeated FIN that gets through starts the timer anew.',
      source: 'RFC 9293 section 3.6',
      judge: ({ lastedS, left, cut }) => {
        const after = (s: number, states: string[]) =>
          `after ${s.toFixed(1)} s ${states.join(', ') || 'no socket'}`
        const arrived = `ACK arrived: ${after(lastedS, left)}`
        if (cut === undefined) return { verdict: 'unclear', observed: arrived }
        const observed = `${arrived}; ACK lost: ${after(cut.lastedS, cut.left)}, the other end still in ${cut.otherEnd}`
        if (cut.otherEnd !== 'LAST-ACK') return { verdict: 'unclear', observed }
        return { verdict: left.length + cut.left.length === 0 ? 'holds' : 'wrong', observed }
      },
      counterexample: seen => ({ ...seen, cut: { ...seen.cut!, left: ['TIME-WAIT'] } }),
    },
  ],

  async run(lab, observe) {
    lab.needTimeWait()
    // The host's own setting is not for us to change.
    const finTimeoutS = Number(
      lab.sysctl('net.ipv4.tcp_fin_timeout', lab.isPrivate ? TIMEOUT_S : undefined),
    )
    const noRoom = lab.isPrivate ? await withoutRoom(lab, observe) : undefined
    /** Brings a connection to TIME-WAIT; what it returns waits for the end of that. */
    const begin = async (cut: boolean) => {
      const { server, client, accepted, port } = await pair()
      const ends = (end: 'localPort' | 'remotePort') =>
        lab
          .tcpTable(port)
          .flatMap(row => (row[end] === port && row.state !== 'LISTEN' ? row.state : []))
      client.end()
      await lab.waitUntil('the FIN has arrived', () => ends('localPort').join() === 'CLOSE-WAIT')
      if (cut) await lab.drop(`tcp dport ${port} tcp flags & (syn | fin | rst | ack) == ack`)
      accepted.end()
      await lab.waitUntil('TIME-WAIT', () => ends('remotePort').join() === 'TIME-WAIT')
      // Repeated FINs would start the clock anew.
      if (cut) await lab.drop(`tcp sport ${port}`)
      server.close()
      const startMs = monotonicMs()
      observe(`TIME-WAIT begins${cut ? '; its last ACK is lost, and the repeated FINs too' : ''}`)
      return async () => {
        await lab.waitUntil('TIME-WAIT is over', () => ends('remotePort').length === 0, 100_000)
        const lastedS = (monotonicMs() - startMs) / 1000
        const otherEnd = ends('localPort')[0] ?? 'no socket'
        observe(`TIME-WAIT has ended after ${lastedS.toFixed(1)} s; the other end: ${otherEnd}`)
        return { lastedS, left: ends('remotePort'), otherEnd }
      }
    }
    const isLost = lab.canDrop ? await begin(true) : undefined
    const arrives = await begin(false)
    const [{ lastedS, left }, cut] = await Promise.all([arrives(), isLost?.()])
    return { finTimeoutS, lastedS, left, ...(cut && { cut }), ...(noRoom && { noRoom }) }
  },
})
