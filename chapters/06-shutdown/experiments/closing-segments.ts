/** The segments of a close: once the server closes at once, once it has something to say before. */
import { once } from 'node:events'
import { type AddressInfo, connect, createServer } from 'node:net'
import { experiment } from '#lib/textbook/experiment.ts'

interface Segment {
  from: 'first' | 'second'
  flags: string
  /** Relative to what each end had sent before the close. */
  seq: number
  ack: number
  len: number
}

interface Observation {
  /** From the first FIN on. Of several closes at once, the one with the fewest segments. */
  atOnce: Segment[]
  later: Segment[]
}

/** A program that is late, on a busy machine, lets the kernel's delayed ACK go first. */
const TRIES = 10

const list = (segments: readonly Segment[]) =>
  segments
    .map(({ from, flags, len }) => `${from} [${flags}]${len > 0 ? ` ${len} bytes` : ''}`)
    .join(', ')

export default experiment<Observation>({
  title: 'a server that closes at once, and one that closes later',
  needs: ['tcpdump'],
  claims: [
    {
      id: '6.2',
      essential: true,
      statement: 'Closing a connection takes four segments.',
      verdict: 'depends',
      truth:
        'Four, when the other side goes on for a while. If it closes at once, its ACK and its FIN are one segment, and three will do.',
      source: 'RFC 9293 section 3.6',
      example: '06/four-or-three',
      judge: ({ atOnce, later }) => {
        const observed = `at once: ${atOnce.length} (${list(atOnce)}); later: ${later.length} (${list(later)})`
        if (later.length < 4) return { verdict: 'unclear', observed }
        return { verdict: atOnce.length === 3 ? 'depends' : 'holds', observed }
      },
      counterexample: seen => ({ ...seen, atOnce: seen.later }),
    },
    {
      id: '6.3',
      essential: true,
      statement: 'The ACK and the FIN of the passive side cannot share a segment.',
      verdict: 'wrong',
      appliesTo: 'RFC 9293 section 3.6, and Linux',
      truth:
        'They share one whenever the program closes before the kernel has sent the ACK, which it delays a little to see whether something comes along.',
      source: 'RFC 9293 section 3.6, RFC 9293 section 3.8.6.3',
      example: '06/four-or-three',
      judge: ({ atOnce }) => {
        const fin = atOnce[0]
        const answer = atOnce.find(({ from }) => from === 'second')
        const observed = `FIN at ${fin?.seq}, answered by [${answer?.flags}] ack ${answer?.ack}`
        if (!fin || !answer || answer.ack !== fin.seq + 1) return { verdict: 'unclear', observed }
        return { verdict: answer.flags.includes('F') ? 'wrong' : 'holds', observed }
      },
      counterexample: seen => ({ ...seen, atOnce: seen.later }),
    },
  ],

  async run(lab, observe) {
    const close = async (later: boolean): Promise<Segment[]> => {
      const server = createServer({ allowHalfOpen: later }, async socket => {
        socket.on('error', () => {}).resume()
        await once(socket, 'end')
        if (!later) return // Node answers the FIN for us
        await lab.waitUntil('the first FIN is acknowledged', () =>
          lab.tcpTable(port).some(({ state }) => state === 'FIN-WAIT-2'),
        )
        socket.end('late')
      }).listen(0, '127.0.0.1')
      await once(server, 'listening')
      const { port } = server.address() as AddressInfo
      const capture = await lab.capture(`tcp port ${port}`)
      const client = connect({ port, host: '127.0.0.1', allowHalfOpen: true }).resume()
      client.on('error', () => {})
      await once(client, 'connect')
      client.end()
      await once(client, 'close')
      server.close()
      const packets = await capture.stop()
      const isSecond = ({ source }: { source: string }) => source.endsWith(`:${port}`)
      const syn = (second: boolean) =>
        packets.find(packet => packet.flags.includes('S') && isSecond(packet) === second)?.seq ?? 0
      const from = packets.findIndex(({ flags }) => flags.includes('F'))
      return packets.slice(from).map(packet => {
        const [own, other] = isSecond(packet) ? [syn(true), syn(false)] : [syn(false), syn(true)]
        return {
          from: isSecond(packet) ? ('second' as const) : ('first' as const),
          flags: packet.flags,
          seq: packet.seq === undefined ? 0 : (packet.seq - own) >>> 0,
          ack: packet.ack === undefined ? 0 : (packet.ack - other) >>> 0,
          len: packet.len,
        }
      })
    }
    let atOnce: Segment[] | undefined
    for (let tries = 0; tries < TRIES && atOnce?.length !== 3; tries++) {
      const segments = await close(false)
      observe(`at once: ${list(segments)}`)
      if (!atOnce || segments.length < atOnce.length) atOnce = segments
    }
    const later = await close(true)
    observe(`later: ${list(later)}`)
    return { atOnce: atOnce!, later }
  },
})
