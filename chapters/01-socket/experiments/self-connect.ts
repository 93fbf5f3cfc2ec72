/** A socket that connects to itself. */
import { once } from 'node:events'
import { type AddressInfo, connect, createServer } from 'node:net'
import { experiment } from '#lib/textbook/experiment.ts'

interface Observation {
  connected: boolean
  sockets: number
  /** What the socket read after it had written a word. */
  read: string
}

export default experiment<Observation>({
  title: 'a client whose local port is the port it connects to',
  needs: ['linux'],
  claims: [
    {
      id: '1.28',
      essential: false,
      statement: 'A connection needs a server that listens.',
      verdict: 'depends',
      truth:
        'Two ends that send each other a SYN at the same time are connected too. With both ports equal one socket is enough: it opens a connection to itself, and reads what it writes.',
      source: 'RFC 9293 section 3.5, simultaneous open',
      judge: ({ connected, sockets, read }) => ({
        verdict: connected && sockets === 1 && read === 'echo' ? 'depends' : 'holds',
        observed: `connected: ${connected ? 'yes' : 'no'}, sockets of that port: ${sockets}, read "${read}"`,
      }),
      counterexample: () => ({ connected: false, sockets: 0, read: '' }),
    },
  ],

  async run(lab, observe) {
    // A port that is free now: that of a server which closes.
    const server = createServer().listen(0, '127.0.0.1')
    await once(server, 'listening')
    const { port } = server.address() as AddressInfo
    server.close()
    await once(server, 'close')

    const socket = connect({ port, localPort: port, host: '127.0.0.1' })
    const connected = await new Promise<boolean>(resolve => {
      socket.on('error', () => resolve(false))
      socket.on('connect', () => resolve(true))
    })
    observe(`from port ${port} to port ${port}: ${connected ? 'connected' : 'refused'}`)
    if (!connected) return { connected, sockets: 0, read: '' }
    const sockets = lab.tcpTable(port).filter(({ state }) => state === 'ESTABLISHED').length
    socket.write('echo')
    const [read] = await once(socket, 'data')
    observe(`it wrote "echo" and read "${read}"`)
    socket.destroy()
    return { connected, sockets, read: String(read) }
  },
})
