/**
 * What a client sees when the accept queue is full: a server that listens with backlog 1 and then
 * does not accept for a while, and five clients.
 */
import { once } from 'node:events'
import { connect } from 'node:net'
import { counterChanges } from '#lib/kernel/counters.ts'
import type { HelperProgram } from '#lib/lab/helper-process.ts'
import { monotonicMs } from '#lib/lab/lab.ts'
import { experiment } from '#lib/textbook/experiment.ts'

interface Observation {
  backlog: number
  /** For each client: when it was connected, in milliseconds, or the code of its error. */
  clients: { connectedMs?: number; error?: string }[]
  /** States of the clients' sockets while the server did not accept. */
  waiting: { established: number; synSent: number }
  overflows: number
  /** How many of the clients still waited when the newcomer asked. */
  stillWaiting: number
  /** When the server began to accept, in milliseconds. */
  acceptMs: number
  /**
   * Connections in the order in which they were accepted, by the client's number. The last client is a
   * newcomer: it asks when the queue has room again.
   */
  order: number[]
}

const BACKLOG = 1
const CLIENTS = 5

const server: HelperProgram<{ backlog: number }> = async (channel, args) => {
  const { createServer } = await import('node:net')
  const listener = createServer(socket => {
    channel.send('accepted', socket.remotePort)
    socket.resume()
  })
  listener.listen({ port: 0, host: '127.0.0.1', backlog: args.backlog }, () => {
    const address = listener.address()
    channel.send('listening', typeof address === 'object' && address?.port)
  })
}

