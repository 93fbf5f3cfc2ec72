/**
 * Ten small writes to a program that stands still: what goes over the wire, and what it reads. With
 * Nagle’s algorithm, without it, and corked.
 */
import { once } from 'node:events'
import { connect } from 'node:net'
import type { PeerProgram } from '../../../lib/lab/peer-process.ts'
import { experiment } from '../../../lib/textbook/experiment.ts'

interface Run {
  /** Payload of each segment that carried data; none where packets cannot be captured. */
  segments: number[]
  /** Bytes of each data event. */
  events: number[]
}

interface Seen {
  nagle: Run
  noDelay: Run
  corked: Run
  /** One write of 200000 bytes. */
  large: Run
}

const WRITES = 10
const BYTES = 5
const LARGE = 200_000

const reader: PeerProgram<object> = async wire => {
  const { createServer } = await import('node:net')
  createServer(socket => {
    const events: number[] = []
    socket.on('error', () => {})
    socket.on('data', chunk => events.push(chunk.length))
    socket.on('end', () => wire.send('events', events))
  }).listen(0, '127.0.0.1', function (this: import('node:net').Server) {
    const address = this.address()
    wire.send('listening', typeof address === 'object' && address?.port)
  })
}

const sum = (numbers: number[]) => numbers.reduce((a, b) => a + b, 0)
const times = (count: number, what: string) => `${count} ${what}${count === 1 ? '' : 's'}`
const tell = ({ segments, events }: Run) =>
  `${times(segments.length, 'segment')}, ${times(events.length, 'data event')}`

