/** What UDP does to a line that is too slow for it, and to a TCP connection on the same line. */
import { createSocket, type Socket } from 'node:dgram'
import { once } from 'node:events'
import { connect, type Socket as Stream } from 'node:net'
import type { HelperProcess, HelperProgram } from '#lib/lab/helper-process.ts'
import { monotonicMs } from '#lib/lab/lab.ts'
import { experiment } from '#lib/textbook/experiment.ts'

interface Observation {
  /** Datagrams at twice the speed of the line. */
  flood: { sent: number; errors: number; received: number }
  /** Speed of a TCP connection in Mbit/s: alone, and beside UDP at three quarters of the line. */
  tcp: { alone: number; beside: number }
  /** What came through of UDP beside TCP, in Mbit/s, and the longest pause between two sends. */
  udp: { beside: number; pauseMs: number }
}

const PORT = 7000
const BYTES = 1250 // 10000 bits
const SECONDS = 1
const LINE_MBITS = 20
/** The queue of the line is empty after 40 ms: UDP with longer pauses leaves the line to TCP. */
const MOST_PAUSE_MS = 35
/** With less on it, the line was not crowded: a program came too late to send or to read. */
const FULL_MBITS = 0.8 * LINE_MBITS

const receiver: HelperProgram<{ host: string; port: number }> = async (channel, { host, port }) => {
  const { createSocket } = await import('node:dgram')
  const { createServer } = await import('node:net')
  const socket = createSocket('udp4')
  let [datagrams, bytes] = [0, 0]
  socket.on('message', message => {
    if (message.length > 1) datagrams++
    else channel.send('datagrams', datagrams)
  })
  createServer(stream => {
    stream.on('error', () => {})
    stream.on('data', chunk => {
      bytes += chunk.length
    })
  }).listen(port, host, () => socket.bind(port, host, () => channel.send('listening')))
  for (;;) {
    await channel.receive('bytes?')
    channel.send('bytes', { bytes, datagrams })
  }
}

/** A UDP socket that sends at a steady pace, and counts its errors. */
class Pacer {
  readonly #socket: Socket
  errors = 0

  constructor(socket: Socket) {
    this.#socket = socket.on('error', () => this.errors++)
  }

  /** Sends for a while, so many Mbit/s: how many datagrams, and the longest pause on the way. */
  pace(mbits: number): Promise<{ sent: number; pauseMs: number }> {
    return new Promise(resolve => {
      const start = monotonicMs()
      let [sent, pauseMs, lastMs] = [0, 0, start]
      const timer = setInterval(() => {
        const now = monotonicMs()
        pauseMs = Math.max(pauseMs, now - lastMs)
        lastMs = now
        const due = Math.min(now - start, SECONDS * 1000) * (mbits / 10)
        for (; sent < due; sent++)
          this.#socket.send(Buffer.alloc(BYTES), error => error && this.errors++)
        if (now - start < SECONDS * 1000) return
        clearInterval(timer)
        resolve({ sent, pauseMs })
      }, 1)
    })
  }
}

/** A TCP connection that always has something to send. */
async function fullStream(host: string): Promise<Stream> {
  const stream = connect(PORT, host).on('error', () => {})
  await once(stream, 'connect')
  const chunk = Buffer.alloc(65_536)
  const pump = () => {
    while (stream.write(chunk));
  }
  stream.on('drain', pump)
  pump()
  return stream
}

/** What came through the line, in Mbit/s, while something was done. */
interface Measured<T> {
  what: T
  tcp: number
  udp: number
}

async function measure<T>(helper: HelperProcess, doing: () => Promise<T>): Promise<Measured<T>> {
  const soFar = async () => {
    helper.send('bytes?')
    return (await helper.message('bytes')).value as { bytes: number; datagrams: number }
  }
  const [start, before] = [monotonicMs(), await soFar()]
  const what = await doing()
  const [after, ms] = [await soFar(), monotonicMs() - start]
  const mbits = (bytes: number) => (bytes * 8) / 1000 / ms
  const udp = mbits((after.datagrams - before.datagrams) * BYTES)
  return { what, tcp: mbits(after.bytes - before.bytes), udp }
}

