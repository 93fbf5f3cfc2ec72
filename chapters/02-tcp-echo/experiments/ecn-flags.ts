/** The flags of a SYN when both ends are willing to be told of congestion. */
import { once } from 'node:events'
import { type AddressInfo, connect, createServer } from 'node:net'
import { experiment } from '#lib/textbook/experiment.ts'

interface Observation {
  /** Flags as tcpdump writes them: E is ECE, W is CWR. */
  syn: string
  synAck: string
}

export default experiment<Observation>({
  title: 'a handshake with tcp_ecn = 1',
  needs: ['namespace', 'tcpdump'],
  claims: [
    {
      id: '2.7',
      essential: false,
      statement: 'A TCP header has six flags: URG, ACK, PSH, RST, SYN and FIN.',
      verdict: 'outdated',
      appliesTo: 'RFC 3168 (2001) and RFC 9293',
      truth:
        'RFC 9293 has eight, RFC 9768 a ninth, AE. CWR and ECE came with explicit congestion notification; a SYN with both of them offers it, a SYN+ACK with ECE accepts.',
      source: 'RFC 9293 section 3.1, RFC 3168 section 6.1.1, RFC 9768',
      judge: ({ syn, synAck }) => {
        const observed = `SYN [${syn}], SYN+ACK [${synAck}]`
        return { verdict: /[EW]/.test(syn + synAck) ? 'outdated' : 'holds', observed }
      },
      counterexample: () => ({ syn: 'S', synAck: 'S.' }),
    },
  ],

  async run(lab, observe) {
    lab.sysctl('net.ipv4.tcp_ecn', 1)
    observe('net.ipv4.tcp_ecn = 1: this host offers ECN and accepts it')
    const server = createServer(socket => socket.on('error', () => {}).end()).listen(0, '127.0.0.1')
    await once(server, 'listening')
    const { port } = server.address() as AddressInfo
    const capture = await lab.capture(`tcp port ${port}`)
    const client = connect({ port, host: '127.0.0.1' })
    await once(client.resume(), 'close')
    server.close()
    const packets = await capture.stop()
    const [syn = '', synAck = ''] = packets.map(({ flags }) => flags)
    observe(`the handshake: [${syn}], [${synAck}]`)
    return { syn, synAck }
  },
})