export default experiment<Seen>({
  title: 'ten writes of 5 bytes, and one of 200000, to a program that stands still',
  needs: ['linux'],
  claims: [
    {
      id: '4.1',
      star: true,
      says: 'TCP has no boundaries of records, so two “packets” can stick together.',
      verdict: 'holds',
      truth:
        'Nothing sticks together, because nothing was apart: TCP carries a stream of bytes. A read takes whatever is there.',
      source: 'RFC 9293 sections 2.2 and 3.8',
      example: '04/naive',
      judge: ({ nagle }) => ({
        verdict:
          nagle.events.length < WRITES && sum(nagle.events) === WRITES * BYTES ? 'holds' : 'wrong',
        observed: `${WRITES} writes of ${BYTES} bytes, read as ${nagle.events.join(' + ')} bytes`,
      }),
      altered: seen => ({
        ...seen,
        nagle: { ...seen.nagle, events: Array.from({ length: WRITES }, () => BYTES) },
      }),
    },
    {
      id: '4.2',
      star: true,
      needs: ['tcpdump'],
      says: 'Nagle’s algorithm makes packets stick together; setNoDelay(true) is the cure.',
      verdict: 'wrong',
      truth:
        'With it and without it, ten segments may become one data event. Nagle’s algorithm decides when segments leave. What a read returns is decided by when the reader reads.',
      source: 'RFC 9293 section 3.7.4',
      example: '04/nagle',
      judge: ({ nagle, noDelay }) => {
        const observed = `with Nagle: ${tell(nagle)}; with noDelay: ${tell(noDelay)}`
        if (noDelay.segments.length < WRITES) return { verdict: 'unclear', observed }
        return { verdict: noDelay.events.length === 1 ? 'wrong' : 'holds', observed }
      },
      altered: seen => ({
        ...seen,
        noDelay: { ...seen.noDelay, events: Array.from({ length: WRITES }, () => BYTES) },
      }),
    },
    {
      id: '4.3',
      star: true,
      needs: ['tcpdump'],
      says: 'When bytes are sent is decided by TCP, not by the programmer.',
      verdict: 'depends',
      truth:
        'cork() and setNoDelay() influence what leaves together. Nothing that a sender does has influence on how its peer reads.',
      source: 'RFC 9293 section 3.7.4; tcp(7), TCP_NODELAY',
      judge: ({ noDelay, corked }) => {
        const observed = `ten writes: ${times(noDelay.segments.length, 'segment')} with noDelay, ${times(corked.segments.length, 'segment')} when corked`
        const differs = corked.segments.length === 1 && noDelay.segments.length === WRITES
        return { verdict: differs ? 'depends' : 'holds', observed }
      },
      altered: seen => ({ ...seen, corked: seen.noDelay }),
    },
    {
      id: '4.5',
      star: true,
      says: 'What was written at once may arrive in pieces.',
      verdict: 'holds',
      truth:
        'Segments have a largest size, buffers have an end, and Node reads at most 64 KiB at a time.',
      source: 'RFC 9293 section 3.7; read(2)',
      judge: ({ large }) => ({
        verdict: large.events.length > 1 && sum(large.events) === LARGE ? 'holds' : 'wrong',
        observed: `one write of ${LARGE} bytes, read as ${large.events.join(' + ')}`,
      }),
      altered: seen => ({ ...seen, large: { ...seen.large, events: [LARGE] } }),
    },
    {
      id: '4.10',
      star: false,
      needs: ['tcpdump'],
      says: 'Segments correspond neither to writes nor to reads.',
      verdict: 'holds',
      truth:
        'Many writes may make one segment, one write many segments, and many segments one read. Only the order of the bytes is kept.',
      source: 'RFC 9293 section 3.8',
      judge: ({ nagle, corked, large }) => {
        const observed = `${WRITES} writes: ${tell(nagle)}; corked: ${tell(corked)}; one write of ${LARGE}: ${tell(large)}`
        const same = [nagle, corked].every(
          ({ segments, events }) => segments.length === WRITES && events.length === WRITES,
        )
        return { verdict: same && large.segments.length === 1 ? 'wrong' : 'holds', observed }
      },
      altered: () => {
        const ten = Array.from({ length: WRITES }, () => BYTES)
        const even = { segments: ten, events: ten }
        return {
          nagle: even,
          noDelay: even,
          corked: even,
          large: { segments: [LARGE], events: [LARGE] },
        }
      },
    },
  ],

  async run(lab, observe) {
    const peer = lab.start(reader, {})
    const port = (await peer.message('listening')).value as number

    const attempt = async (what: string, write: (socket: ReturnType<typeof connect>) => void) => {
      const capture = lab.canCapture ? await lab.capture(`tcp dst port ${port}`) : undefined
      await peer.pause()
      const socket = connect(port, '127.0.0.1')
      await once(socket, 'connect')
      write(socket)
      // Everything has arrived when nothing is left to be acknowledged, or no more fits in.
      await lab.until('the bytes have arrived', () => {
        const mine = lab.table(port).find(row => row.localPort === socket.localPort)
        const there = lab
          .table(port)
          .find(row => row.localPort === port && row.remotePort === socket.localPort)
        return mine?.txQueue === 0 || (there?.rxQueue ?? 0) > 65_536
      })
      socket.end()
      peer.resume()
      const events = (await peer.message('events')).value as number[]
      socket.destroy()
      const packets = (await capture?.stop()) ?? []
      const segments = packets.map(({ len }) => len).filter(len => len > 0)
      const sent = capture ? `segments of ${segments.join(', ')} bytes; ` : ''
      observe(`${what}: ${sent}data events of ${events.join(', ')}`)
      return { segments, events }
    }
    const ten = (socket: ReturnType<typeof connect>) => {
      for (let n = 0; n < WRITES; n++) socket.write(`msg${n}\n`)
    }
    return {
      nagle: await attempt('with Nagle', ten),
      noDelay: await attempt('with noDelay', socket => {
        socket.setNoDelay()
        ten(socket)
      }),
      corked: await attempt('corked', socket => {
        socket.cork()
        ten(socket)
        process.nextTick(() => socket.uncork())
      }),
      large: await attempt('one large write', socket => socket.write(Buffer.alloc(LARGE))),
    }
  },
})
