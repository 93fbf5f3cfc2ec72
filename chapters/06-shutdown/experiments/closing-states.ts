/**
 * A close in slow motion: whenever it is interesting, the next segment is lost for a while. Where
 * nothing can be lost, it waits behind bytes that nobody reads.
 */
import { once } from 'node:events'
import { type AddressInfo, connect, createServer, type Socket } from 'node:net'
import { experiment } from '#lib/textbook/experiment.ts'

/** States of both ends at one moment. `none`: no socket any more. */
interface Pair {
  first: string
  second: string
}

interface Observation {
  /** Moment by moment, in the order in which they came. */
  pairs: Pair[]
  /** What held the segments up, unless they were lost. */
  held?: 'full buffers'
}

const EXPECTED: Pair[] = [
  { first: 'FIN-WAIT-1', second: 'CLOSE-WAIT' },
  { first: 'FIN-WAIT-2', second: 'CLOSE-WAIT' },
  { first: 'TIME-WAIT', second: 'LAST-ACK' },
  { first: 'TIME-WAIT', second: 'none' },
]

/** A FIN that waits behind bytes has not left yet: its sender goes on alone. */
const EXPECTED_HELD: Pair[] = [
  { first: 'FIN-WAIT-1', second: 'ESTABLISHED' },
  { first: 'FIN-WAIT-2', second: 'CLOSE-WAIT' },
  { first: 'FIN-WAIT-2', second: 'LAST-ACK' },
  { first: 'TIME-WAIT', second: 'none' },
]

/** More than a receiver takes that does not read, and less than its sender keeps for it. */
const BYTES = 300_000

const words = ({ first, second }: Pair) => `${first} and ${second}`

export default experiment<Observation>({
  title: 'a close, with one direction cut off at a time',
  needs: ['linux'],
  claims: [
    {
      id: '6.1',
      essential: true,
      statement:
        'The end that closes first goes through FIN-WAIT-1, FIN-WAIT-2 and TIME-WAIT, the other through CLOSE-WAIT and LAST-ACK.',
      verdict: 'holds',
      truth:
        'Each state waits for one thing: an ACK, the other FIN, a timer, or the program. Mostly that comes so soon that no tool shows the state.',
      source: 'RFC 9293 sections 3.3.2 and 3.6',
      example: '06/four-or-three',
      judge: ({ pairs, held }) => {
        const expected = held === undefined ? EXPECTED : EXPECTED_HELD
        return {
          verdict: JSON.stringify(pairs) === JSON.stringify(expected) ? 'holds' : 'wrong',
          observed: pairs.map(words).join('; '),
        }
      },
      counterexample: seen => ({ ...seen, pairs: seen.pairs.toSpliced(1, 1) }),
    },
  ],

  async run(lab, observe) {
    lab.needTimeWait()
    const server = createServer({ allowHalfOpen: true }).listen(0, '127.0.0.1')
    await once(server, 'listening')
    const { port } = server.address() as AddressInfo
    const client = connect({ port, host: '127.0.0.1' })
    client.on('error', () => {})
    const [accepted]: Socket[] = await once(server, 'connection')
    accepted!.on('error', () => {})
    const pairs: Pair[] = []
    const look = async (what: string, first: string, second: string) => {
      const pair = await lab.waitUntil(`${first} and ${second}`, () => {
        const rows = lab.tcpTable(port).filter(({ state }) => state !== 'LISTEN')
        const now = {
          first: rows.find(({ remotePort }) => remotePort === port)?.state ?? 'none',
          second: rows.find(({ localPort }) => localPort === port)?.state ?? 'none',
        }
        return now.first === first && now.second === second && now
      })
      observe(`${what}: ${words(pair)}`)
      pairs.push(pair)
    }

    if (!lab.canDrop) {
      client.end(Buffer.alloc(BYTES))
      await look('the first FIN waits behind bytes that nobody reads', 'FIN-WAIT-1', 'ESTABLISHED')
      accepted!.resume()
      await look('they are read, and the FIN has arrived', 'FIN-WAIT-2', 'CLOSE-WAIT')
      accepted!.end(Buffer.alloc(BYTES))
      await look('the second FIN waits behind bytes, too', 'FIN-WAIT-2', 'LAST-ACK')
      client.resume()
      await look('they are read, and the last ACK has arrived', 'TIME-WAIT', 'none')
      server.close()
      return { pairs, held: 'full buffers' }
    }
    client.resume()
    accepted!.resume()
    const answers = await lab.drop(`tcp sport ${port}`)
    client.end()
    await look('the first FIN has arrived, its ACK is lost', 'FIN-WAIT-1', 'CLOSE-WAIT')
    await answers.lift()
    await look('the ACK has arrived', 'FIN-WAIT-2', 'CLOSE-WAIT')
    const lastAcks = await lab.drop(`tcp dport ${port}`)
    accepted!.end()
    await look('the second FIN has arrived, its ACK is lost', 'TIME-WAIT', 'LAST-ACK')
    await lastAcks.lift()
    await look('the last ACK has arrived', 'TIME-WAIT', 'none')
    server.close()
    return { pairs }
  },
})
