/**
 * Ten small writes to a program that stands still, and to one that reads at once behind a slow line:
 * what goes over the wire, and what is read. With Nagle’s algorithm, without it, and corked.
 */
import { once } from 'node:events'
import { connect } from 'node:net'
import type { HelperProgram } from '#lib/lab/helper-process.ts'
import type { Lab } from '#lib/lab/lab.ts'
import { plural } from '#lib/program/plural.ts'
import { experiment, type Observe } from '#lib/textbook/experiment.ts'

interface Run {
  /** Payload of each segment that carried data; none where packets cannot be captured. */
  segments: number[]
  /** Bytes of each data event. */
  events: number[]
}

interface Observation {
  nagle: Run
  noDelay: Run
  corked: Run
  /** One write of 200000 bytes. */
  large: Run
  /** Behind a line on which each segment takes its time, to a program that reads as it comes. */
  slow?: { nagle: Run; noDelay: Run }
}

const WRITES = 10
const BYTES = 5
const LARGE = 200_000

const reader: HelperProgram<{ host: string }> = async (channel, { host }) => {
  const { createServer } = await import('node:net')
  createServer(socket => {
    const events: number[] = []
    socket.on('error', () => {})
    socket.on('data', chunk => events.push(chunk.length))
    socket.on('end', () => channel.send('events', events))
  }).listen(0, host, function (this: import('node:net').Server) {
    const address = this.address()
    channel.send('listening', typeof address === 'object' && address?.port)
  })
}

const sum = (numbers: number[]) => numbers.reduce((a, b) => a + b, 0)
const tell = ({ segments, events }: Run) =>
  `${plural(segments.length, 'segment')}, ${plural(events.length, 'data event')}`

const ten = (socket: ReturnType<typeof connect>) => {
  for (let n = 0; n < WRITES; n++) socket.write(`msg${n}\n`)
}

/** The ten writes over a line of 8 kbit/s: a segment of 57 bytes takes 57 ms. */
async function overSlowLine(lab: Lab, observe: Observe): Promise<NonNullable<Observation['slow']>> {
  const net = await lab.routedNetwork()
  await net.limitRate('8kbit', 10_000, 120)
  const helper = lab.start(reader, { host: net.b }, net.inside.b)
  const port = (await helper.message('listening')).value as number
  const attempt = async (noDelay: boolean): Promise<Run> => {
    const on = { interface: net.interface, marker: net.b }
    const capture = await lab.capture(`tcp dst port ${port}`, on)
    const socket = connect({ port, host: net.b, noDelay }).on('error', () => {})
    await once(socket, 'connect')
    ten(socket)
    socket.end()
    const events = (await helper.message('events')).value as number[]
    socket.destroy()
    const segments = (await capture.stop()).map(({ len }) => len).filter(len => len > 0)
    observe(
      `a slow line, ${noDelay ? 'with noDelay' : 'with Nagle'}: segments of ${segments.join(', ')} bytes; data events of ${events.join(', ')}`,
    )
    return { segments, events }
  }
  return { nagle: await attempt(false), noDelay: await attempt(true) }
}

