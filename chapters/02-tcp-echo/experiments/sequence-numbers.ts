/**
 * The sequence arithmetic of one connection, on the numbers that the textbook's own example uses:
 * the client begins at 100 and sends 1000 bytes, the server begins at 300 and sends 2000 and 50.
 */
import { once } from 'node:events'
import { type AddressInfo, connect, createServer } from 'node:net'
import { experiment } from '#lib/textbook/experiment.ts'

/** A segment with numbers counted from the example's own beginnings. */
interface Segment {
  from: 'client' | 'server'
  flags: string
  /** In some older observations, missing in a bare ACK. */
  seq?: number
  ack?: number
  len: number
}

interface Observation {
  segments: Segment[]
}

const START = { client: 100, server: 300 }
const REQUEST = 1000
const ANSWERS = [2000, 50]

const sent = (segments: readonly Segment[], from: Segment['from'], flag: string) =>
  segments.find(segment => segment.from === from && segment.flags.includes(flag))
const data = (segments: readonly Segment[], from: Segment['from']) =>
  segments.filter(segment => segment.from === from && segment.len > 0)
/** The last number that this end acknowledges. */
const lastAck = (segments: readonly Segment[], from: Segment['from']) =>
  segments.findLast(segment => segment.from === from)?.ack

export default experiment<Observation>({
  title: 'one exchange, its sequence numbers counted from 100 and 300',
  needs: ['namespace', 'tcpdump'],
  claims: [
    {
      id: '2.2',
      essential: true,
      statement: 'SYN and FIN consume one sequence number each; a bare ACK consumes none.',
      verdict: 'holds',
      truth:
        'SYN and FIN are counted like a byte, so that they can be acknowledged like one. An ACK is not acknowledged, and needs no number.',
      source: 'RFC 9293 section 3.4',
      judge: ({ segments }) => {
        const syn = sent(segments, 'client', 'S')?.seq
        const first = data(segments, 'client')[0]?.seq
        const fin = sent(segments, 'client', 'F')?.seq
        const ackOfFin = lastAck(segments, 'server')
        const observed = `SYN ${syn}, first byte after SYN and bare ACK ${first}, FIN ${fin}, acknowledged by ${ackOfFin}`
        if (syn === undefined || first === undefined || fin === undefined)
          return { verdict: 'unclear', observed }
        const one = first === syn + 1 && ackOfFin === fin + 1
        return { verdict: one ? 'holds' : 'wrong', observed }
      },
      counterexample: ({ segments }) => ({
        segments: segments.map(segment =>
          segment.len > 0 && segment.seq !== undefined
            ? { ...segment, seq: segment.seq + 1 }
            : segment,
        ),
      }),
    },
    {
      id: '2.3',
      essential: true,
      statement: 'The acknowledgement number is the sequence number of the segment plus 1.',
      verdict: 'wrong',
      appliesTo: 'RFC 9293 section 3.4',
      truth:
        'It is the number of the next byte that is expected: sequence number plus length. Only for SYN and FIN, which count as one, does that make 1.',
      source: 'RFC 9293 section 3.4',
      judge: ({ segments }) => {
        const [request] = data(segments, 'client')
        const answer = segments.find(
          ({ from, ack }) => from === 'server' && ack !== undefined && ack > START.client + 1,
        )
        const observed = `data at ${request?.seq}, ${request?.len} bytes, acknowledged by ${answer?.ack}`
        if (request?.seq === undefined || answer?.ack === undefined)
          return { verdict: 'unclear', observed }
        if (answer.ack === request.seq + 1) return { verdict: 'holds', observed }
        const next = answer.ack === request.seq + request.len
        return { verdict: next ? 'wrong' : 'unclear', observed }
      },
      counterexample: ({ segments }) => ({
        segments: segments.map(segment =>
          segment.from === 'server' && segment.ack !== undefined && segment.ack > START.client + 1
            ? { ...segment, ack: START.client + 2 }
            : segment,
        ),
      }),
    },
    {
      id: '2.4',
      essential: true,
      statement:
        'The server’s SYN has number 300, then it sends 2000 bytes and 50: up to 2300, up to 2350, and the last acknowledgement is 2351.',
      verdict: 'wrong',
      appliesTo: 'RFC 9293 section 3.4',
      truth:
        'The SYN takes 300, so the bytes begin at 301: the segments have the numbers 301 and 2301, and the bytes do end at 2300 and 2350. The FIN takes 2351, so the last acknowledgement is 2352.',
      source: 'RFC 9293 section 3.4',
      judge: ({ segments }) => {
        const answers = data(segments, 'server')
        const ends = answers.map(({ seq = 0, len }) => seq + len)
        const fin = sent(segments, 'server', 'F')?.seq
        const ack = lastAck(segments, 'client')
        const observed = `segments at ${answers.map(({ seq }) => seq).join(' and ')}; data up to ${ends.map(end => end - 1).join(', then ')}; FIN ${fin}; last acknowledgement ${ack}`
        if (ack === 2351) return { verdict: 'holds', observed }
        return { verdict: fin === 2351 && ack === 2352 ? 'wrong' : 'unclear', observed }
      },
      counterexample: ({ segments }) => ({
        segments: segments.map(segment =>
          segment.ack === 2352 ? { ...segment, ack: 2351 } : segment,
        ),
      }),
    },
    {
      id: '2.5',
      essential: false,
      statement: 'A FIN carries a random sequence number.',
      verdict: 'wrong',
      appliesTo: 'RFC 9293 section 3.4',
      truth: 'It carries the next number of its stream, right after the last byte.',
      source: 'RFC 9293 section 3.4',
      judge: ({ segments }) => {
        const fins = (['client', 'server'] as const).map(from => {
          const last = data(segments, from).at(-1)
          return { fin: sent(segments, from, 'F')?.seq, next: (last?.seq ?? 0) + (last?.len ?? 0) }
        })
        const observed = fins
          .map(({ fin, next }) => `FIN ${fin} after data up to ${next - 1}`)
          .join('; ')
        if (fins.some(({ fin }) => fin === undefined)) return { verdict: 'unclear', observed }
        return {
          verdict: fins.every(({ fin, next }) => fin === next) ? 'wrong' : 'holds',
          observed,
        }
      },
      counterexample: ({ segments }) => ({
        segments: segments.map(segment =>
          segment.flags.includes('F') ? { ...segment, seq: 123_456 } : segment,
        ),
      }),
    },
  ],

  async run(lab, observe) {
    const server = createServer(socket => {
      let got = 0
      socket.on('data', async chunk => {
        got += chunk.length
        if (got < REQUEST) return
        // The second answer goes when the first has been acknowledged: a segment of its own.
        for (const bytes of ANSWERS) {
          socket.write(Buffer.alloc(bytes))
          await lab.waitUntil('the client has acknowledged', () =>
            lab
              .tcpTable(port)
              .some(
                row => row.localPort === port && row.state === 'ESTABLISHED' && row.txQueue === 0,
              ),
          )
        }
        socket.end()
      })
    }).listen(0, '127.0.0.1')
    await once(server, 'listening')
    const { port } = server.address() as AddressInfo
    const capture = await lab.capture(`tcp port ${port}`)
    observe(`tcpdump captures port ${port}`)

    const client = connect({ port, host: '127.0.0.1', allowHalfOpen: true })
    client.write(Buffer.alloc(REQUEST))
    client.resume()
    await once(client, 'end')
    client.end()
    await once(client, 'close')
    server.close()
    const packets = await capture.stop()
    observe(`the client sent ${REQUEST} bytes, the server ${ANSWERS.join(' and ')}; both closed`)

    const isServer = (address: string) => address.endsWith(`:${port}`)
    const isn = (from: boolean) =>
      packets.find(({ source, flags }) => flags.includes('S') && isServer(source) === from)?.seq ??
      0
    const own = { client: isn(false), server: isn(true) }
    observe(`initial sequence numbers: client ${own.client}, server ${own.server}`)
    const rebase = (number: number | undefined, of: 'client' | 'server') =>
      number === undefined ? undefined : ((number - own[of]) >>> 0) + START[of]
    const segments = packets.map(({ source, flags, seq, ack, len }): Segment => {
      const from = isServer(source) ? 'server' : 'client'
      const other = from === 'server' ? 'client' : 'server'
      const numbers = { seq: rebase(seq, from), ack: rebase(ack, other) }
      return { from, flags, len, ...JSON.parse(JSON.stringify(numbers)) }
    })
    for (const { from, flags, seq, ack, len } of segments)
      observe(`${from} [${flags}]${seq ? ` seq ${seq}` : ''}${ack ? ` ack ${ack}` : ''} len ${len}`)
    return { segments }
  },
})