const notFull = ({ tcp, udp }: Measured<unknown>): string | undefined =>
  tcp + udp < FULL_MBITS
    ? `no more than ${(tcp + udp).toFixed(1)} Mbit/s came through a line of ${LINE_MBITS}`
    : undefined

export default experiment<Observation>({
  title: 'UDP at 40 Mbit/s into a line of 20, then at 15 beside a TCP connection',
  needs: ['namespace'],
  claims: [
    {
      id: '3.7',
      essential: true,
      statement: 'UDP has no congestion control: a crowded line does not slow the sender down.',
      verdict: 'holds',
      truth:
        'It goes on at its own pace: half of the datagrams are lost on the line, and no send fails. TCP on the same line slows down. A protocol on top of UDP needs a congestion control of its own.',
      source: 'RFC 8085 section 3.1',
      judge: ({ flood, tcp, udp }) => {
        const lost = Math.round((100 * (flood.sent - flood.received)) / flood.sent)
        const observed = `${flood.sent} sent, ${flood.errors} errors, ${lost} % lost on the line; TCP: ${tcp.alone.toFixed(1)} Mbit/s alone, ${tcp.beside.toFixed(1)} beside ${udp.beside.toFixed(1)} Mbit/s of UDP`
        const unchanged = flood.errors === 0 && lost > 20 && tcp.beside < tcp.alone / 2
        return { verdict: unchanged ? 'holds' : 'wrong', observed }
      },
      counterexample: seen => ({ ...seen, tcp: { ...seen.tcp, beside: seen.tcp.alone } }),
    },
  ],

  async run(lab, observe) {
    const net = await lab.routedNetwork()
    await net.limitRate(`${LINE_MBITS}mbit`, 100_000)
    const helper = lab.start(receiver, { host: net.b, port: PORT }, net.inside.b)
    await helper.message('listening')
    const socket = createSocket('udp4')
    socket.connect(PORT, net.b)
    await once(socket, 'connect')
    const udp = new Pacer(socket)

    const { sent } = await udp.pace(40)
    // The question may be lost as well while the queue is full: it is asked until it is answered.
    const again = setInterval(() => socket.send('?'), 50)
    const received = (await helper.message('datagrams')).value as number
    clearInterval(again)
    const flood = { sent, errors: udp.errors, received }
    observe(`UDP at 40 Mbit/s: ${sent} sent, ${flood.errors} errors, ${received} received`)

    const stream = await fullStream(net.b)
    lab.raisePriority([helper])
    const wait = () => new Promise(done => setTimeout(done, SECONDS * 1000))
    const alone = await lab.measureUndisturbed(observe, () => measure(helper, wait), notFull)
    observe(`TCP alone: ${alone.tcp.toFixed(1)} Mbit/s`)
    const beside = await lab.measureUndisturbed(
      observe,
      () => measure(helper, () => udp.pace(15)),
      measured =>
        measured.what.pauseMs > MOST_PAUSE_MS
          ? `for ${measured.what.pauseMs.toFixed(0)} ms no datagram was sent`
          : notFull(measured),
    )
    const { pauseMs } = beside.what
    observe(
      `TCP beside UDP at 15 Mbit/s: ${beside.tcp.toFixed(1)} Mbit/s, and ${beside.udp.toFixed(1)} of UDP; the longest pause between datagrams: ${pauseMs.toFixed(0)} ms`,
    )
    stream.destroy()
    socket.close()
    return {
      flood,
      tcp: { alone: alone.tcp, beside: beside.tcp },
      udp: { beside: beside.udp, pauseMs },
    }
  },
})