export default experiment<Observation>({
  title: 'five clients, a backlog of 1, a server whose program stands still; then a sixth client',
  needs: ['linux'],
  claims: [
    {
      id: '1.20',
      essential: true,
      statement: 'When the accept queue is full, the next client gets ECONNREFUSED.',
      verdict: 'wrong',
      appliesTo: 'Linux with tcp_abort_on_overflow 0, its default',
      truth:
        'Linux ignores the SYN. The client asks again after a second, and is connected when a repeated SYN finds room: late, but without an error.',
      source: 'listen(2); tcp(7), tcp_abort_on_overflow',
      judge: ({ clients, waiting, overflows }) => {
        const refused = clients.filter(({ error }) => error === 'ECONNREFUSED').length
        const late = clients.map(({ connectedMs }) => connectedMs ?? 0).toSorted((a, b) => b - a)[0]
        const connected = clients.filter(({ connectedMs }) => connectedMs !== undefined).length
        const observed = `${waiting.established} connected at once, ${waiting.synSent} waited in SYN-SENT, ${overflows} SYNs ignored; ${refused} refused; ${connected} of ${clients.length} connected, the last after ${((late ?? 0) / 1000).toFixed(1)} s`
        if (refused > 0) return { verdict: 'holds', observed }
        const silent = waiting.synSent > 0 && connected === clients.length
        return { verdict: silent ? 'wrong' : 'unclear', observed }
      },
      counterexample: seen => ({
        ...seen,
        clients: seen.clients.map((client, at) => (at < 2 ? client : { error: 'ECONNREFUSED' })),
      }),
    },
    {
      id: '1.19',
      essential: false,
      statement:
        'Requests that arrive while one is being served wait in the queue, first in, first out.',
      verdict: 'depends',
      truth:
        'Connections wait in the queue, not requests, and those in the queue do come out in order. A client that found the queue full has no place in it. Until it repeats its SYN, any later client may overtake it.',
      source: 'listen(2), accept(2)',
      judge: ({ order, waiting, clients, stillWaiting }) => {
        const observed = `${waiting.established} in the queue, ${waiting.synSent} found it full, then a newcomer; accepted in the order ${order.map(at => at + 1).join(' ')}`
        const isSorted = (list: number[]) =>
          list.every((one, at) => at === 0 || one > list[at - 1]!)
        const queued = order.slice(0, waiting.established)
        // Nobody to overtake: their SYNs were repeated before the newcomer's first.
        if (!order.includes(clients.length) || queued.length < 2 || stillWaiting === 0)
          return { verdict: 'unclear', observed }
        if (!isSorted(queued)) return { verdict: 'wrong', observed }
        return { verdict: isSorted(order) ? 'holds' : 'depends', observed }
      },
      counterexample: seen => ({ ...seen, order: seen.order.toSorted((a, b) => a - b) }),
    },
  ],

  async run(lab, observe) {
    const before = lab.counters()
    const helper = lab.start(server, { backlog: BACKLOG })
    const port = (await helper.message('listening')).value as number
    await helper.pause()
    observe(`a server listens with backlog ${BACKLOG}, and its program stands still`)

    const startMs = monotonicMs()
    const sockets = Array.from({ length: CLIENTS }, () => connect({ port, host: '127.0.0.1' }))
    const clients = sockets.map(
      socket =>
        new Promise<{ connectedMs?: number; error?: string }>(resolve => {
          socket.once('connect', () =>
            resolve({ connectedMs: Math.round(monotonicMs() - startMs) }),
          )
          socket.once('error', error => resolve({ error: (error as NodeJS.ErrnoException).code! }))
        }),
    )
    const waiting = await lab.waitUntil('the clients ask for connections', () => {
      const rows = lab.tcpTable(port).filter(row => row.remotePort === port)
      const count = (state: string) => rows.filter(row => row.state === state).length
      const seen = { established: count('ESTABLISHED'), synSent: count('SYN-SENT') }
      return seen.established + seen.synSent === CLIENTS && seen
    })
    observe(
      `${CLIENTS} clients connect: ${waiting.established} ESTABLISHED, ${waiting.synSent} SYN-SENT`,
    )

    const ignored = () => counterChanges(before, lab.counters())['TcpExt.ListenOverflows'] ?? 0
    await lab.waitUntil('SYNs are repeated and ignored again', () => ignored() > waiting.synSent)
    const acceptMs = Math.round(monotonicMs() - startMs)
    helper.resume()
    observe(`SYNs were repeated, in vain; the server goes on after ${acceptMs} ms`)
    await lab.waitUntil(
      'the queue has been accepted',
      () => helper.messages('accepted').length >= waiting.established,
    )
    const asking = () => lab.tcpTable(port).filter(({ state }) => state === 'SYN-SENT').length
    const stillWaiting = asking()
    const newcomer = connect({ port, host: '127.0.0.1' }).on('error', () => {})
    sockets.push(newcomer)
    await once(newcomer, 'connect')
    observe('a newcomer is connected at once')
    const ends = await Promise.all(clients)
    const late = ends.map(({ connectedMs, error }) => error ?? `${connectedMs} ms`)
    observe(`clients connected: ${late.join(', ')}`)
    // One that the kernel has dropped at the third segment is connected for its client alone.
    await lab.waitUntil('the server has accepted all that the kernel holds', () => {
      const rows = lab.tcpTable(port).filter(row => row.localPort === port)
      const held = rows.filter(row => row.state === 'ESTABLISHED').length
      return (
        helper.messages('accepted').length === held &&
        rows.some(row => row.state === 'LISTEN' && row.rxQueue === 0)
      )
    })
    const accepted = helper.messages('accepted').map(({ value }) => value)
    const connected = ends.filter(({ connectedMs }) => connectedMs !== undefined).length
    const alone = connected + 1 - accepted.length
    observe(`the server has accepted ${accepted.length} connections`)
    if (alone > 0) {
      observe(`${alone} more: so far connected for the client alone, its last ACK was dropped`)
    }
    const overflows = ignored()
    observe(`the kernel counted ${overflows} overflows of the queue`)
    const order = accepted.map(from => sockets.findIndex(({ localPort }) => localPort === from))
    for (const socket of sockets) socket.destroy()
    return { backlog: BACKLOG, clients: ends, waiting, overflows, stillWaiting, acceptMs, order }
  },
})
