/** Initial sequence numbers: of different connections, and of the same four-tuple again and again. */
import { once } from 'node:events'
import { type AddressInfo, connect, createServer } from 'node:net'
import { setTimeout } from 'node:timers/promises'
import { experiment } from '#lib/textbook/experiment.ts'

interface Observation {
  /** First numbers of connections from different ports, one right after the other. */
  different: number[]
  /** First numbers of the same four-tuple, and when each was sent: milliseconds. */
  same: { isn: number; atMs: number }[]
}

const TIMES = 4
/** So far apart that it does not matter if a SYN leaves a little after its number was chosen. */
const APART_MS = 100

/** How far a number is ahead of another, in 32 bits. */
const ahead = (later: number, earlier: number): number => (later - earlier) >>> 0

export default experiment<Observation>({
  title: 'the first numbers of 4 ports, and of one port used 4 times',
  needs: ['namespace', 'tcpdump'],
  claims: [
    {
      id: '2.1',
      essential: true,
      statement: 'The initial sequence number is random.',
      verdict: 'depends',
      truth:
        'To an outsider it looks random. It is a keyed hash of the four-tuple (both addresses, both ports) plus a clock: unrelated between four-tuples, while the same one counts on, so that an old segment does not fit into a new connection.',
      source: 'RFC 9293 section 3.4.1, RFC 6528',
      judge: ({ different, same }) => {
        const steps = same.slice(1).map(({ isn, atMs }, at) => ({
          step: ahead(isn, same[at]!.isn),
          ms: atMs - same[at]!.atMs,
        }))
        const rates = steps.map(({ step, ms }) => step / ms)
        const rate = Math.round(rates.reduce((sum, each) => sum + each, 0) / rates.length)
        const observed = `one tuple: ${same.map(({ isn }) => isn).join(', ')}, about ${rate} a millisecond; other ports: ${different.slice(1).join(', ')}`
        // A clock: all steps have the same rate, within a fifth. Random numbers would not.
        const isClock = rates.every(each => Math.abs(each / rate - 1) < 0.2)
        const gaps = different.slice(1).map((isn, at) => ahead(isn, different[at]!))
        const isUnrelated = gaps.some(gap => gap > 2 ** 26 && gap < 2 ** 32 - 2 ** 26)
        if (!isUnrelated) return { verdict: 'wrong', observed }
        // Random steps are of any size: two minutes of a clock that counts 64 ns, on average.
        const isRandom = rates.some(each => each > 2 * rate || each < rate / 2)
        if (!isClock && !isRandom) return { verdict: 'unclear', observed }
        return { verdict: isClock ? 'depends' : 'holds', observed }
      },
      counterexample: seen => ({
        ...seen,
        // No clock: forwards, backwards, forwards.
        same: [7, 4e9, 5, 1e9].map((isn, at) => ({ isn, atMs: at * 100 })),
      }),
    },
  ],

  async run(lab, observe) {
    const server = createServer(socket => {
      // A reset leaves no TIME-WAIT, so the client may use its port again at once.
      socket.on('error', () => {})
    }).listen(0, '127.0.0.1')
    await once(server, 'listening')
    const { port } = server.address() as AddressInfo
    const capture = await lab.capture(
      `tcp dst port ${port} and tcp[tcpflags] & (tcp-syn | tcp-ack) == tcp-syn`,
    )
    const meet = async (localPort?: number): Promise<number> => {
      const accepting = once(server, 'connection')
      const client = connect({ port, host: '127.0.0.1', ...(localPort ? { localPort } : {}) })
      client.on('error', () => {})
      await Promise.all([once(client, 'connect'), accepting])
      const used = client.localPort!
      client.resetAndDestroy()
      await lab.waitUntil('the port is free again', () =>
        lab.tcpTable(used).every(({ state }) => state === 'LISTEN'),
      )
      return used
    }
    for (let time = 0; time < TIMES; time++) await meet()
    const own = 20_001
    for (let time = 0; time < TIMES; time++) {
      await meet(own)
      await setTimeout(APART_MS)
    }
    server.close()
    const syns = await capture.stop()
    const mine = ({ source }: { source: string }) => source.endsWith(`:${own}`)
    const different = syns.filter(syn => !mine(syn)).map(({ seq = 0 }) => seq)
    const same = syns.filter(mine).map(({ seq = 0, tNs }) => ({ isn: seq, atMs: tNs / 1e6 }))
    observe(`${TIMES} ports: ${different.join(', ')}`)
    observe(`port ${own}, ${TIMES} times: ${same.map(({ isn }) => isn).join(', ')}`)
    return { different, same }
  },
})
