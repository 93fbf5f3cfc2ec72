/**
 * A burst of clients at a server that does not accept, over a line on which the third segments come
 * when the queue is full: five clients are told that they are connected.
 */
import { once } from 'node:events'
import { connect } from 'node:net'
import type { PeerProgram } from '../../../lib/lab/peer-process.ts'
import { experiment } from '../../../lib/textbook/experiment.ts'

interface Seen {
  clients: number
  /** `connect` events, and connections that the server's kernel has. */
  told: number
  held: number
  /** Bytes that those clients have written and nobody acknowledges. */
  unacknowledged: number[]
}

const CLIENTS = 5

const server: PeerProgram<{ host: string }> = async (wire, { host }) => {
  const { createServer } = await import('node:net')
  createServer(() => {}).listen({ port: 7000, host, backlog: 1 }, () => {
    wire.send('listening')
  })
}

export default experiment<Seen>({
  title: 'five clients in one moment, a backlog of 1, a slow line, a server that does not accept',
  needs: ['namespace', 'ss'],
  claims: [
    {
      id: '1.21',
      star: false,
      says: 'A client whose connect has succeeded is connected.',
      verdict: 'depends',
      truth:
        'It has got a SYN+ACK. If its own ACK finds the queue full, Linux drops it. Then the server knows nothing of a client that believes it is connected, and waits.',
      source: 'tcp(7), tcp_abort_on_overflow, tcp_syncookies',
      judge: ({ clients, told, held, unacknowledged }) => {
        const lonely = unacknowledged.filter(bytes => bytes > 0).length
        const observed = `${told} of ${clients} clients connected, ${held} connections at the server; ${lonely} clients wait for an acknowledgment`
        if (told < clients) return { verdict: 'unclear', observed }
        return { verdict: held < told ? 'depends' : 'holds', observed }
      },
      altered: seen => ({ ...seen, held: seen.told }),
    },
  ],

  async run(lab, observe) {
    const net = await lab.routed()
    await net.slow('16kbit', 10_000, 120)
    const peer = lab.start(server, { host: net.b }, net.in.b)
    await peer.message('listening')
    await peer.pause()
    observe('a server with a backlog of 1 stands still, behind a line of 16 kbit/s')
    const sockets = Array.from({ length: CLIENTS }, () => connect({ port: 7000, host: net.b }))
    for (const socket of sockets) socket.on('error', () => {})
    await Promise.all(sockets.map(socket => once(socket, 'connect')))
    observe(`all ${CLIENTS} clients are connected, as far as they know`)
    for (const socket of sockets) socket.write('hello\n')

    // What arrives at a full queue leaves no trace there, so we look for the others: theirs is acked.
    const unacknowledged = await lab.until('the first clients have their answer', async () => {
      const rows = await lab.statistics(['dport', '=', ':7000'])
      const queues = rows.map(({ sendQ }) => sendQ)
      return queues.filter(bytes => bytes === 0).length >= 2 && queues
    })
    const held = lab
      .table(7000, peer.pid)
      .filter(row => row.localPort === 7000 && row.state === 'ESTABLISHED').length
    observe(`the server's kernel has ${held} connections`)
    for (const socket of sockets) socket.destroy()
    return { clients: CLIENTS, told: CLIENTS, held, unacknowledged }
  },
})