export default experiment<Observation>({
  title: 'ten writes of 5 bytes, and one of 200000, to a program that stands still',
  needs: ['linux'],
  claims: [
    {
      id: '4.1',
      essential: true,
      statement: 'TCP has no boundaries of records, so two “packets” can stick together.',
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
      counterexample: seen => ({
        ...seen,
        nagle: { ...seen.nagle, events: Array.from({ length: WRITES }, () => BYTES) },
      }),
    },
    {
      id: '4.2',
      essential: true,
      needs: ['namespace', 'tcpdump'],
      statement: 'Nagle’s algorithm makes packets stick together; setNoDelay(true) fixes that.',
      verdict: 'depends',
      truth:
        'It does join small writes while earlier bytes are unacknowledged, so on a line with delay it decides what arrives together. But a read returns whatever has arrived by then. Without the algorithm, ten segments still become one data event if the reader is busy: only framing keeps messages apart.',
      source: 'RFC 9293 section 3.7.4',
      example: '04/nagle',
      judge: ({ nagle, noDelay, slow }) => {
        const busy = `a reader that stands still: with Nagle ${tell(nagle)}, with noDelay ${tell(noDelay)}`
        if (noDelay.segments.length < WRITES || slow === undefined)
          return { verdict: 'unclear', observed: busy }
        const observed = `${busy}; one that reads at once, behind a slow line: with Nagle ${tell(slow.nagle)} (${slow.nagle.events.join(' + ')} bytes), with noDelay ${tell(slow.noDelay)}`
        const isCure = noDelay.events.length === WRITES
        const isCause = slow.nagle.events.length < slow.noDelay.events.length
        if (isCure) return { verdict: isCause ? 'holds' : 'unclear', observed }
        return { verdict: isCause ? 'depends' : 'wrong', observed }
      },
      counterexample: seen => ({ ...seen, slow: { nagle: seen.nagle, noDelay: seen.nagle } }),
    },
    {
      id: '4.3',
      essential: true,
      needs: ['tcpdump'],
      statement: 'When bytes are sent is decided by TCP, not by the programmer.',
      verdict: 'depends',
      truth:
        'cork() and setNoDelay() influence what leaves together. No call of the sender decides how its peer reads.',
      source: 'RFC 9293 section 3.7.4; tcp(7), TCP_NODELAY',
      judge: ({ noDelay, corked }) => {
        const observed = `ten writes: ${plural(noDelay.segments.length, 'segment')} with noDelay, ${plural(corked.segments.length, 'segment')} when corked`
        const differs = corked.segments.length === 1 && noDelay.segments.length === WRITES
        return { verdict: differs ? 'depends' : 'holds', observed }
      },
      counterexample: seen => ({ ...seen, corked: seen.noDelay }),
    },
    {
      id: '4.5',
      essential: true,
      statement: 'What was written at once may arrive in pieces.',
      verdict: 'holds',
      truth:
        'Segments have a largest size, buffers have an end, and Node reads at most 64 KiB at a time.',
      source: 'RFC 9293 section 3.7; read(2)',
      judge: ({ large }) => ({
        verdict: large.events.length > 1 && sum(large.events) === LARGE ? 'holds' : 'wrong',
        observed: `one write of ${LARGE} bytes, read as ${large.events.join(' + ')}`,
      }),
      counterexample: seen => ({ ...seen, large: { ...seen.large, events: [LARGE] } }),
    },
    {
      id: '4.10',
      essential: false,
      needs: ['tcpdump'],
      statement: 'Segments correspond neither to writes nor to reads.',
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
      counterexample: () => {
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
    lab.needBuffers()
    const helper = lab.start(reader, { host: '127.0.0.1' })
    const port = (await helper.message('listening')).value as number

    const attempt = async (what: string, write: (socket: ReturnType<typeof connect>) => void) => {
      const capture = lab.canCapture ? await lab.capture(`tcp dst port ${port}`) : undefined
      await helper.pause()
      const socket = connect(port, '127.0.0.1').on('error', () => {})
      await once(socket, 'connect')
      write(socket)
      // Everything has arrived when nothing is left to be acknowledged, or no more fits in.
      await lab.waitUntil('the bytes have arrived', () => {
        const mine = lab.tcpTable(port).find(row => row.localPort === socket.localPort)
        const there = lab
          .tcpTable(port)
          .find(row => row.localPort === port && row.remotePort === socket.localPort)
        return mine?.txQueue === 0 || (there?.rxQueue ?? 0) > 65_536
      })
      socket.end()
      helper.resume()
      const events = (await helper.message('events')).value as number[]
      socket.destroy()
      const packets = (await capture?.stop()) ?? []
      const segments = packets.map(({ len }) => len).filter(len => len > 0)
      const sent = capture ? `segments of ${segments.join(', ')} bytes; ` : ''
      observe(`${what}: ${sent}data events of ${events.join(', ')}`)
      return { segments, events }
    }
    const slow = lab.isPrivate && lab.canCapture ? await overSlowLine(lab, observe) : undefined
    return {
      ...(slow && { slow }),
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
