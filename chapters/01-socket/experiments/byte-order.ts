/** How a number of two bytes is written in memory, in a buffer, and on the wire. */
import { once } from 'node:events'
import { connect, createServer } from 'node:net'
import { endianness } from 'node:os'
import { experiment } from '#lib/textbook/experiment.ts'

interface Observation {
  cpu: string
  /** 8080 in hexadecimal: big-endian, little-endian. */
  big: string
  little: string
  /** The same in the SYN that goes to that port, where packets can be captured. */
  wire?: string
  /** What the little-endian bytes mean to a reader who takes them as big-endian. */
  misread: number
}

const PORT = 8080

export default experiment<Observation>({
  title: 'port 8080 in a buffer and in a segment',
  needs: [],
  claims: [
    {
      id: '1.10',
      essential: true,
      statement:
        'Networks are big-endian: convert numbers, and never rely on the order of your CPU.',
      verdict: 'holds',
      truth:
        'The most significant byte comes first on the wire, on every machine. In Node, the names of the calls say which order is meant: writeUInt16BE and writeUInt16LE.',
      source: 'RFC 791 appendix B, byteorder(3)',
      example: '01/addresses',
      judge: ({ cpu, big, little, wire, misread }) => {
        const observed = `8080 on the wire ${wire ?? 'not captured'}, big-endian ${big}, little-endian ${little} (misread: ${misread}), CPU ${cpu}`
        const matters = big !== little && misread !== PORT
        return { verdict: matters && (wire ?? big) === big ? 'holds' : 'wrong', observed }
      },
      counterexample: seen => ({ ...seen, wire: seen.little }),
    },
  ],

  async run(lab, observe) {
    const buffer = Buffer.alloc(2)
    buffer.writeUInt16BE(PORT)
    const big = buffer.toString('hex')
    buffer.writeUInt16LE(PORT)
    const little = buffer.toString('hex')
    const misread = buffer.readUInt16BE()
    observe(`${PORT} as big-endian ${big}, as little-endian ${little}`)

    const common = { cpu: endianness(), big, little, misread }
    // On a host, somebody else may have the port.
    if (!lab.canCapture || !lab.isPrivate) return common
    const server = createServer(socket => socket.on('error', () => {})).listen(PORT, '127.0.0.1')
    await once(server, 'listening')
    const capture = await lab.capture(`tcp dst port ${PORT}`)
    const client = connect({ port: PORT, host: '127.0.0.1' })
    await once(client, 'connect')
    client.destroy()
    server.close()
    const [syn] = await capture.stop()
    const bytes = syn?.bytes ?? Buffer.alloc(40)
    // Behind the header of IP stand the source port and the destination port: two bytes each.
    const tcp = (bytes.readUInt8(0) & 0x0f) * 4
    const wire = bytes.subarray(tcp + 2, tcp + 4).toString('hex')
    observe(`the SYN names its destination port with the bytes ${wire}`)
    return { ...common, wire }
  },
})
