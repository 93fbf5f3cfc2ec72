/** A short question and a lot of data, each over UDP and over TCP: which of the two is faster? */
import { createSocket } from 'node:dgram'
import { once } from 'node:events'
import { Socket } from 'node:net'
import { counterChanges } from '#lib/kernel/counters.ts'
import type { HelperProgram } from '#lib/lab/helper-process.ts'
import { monotonicMs } from '#lib/lab/lab.ts'
import { experiment } from '#lib/textbook/experiment.ts'

interface Bulk {
  /** Bytes that arrived of those that were sent, and Mbit/s of what arrived. */
  arrived: number
  mbits: number
}

interface Observation {
  /** Packets of both directions until the answer to a first question was here. */
  packets: { udp: number; tcp: number }
  sent: number
  bulk: { udp: Bulk; tcp: Bulk }
}

const BYTES = 1200
const MESSAGES = 40_000
const SENT = BYTES * MESSAGES
/** What a program hands to TCP at a time, which makes packets of it: 64 KiB. */
const WRITE = 65_536
/** So many times faster one must be to count as faster. */
const CLEAR = 1.5
/** Sends that are under way at the same time. */
const AHEAD = 64

/** Answers what is short, counts what is long, and says when the last of it came. */
const receiver: HelperProgram<{ long: number }> = async (channel, { long }) => {
  const { createSocket } = await import('node:dgram')
  const { createServer } = await import('node:net')
  let [bytes, lastNs] = [0, 0]
  const take = (chunk: Buffer, answer: () => void) => {
    if (chunk.length < long && bytes === 0) return answer()
    bytes += chunk.length
    lastNs = Number(process.hrtime.bigint())
  }
  const socket = createSocket('udp4')
  socket.on('message', (chunk, { port, address }) =>
    take(chunk, () => socket.send('answer', port, address)),
  )
  const server = createServer(stream => {
    stream.on('error', () => {})
    stream.on('data', chunk => take(chunk, () => stream.write('answer')))
    stream.on('end', () => channel.send('end'))
  })
  await new Promise<void>(done => server.listen(0, '127.0.0.1', done))
  const port = (server.address() as import('node:net').AddressInfo).port
  socket.bind(port, '127.0.0.1', () => channel.send('listening', port))
  for (;;) {
    await channel.receive('count?')
    channel.send('count', { bytes, lastNs })
    bytes = 0
  }
}

export default experiment<Observation>({
  title: `a question and ${SENT / 1e6} MB, over UDP in datagrams of ${BYTES} bytes, and over TCP`,
  needs: ['namespace'],
  claims: [
    {
      id: '3.8',
      essential: false,
      statement: 'UDP is faster than TCP, and more efficient.',
      verdict: 'depends',
      truth:
        'It saves the handshake: a single question is answered after one round trip instead of two. For a lot of data TCP is faster here, and loses nothing: the kernel takes large writes and makes the packets itself, while UDP costs a call for each packet at both ends.',
      source: 'RFC 768, RFC 9293 section 3.5; udp(7), UDP_SEGMENT',
      judge: ({ packets, sent, bulk: { udp, tcp } }) => {
        const part = ({ arrived, mbits }: Bulk) =>
          `${mbits.toFixed(0)} Mbit/s, ${Math.round((100 * arrived) / sent)} % arrived`
        const observed = `until the first answer, ${packets.udp} packets over UDP and ${packets.tcp} over TCP; ${sent} bytes: UDP ${part(udp)}; TCP ${part(tcp)}`
        if (tcp.arrived < sent || udp.arrived === 0) return { verdict: 'unclear', observed }
        // What else runs on this machine makes either slower: a small difference says nothing.
        const ratio = udp.mbits / tcp.mbits
        if (ratio > 1 / CLEAR && ratio < CLEAR) return { verdict: 'unclear', observed }
        const better = [packets.udp < packets.tcp, ratio > 1]
        if (better.every(Boolean)) return { verdict: 'holds', observed }
        return { verdict: better.some(Boolean) ? 'depends' : 'wrong', observed }
      },
      counterexample: seen => ({
        ...seen,
        bulk: { ...seen.bulk, udp: { arrived: seen.sent, mbits: 2 * CLEAR * seen.bulk.tcp.mbits } },
      }),
    },
  ],

  async run(lab, observe) {
    lab.needBuffers()
    const helper = lab.start(receiver, { long: BYTES })
    const port = (await helper.message('listening')).value as number
    const count = async (startMs: number): Promise<Bulk> => {
      helper.send('count?')
      const { bytes, lastNs } = (await helper.message('count')).value as {
        bytes: number
        lastNs: number
      }
      return { arrived: bytes, mbits: (bytes * 8) / 1000 / (lastNs / 1e6 - startMs) }
    }
    // All of this network’s packets are ours.
    const packetsOf = async (ask: () => Promise<unknown>) => {
      const before = lab.counters()
      await ask()
      return counterChanges(before, lab.counters())['Ip.OutRequests'] ?? 0
    }

    const datagrams = createSocket('udp4')
    datagrams.connect(port, '127.0.0.1')
    await once(datagrams, 'connect')
    const udpPackets = await packetsOf(async () => {
      datagrams.send('question')
      await once(datagrams, 'message')
    })
    const socket = new Socket().on('error', () => {})
    const tcpPackets = await packetsOf(async () => {
      socket.connect(port, '127.0.0.1').write('question')
      await once(socket, 'data')
    })
    observe(`a question and its answer: ${udpPackets} packets over UDP, ${tcpPackets} over TCP`)

    lab.raisePriority([helper])
    const piece = Buffer.alloc(BYTES)
    const udpMs = monotonicMs()
    for (let sent = 0; sent < MESSAGES; sent += AHEAD) {
      const some = Math.min(AHEAD, MESSAGES - sent)
      const one = () => new Promise(done => datagrams.send(piece, done))
      await Promise.all(Array.from({ length: some }, one))
    }
    await lab.waitUntil('the receiver has read all that is left', () =>
      lab.udpTable(port).some(row => row.localPort === port && row.rxQueue === 0),
    )
    const udp = await count(udpMs)
    observe(`UDP: ${udp.arrived} of ${SENT} bytes arrived, ${udp.mbits.toFixed(0)} Mbit/s`)

    const tcpMs = monotonicMs()
    for (let sent = 0; sent < SENT; sent += WRITE) {
      const bytes = Buffer.alloc(Math.min(WRITE, SENT - sent))
      if (!socket.write(bytes)) await once(socket, 'drain')
    }
    socket.end()
    await helper.message('end')
    const tcp = await count(tcpMs)
    observe(`TCP: ${tcp.arrived} of ${SENT} bytes arrived, ${tcp.mbits.toFixed(0)} Mbit/s`)
    socket.destroy()
    datagrams.close()
    return { packets: { udp: udpPackets, tcp: tcpPackets }, sent: SENT, bulk: { udp, tcp } }
  },
})
