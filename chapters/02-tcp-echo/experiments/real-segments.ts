/**
 * What segments look like on a line with a real MTU: 400000 bytes from one host through a router to
 * another, sent with `end()`, so that the FIN stands in the same queue.
 */
import { once } from 'node:events'
import { connect } from 'node:net'
import type { HelperProgram } from '#lib/lab/helper-process.ts'
import { experiment } from '#lib/textbook/experiment.ts'

interface Observation {
  /** The option in the client's SYN: bytes. */
  mss: number
  /** Payload of the longest segment, and of the one with the FIN: bytes. */
  longest: number
  withFin: number
  /** Bytes that the kernel had not sent yet when the program had said that there would be no more. */
  unsent: number
  /** The longest segment, header included: what its IP header leaves of the packet. */
  segment: number
  /** Bytes of a full packet on this line: its MTU. */
  mtu: number
  /** Payload of the SYN and of the SYN+ACK. */
  handshake: number[]
}

const BYTES = 400_000

/** Bytes of the TCP segment in an IPv4 packet: the total length, less the length of the IP header. */
const segmentLength = (packet: Buffer): number =>
  packet.readUInt16BE(2) - (packet.readUInt8(0) & 0x0f) * 4

const server: HelperProgram<{ host: string }> = async (channel, { host }) => {
  const { createServer } = await import('node:net')
  createServer(socket => {
    socket.on('error', () => {})
    socket.resume().on('end', () => channel.send('end', socket.bytesRead))
  }).listen(7000, host, () => channel.send('listening'))
}

export default experiment<Observation>({
  title: '400000 bytes and a FIN over a line with an MTU of 1500, at 5 Mbit/s',
  needs: ['namespace', 'tcpdump'],
  claims: [
    {
      id: '2.6',
      essential: false,
      statement: 'The segments that set up and take down a connection are headers only.',
      verdict: 'depends',
      truth:
        'They may carry data. A FIN that waits in the queue behind the last bytes goes out with them, in one segment.',
      source: 'RFC 9293 section 3.5',
      judge: ({ withFin, handshake, unsent }) => {
        const observed = `SYN ${handshake[0]} bytes, SYN+ACK ${handshake[1]} bytes, FIN in a segment with ${withFin} bytes`
        if (withFin > 0) return { verdict: 'depends', observed }
        // It cannot go out with bytes that have left before.
        return { verdict: unsent > 0 ? 'holds' : 'unclear', observed }
      },
      counterexample: seen => ({ ...seen, withFin: 0 }),
    },
    {
      id: '2.9',
      essential: false,
      statement: 'The MSS is the maximum length of a segment.',
      verdict: 'wrong',
      appliesTo: 'RFC 9293 section 3.7.1',
      truth:
        'It counts payload, not the header: what the MTU leaves after 20 bytes of IP and 20 of TCP. Options, such as timestamps, are taken from the payload.',
      source: 'RFC 9293 section 3.7.1, RFC 6691',
      judge: ({ mss, longest, segment, mtu }) => {
        const observed = `MTU ${mtu}, MSS ${mss}; the longest segment is ${segment} bytes long, ${longest} of them payload`
        if (longest === 0 || longest > mss) return { verdict: 'unclear', observed }
        return { verdict: segment > mss ? 'wrong' : 'holds', observed }
      },
      counterexample: seen => ({ ...seen, segment: seen.mss, longest: seen.mss - 32 }),
    },
  ],

  async run(lab, observe) {
    lab.needBuffers()
    // All bytes and the FIN behind them are in the kernel before the line has taken the first few.
    lab.sysctl('net.ipv4.tcp_wmem', `4096 ${4 * BYTES} ${16 * BYTES}`)
    const net = await lab.routedNetwork()
    await net.limitRate('5mbit', 200_000)
    observe(`a host, a router that forwards at 5 Mbit/s, and a second host at ${net.b}`)
    const helper = lab.start(server, { host: net.b }, net.inside.b)
    await helper.message('listening')
    const capture = await lab.capture('tcp port 7000', { interface: net.interface, marker: net.b })
    const client = connect({ port: 7000, host: net.b })
    client.on('error', () => {})
    client.end(Buffer.alloc(BYTES))
    await once(client, 'finish')
    const [socket] = await lab.statistics(['dport', '=', ':7000'])
    const unsent = Number(socket?.info.notsent ?? 0)
    observe(`the client sends ${(await helper.message('end')).value} bytes and a FIN`)
    await once(client.resume(), 'close')
    const packets = await capture.stop()

    const mine = packets.filter(({ destination }) => destination === `${net.b}:7000`)
    const fin = mine.find(({ flags }) => flags.includes('F'))
    const longest = Math.max(...mine.map(({ len }) => len))
    const mss = Number(/mss (\d+)/.exec(mine[0]?.options ?? '')?.[1])
    const mtu = lab.mtu(net.interface)
    const handshake = packets.filter(({ flags }) => flags.includes('S')).map(({ len }) => len)
    observe(`${mine.length} segments; the last is [${fin?.flags}] with ${fin?.len} bytes`)
    const segment = Math.max(...mine.map(({ bytes }) => (bytes ? segmentLength(bytes) : 0)))
    observe(`the longest is ${segment} bytes long, header included`)
    return { mss, longest, segment, withFin: fin?.len ?? 0, unsent, mtu, handshake }
  },
})
