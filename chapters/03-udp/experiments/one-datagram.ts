/** What five bytes over UDP are on the wire, and which preparations they need. */
import { createSocket } from 'node:dgram'
import { once } from 'node:events'
import { plural } from '#lib/program/plural.ts'
import { experiment } from '#lib/textbook/experiment.ts'

interface Observation {
  payload: number
  /** Packets that went either way because of one send and its arrival, where they can be captured. */
  packets?: number
  /** Length of the IP packet and of its header, from its own fields. */
  ipLength: number
  ipHeader: number
  /** The sender's port before and after its first send. */
  before: number | null
  after: number
}

const PAYLOAD = 'hello'

export default experiment<Observation>({
  title: 'one datagram of five bytes from a socket that was never bound, captured',
  needs: ['linux'],
  claims: [
    {
      id: '3.1',
      essential: true,
      statement: 'UDP needs no connection: a program just sends.',
      verdict: 'holds',
      truth:
        'One send is one packet, and nothing before or after it. A socket that was never bound gets its port when the first datagram leaves.',
      source: 'RFC 768; udp(7)',
      example: '03/echo',
      judge: ({ packets, before, after }) => ({
        verdict: (packets ?? 1) === 1 && before === null && after > 0 ? 'holds' : 'wrong',
        observed: `${packets === undefined ? 'packets not captured' : plural(packets, 'packet')}; local port before the send: ${before ?? 'none'}, after it: ${after}`,
      }),
      counterexample: seen => ({ ...seen, packets: 4 }),
    },
    {
      id: '3.5',
      essential: false,
      needs: ['tcpdump'],
      statement: 'The header of UDP has 8 bytes.',
      verdict: 'holds',
      truth: 'Two ports, a length and a checksum, 16 bits each. TCP needs at least 20 bytes.',
      source: 'RFC 768',
      judge: ({ payload, ipLength, ipHeader }) => {
        const udp = ipLength - ipHeader - payload
        return {
          verdict: udp === 8 ? 'holds' : 'wrong',
          observed: `packet of ${ipLength} bytes: ${ipHeader} of IP, ${udp} of UDP, ${payload} of data`,
        }
      },
      counterexample: seen => ({ ...seen, ipLength: seen.ipLength + 12 }),
    },
  ],

  async run(lab, observe) {
    const receiver = createSocket('udp4').bind(0, '127.0.0.1')
    await once(receiver, 'listening')
    const { port } = receiver.address()
    const capture = lab.canCapture ? await lab.capture(`port ${port}`) : undefined
    const sender = createSocket('udp4')
    const portOf = () => {
      try {
        return sender.address().port
      } catch {
        return null
      }
    }
    const before = portOf()
    const arrived = once(receiver, 'message')
    sender.send(PAYLOAD, port, '127.0.0.1')
    await arrived
    const after = portOf() ?? 0
    observe(`a socket without a port sends 5 bytes; they arrive, and it has port ${after}`)
    const packets = await capture?.stop()
    const bytes = packets?.[0]?.bytes ?? Buffer.alloc(4)
    if (packets) observe(`tcpdump has seen ${packets.length} packet`)
    sender.close()
    receiver.close()
    return {
      payload: PAYLOAD.length,
      ...(packets && { packets: packets.length }),
      ipLength: bytes.readUInt16BE(2),
      ipHeader: (bytes[0]! & 0x0f) * 4,
      before,
      after,
    }
  },
})
