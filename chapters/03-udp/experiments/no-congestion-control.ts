/** What UDP does to a line that is too slow for it, and to a TCP connection on the same line. */
import { createSocket } from 'node:dgram'
import { once } from 'node:events'
import { connect } from 'node:net'
import { monotonicMs } from '../../../lib/lab/lab.ts'
import type { PeerProgram } from '../../../lib/lab/peer-process.ts'
import { experiment } from '../../../lib/textbook/experiment.ts'

interface Seen {
  /** Datagrams at twice the speed of the line. */
  flood: { sent: number; errors: number; received: number }
  /** Speed of a TCP connection in Mbit/s: alone, and beside UDP at three quarters of the line. */
  tcp: { alone: number; beside: number }
}

const PORT = 7000
const BYTES = 1250 // 10000 bits
const SECONDS = 1

const receiver: PeerProgram<{ host: string; port: number }> = async (wire, { host, port }) => {
  const { createSocket } = await import('node:dgram')
  const { createServer } = await import('node:net')
  const socket = createSocket('udp4')
  let [datagrams, bytes] = [0, 0]
  socket.on('message', message => {
    if (message.length > 1) datagrams++
    else wire.send('datagrams', datagrams)
  })
  createServer(stream => {
    stream.on('error', () => {})
    stream.on('data', chunk => {
      bytes += chunk.length
    })
  }).listen(port, host, () => socket.bind(port, host, () => wire.send('listening')))
  for (;;) {
    await wire.receive('bytes?')
    wire.send('bytes', bytes)
  }
}

export default experiment<Seen>({
  title: 'UDP at 40 Mbit/s into a line of 20, then at 15 beside a TCP connection',
  needs: ['namespace'],
  claims: [
    {
      id: '3.7',
      star: true,
      says: 'UDP has no congestion control: a crowded line does not slow the sender down.',
      verdict: 'holds',
      truth:
        'It goes on at its pace, half of it is thrown away on the line, and no send fails. TCP on the same line gives way. Whoever builds on UDP must hold back by themselves.',
      source: 'RFC 8085 section 3.1',
      judge: ({ flood, tcp }) => {
        const lost = Math.round((100 * (flood.sent - flood.received)) / flood.sent)
        const observed = `${flood.sent} sent, ${flood.errors} errors, ${lost} % lost on the line; TCP: ${tcp.alone.toFixed(1)} Mbit/s alone, ${tcp.beside.toFixed(1)} beside UDP`
        const rude = flood.errors === 0 && lost > 20 && tcp.beside < tcp.alone / 2
        return { verdict: rude ? 'holds' : 'wrong', observed }
      },
      altered: seen => ({ ...seen, tcp: { ...seen.tcp, beside: seen.tcp.alone } }),
    },
  ],

  async run(lab, observe) {
    const net = await lab.routed()
    await net.slow('20mbit', 100_000)
    const peer = lab.start(receiver, { host: net.b, port: PORT }, net.in.b)
    await peer.message('listening')
    const socket = createSocket('udp4')
    socket.connect(PORT, net.b)
    await once(socket, 'connect')
    let errors = 0
    socket.on('error', () => errors++)
    /** Sends at a steady pace for a while; returns how many. */
    const pace = (mbits: number) =>
      new Promise<number>(resolve => {
        const start = monotonicMs()
        let sent = 0
        const timer = setInterval(() => {
          const elapsed = monotonicMs() - start
          const due = Math.min(elapsed, SECONDS * 1000) * (mbits / 10)
          for (; sent < due; sent++) socket.send(Buffer.alloc(BYTES), error => error && errors++)
          if (elapsed < SECONDS * 1000) return
          clearInterval(timer)
          resolve(sent)
        }, 1)
      })

    const sent = await pace(40)
    // The question may be lost as well while the queue is full: it is asked until it is answered.
    const again = setInterval(() => socket.send('?'), 50)
    const received = (await peer.message('datagrams')).value as number
    clearInterval(again)
    observe(`UDP at 40 Mbit/s: ${sent} sent, ${errors} errors, ${received} received`)

    const bytesSoFar = async () => {
      peer.tell('bytes?')
      return (await peer.message('bytes')).value as number
    }
    const stream = connect(PORT, net.b)
    stream.on('error', () => {})
    await once(stream, 'connect')
    const chunk = Buffer.alloc(65_536)
    const pump = () => {
      while (stream.write(chunk));
    }
    stream.on('drain', pump)
    pump()
    const measure = async (beside: () => Promise<unknown>) => {
      const [start, before] = [monotonicMs(), await bytesSoFar()]
      await beside()
      return (((await bytesSoFar()) - before) * 8) / 1000 / (monotonicMs() - start)
    }
    const alone = await measure(() => new Promise(done => setTimeout(done, SECONDS * 1000)))
    observe(`TCP alone: ${alone.toFixed(1)} Mbit/s`)
    const beside = await measure(() => pace(15))
    observe(`TCP beside UDP at 15 Mbit/s: ${beside.toFixed(1)} Mbit/s`)
    stream.destroy()
    socket.close()
    return { flood: { sent, errors, received }, tcp: { alone, beside } }
  },
})
