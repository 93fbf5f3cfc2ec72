/** Clients that come and go at a server that never closes. */
import { once } from 'node:events'
import { type AddressInfo, connect, createServer, type Socket } from 'node:net'
import { experiment } from '#lib/textbook/experiment.ts'

interface Observation {
  clients: number
  /** Sockets of the server after all clients have gone. */
  closeWait: number
  owned: number
  /** How many of them have a timer that would end them. */
  timers: number
  /** The same count when the program has called end() on each. */
  after: number
}

const CLIENTS = 50

export default experiment<Observation>({
  title: `${CLIENTS} clients come and go; the server does not close`,
  needs: ['linux', 'ss'],
  claims: [
    {
      id: '6.7',
      essential: true,
      statement: 'CLOSE-WAIT lasts until the application closes.',
      verdict: 'holds',
      truth:
        'Without keepalive there is no clock: the kernel waits for the program. A program that never closes keeps a socket and a descriptor for each client that has gone, until it has no descriptor left.',
      source: 'RFC 9293 section 3.3.2',
      example: '06/close-wait',
      judge: ({ clients, closeWait, owned, timers, after }) => {
        const observed = `${clients} clients gone: ${closeWait} in CLOSE-WAIT, ${owned} descriptors, ${timers} timers; after end(): ${after}`
        const held = closeWait === clients && owned === clients && timers === 0 && after === 0
        return { verdict: held ? 'holds' : 'wrong', observed }
      },
      counterexample: seen => ({ ...seen, closeWait: 0, owned: 0 }),
    },
  ],

  async run(lab, observe) {
    const accepted: Socket[] = []
    const server = createServer({ allowHalfOpen: true }, socket => {
      accepted.push(socket.on('error', () => {}).resume())
    }).listen(0, '127.0.0.1')
    await once(server, 'listening')
    const { port } = server.address() as AddressInfo
    for (let n = 0; n < CLIENTS; n++) {
      const accepting = once(server, 'connection')
      const client = connect({ port, host: '127.0.0.1' })
      await Promise.all([once(client, 'connect'), accepting])
      client.destroy()
    }
    const waiting = () =>
      lab.tcpTable(port).filter(row => row.localPort === port && row.state === 'CLOSE-WAIT')
    const rows = await lab.waitUntil('all FINs have arrived', () => {
      const found = waiting()
      return found.length === CLIENTS && found
    })
    const owned = rows.filter(({ inode }) => inode !== 0).length
    const statistics = await lab.statistics(['sport', '=', `:${port}`])
    const timers = statistics.filter(
      ({ state, info }) => state === 'CLOSE-WAIT' && info.timer !== undefined,
    ).length
    observe(`${rows.length} in CLOSE-WAIT, ${owned} of them with a descriptor, ${timers} timers`)
    for (const socket of accepted) socket.end()
    await lab.waitUntil('all are closed', () => waiting().length === 0)
    const after = waiting().length
    observe(`after end(): ${after}`)
    server.close()
    return { clients: CLIENTS, closeWait: rows.length, owned, timers, after }
  },
})
