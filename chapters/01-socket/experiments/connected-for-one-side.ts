/**
 * A burst of clients at a server that does not accept, over a line on which the third segments come
 * when the queue is full: all clients are told that they are connected. Then the server accepts.
 */
import { once } from 'node:events'
import { connect, type Socket } from 'node:net'
import { counterChanges } from '#lib/kernel/counters.ts'
import type { TcpRow } from '#lib/kernel/tcp-table.ts'
import type { HelperProgram } from '#lib/lab/helper-process.ts'
import { experiment } from '#lib/textbook/experiment.ts'

interface Observation {
  clients: number
  /** `connect` events, and connections that the server's kernel has. */
  told: number
  held: number
  /** Requests in SYN-RECV at the server; SYNs that it answered with a cookie, and forgot. */
  pending: number
  cookies: number
  /** Clients whose bytes are not acknowledged. */
  waiting: number
  /** Connections that the server has accepted in the end. */
  accepted: number
}

/** Room for three in the accept queue, and for two requests beside it. */
const BACKLOG = 2
const EARLY = 2
const LATE = 4
const CLIENTS = EARLY + LATE

const server: HelperProgram<{ host: string; backlog: number }> = async (channel, args) => {
  const { createServer } = await import('node:net')
  createServer(socket => {
    socket.on('error', () => {})
    socket.once('data', () => channel.send('read'))
  }).listen({ port: 7000, ...args }, () => channel.send('listening'))
}

export default experiment<Observation>({
  title:
    'two clients, then four in one moment, a backlog of 2, a slow line, a server that stands still',
  needs: ['namespace', 'ss'],
  claims: [
    {
      id: '1.21',
      essential: false,
      statement: 'A client whose connect has succeeded is connected.',
      verdict: 'depends',
      truth:
        'It has got a SYN+ACK. If its own ACK finds the accept queue full, Linux drops it, and the server has no connection yet: the request stays in SYN-RECV, or is forgotten if the SYN was answered with a cookie. When there is room again, a repeated segment completes the handshake.',
      source: 'tcp(7), tcp_abort_on_overflow, tcp_syncookies',
      judge: ({ clients, told, held, pending, cookies, waiting, accepted }) => {
        const observed = `${told} of ${clients} clients connected; at the server ${held} connections, ${pending} in SYN-RECV, ${cookies} answered with a cookie; ${waiting} clients wait for an acknowledgement; with room again, ${accepted} connections`
        if (told < clients || accepted < clients) return { verdict: 'unclear', observed }
        return { verdict: held < told ? 'depends' : 'holds', observed }
      },
      counterexample: seen => ({ ...seen, held: seen.told }),
    },
  ],

  async run(lab, observe) {
    const net = await lab.routedNetwork()
    await net.limitRate('16kbit', 10_000, 120)
    await net.setParameters('b', {
      'net.ipv4.tcp_abort_on_overflow': 0,
      'net.ipv4.tcp_syncookies': 1,
      'net.core.somaxconn': 4096,
    })
    const helper = lab.start(server, { host: net.b, backlog: BACKLOG }, net.inside.b)
    await helper.message('listening')
    await helper.pause()
    observe(`a server with a backlog of ${BACKLOG} stands still, behind a line of 16 kbit/s`)
    const before = lab.counters(helper.pid)
    const sockets: Socket[] = []
    const connectAll = async (count: number) => {
      const some = Array.from({ length: count }, () => connect({ port: 7000, host: net.b }))
      for (const socket of some) sockets.push(socket.on('error', () => {}))
      await Promise.all(some.map(socket => once(socket, 'connect')))
    }
    await connectAll(EARLY)
    await connectAll(LATE)
    observe(`all ${CLIENTS} clients are connected, as far as they know`)
    for (const socket of sockets) socket.write('hello\n')

    const atServer = (state: TcpRow['state']) =>
      lab.tcpTable(7000, helper.pid).filter(row => row.localPort === 7000 && row.state === state)
        .length
    // What arrives at a full queue leaves no trace there, so we look for the others: theirs is acked.
    const waiting = await lab.waitUntil('the first clients have their answer', async () => {
      const rows = await lab.statistics(['dport', '=', ':7000'])
      const acknowledged = rows.filter(({ sendQ }) => sendQ === 0).length
      return acknowledged > BACKLOG && rows.length - acknowledged
    })
    const held = atServer('ESTABLISHED')
    const pending = atServer('SYN-RECEIVED')
    const cookies = counterChanges(before, lab.counters(helper.pid))['TcpExt.SyncookiesSent'] ?? 0
    observe(`the server: ${held} connections, ${pending} in SYN-RECV, ${cookies} cookies sent`)

    helper.resume()
    const last = Array.from({ length: CLIENTS }, () => helper.message('read'))
    await Promise.all(last)
    const accepted = atServer('ESTABLISHED')
    observe(`the server accepts, and has read from all ${accepted}`)
    for (const socket of sockets) socket.destroy()
    return { clients: CLIENTS, told: CLIENTS, held, pending, cookies, waiting, accepted }
  },
})
