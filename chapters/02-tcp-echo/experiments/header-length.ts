/** How long TCP headers are: what the field of that name says in real segments. */
import { once } from 'node:events'
import { type AddressInfo, connect, createServer } from 'node:net'
import { experiment } from '#lib/textbook/experiment.ts'

interface Observation {
  /** Bytes of the TCP header in the SYN, in a segment with data, and in the RST of a closed port. */
  syn: number
  data: number
  rst: number
}

/** The upper half of the TCP header's 13th byte: its length in words of four bytes. */
function headerLength(packet: Buffer): number {
  const tcp = (packet.readUInt8(0) & 0x0f) * 4
  return (packet.readUInt8(tcp + 12) >> 4) * 4
}

export default experiment<Observation>({
  title: 'the header lengths of a SYN, of data, and of a RST',
  needs: ['namespace', 'tcpdump'],
  claims: [
    {
      id: '2.10',
      essential: false,
      statement: 'A TCP header is 20 bytes long.',
      verdict: 'depends',
      truth:
        'That is the least. Options make it longer, up to 60 bytes: a SYN announces what its end can do, and most segments carry timestamps.',
      source: 'RFC 9293 section 3.1, RFC 7323 section 3',
      judge: ({ syn, data, rst }) => ({
        verdict: syn > 20 || data > 20 ? 'depends' : 'holds',
        observed: `SYN ${syn} bytes, data ${data} bytes, RST of a closed port ${rst} bytes`,
      }),
      counterexample: () => ({ syn: 20, data: 20, rst: 20 }),
    },
  ],

  async run(lab, observe) {
    const server = createServer(socket => socket.on('error', () => {}).end('hello'))
    server.listen(0, '127.0.0.1')
    await once(server, 'listening')
    const { port } = server.address() as AddressInfo
    const capture = await lab.capture(`tcp port ${port}`)
    const client = connect({ port, host: '127.0.0.1' })
    await once(client.resume(), 'close')
    server.close()
    await once(server, 'close')
    const refused = connect({ port, host: '127.0.0.1' })
    await once(refused, 'error')
    const packets = await capture.stop()
    const length = (what: string, is: (packet: (typeof packets)[number]) => boolean) => {
      const bytes = packets.find(is)?.bytes
      const found = bytes ? headerLength(bytes) : 0
      observe(`${what}: ${found} bytes of header`)
      return found
    }
    return {
      syn: length('SYN', ({ flags }) => flags.includes('S') && !flags.includes('.')),
      data: length('data', ({ len }) => len > 0),
      rst: length('RST', ({ flags }) => flags.includes('R')),
    }
  },
})
