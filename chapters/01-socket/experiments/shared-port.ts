/** One port, several processes; and one port, several addresses. */
import { once } from 'node:events'
import { type AddressInfo, connect, createServer } from 'node:net'
import type { HelperProgram } from '#lib/lab/helper-process.ts'
import { experiment } from '#lib/textbook/experiment.ts'

interface Observation {
  /** How many connections each of the processes has accepted that share one listening socket. */
  served: number[]
  listening: number
  /** Whether a second server could listen on the same port of another address. */
  otherAddress: boolean
}

const PROCESSES = 3
const CLIENTS = 60

/** A worker says when it has accepted, and is busy for a moment, so that others get their turn. */
const WORKER = `
import { createServer } from 'node:net'
createServer(socket => {
  socket.on('error', () => {}).end()
  process.send('accepted')
  Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 5)
}).listen(0, '127.0.0.1')`

/** A primary and its workers, which share the listening socket itself. */
const primary: HelperProgram<{ processes: number; worker: string }> = async (channel, args) => {
  const { default: cluster } = await import('node:cluster')
  cluster.schedulingPolicy = cluster.SCHED_NONE
  cluster.setupPrimary({ exec: 'worker', execArgv: ['--input-type=module', '-e', args.worker] })
  let listening = 0
  for (let index = 0; index < args.processes; index++) {
    const worker = cluster.fork()
    worker.on('message', () => channel.send('accepted', index))
    worker.on('listening', ({ port }) => {
      if (++listening === args.processes) channel.send('listening', port)
    })
  }
  await channel.receive('stop')
  cluster.disconnect(() => channel.send('stopped'))
}

export default experiment<Observation>({
  title: `${PROCESSES} processes that share one listening socket, ${CLIENTS} clients`,
  needs: ['linux'],
  claims: [
    {
      id: '1.8',
      essential: false,
      statement: 'Address, protocol and port together identify a process.',
      verdict: 'depends',
      truth:
        'They identify a socket. Several processes may share it, and the first to accept gets the connection. The port alone says even less, because it may be used once for each address.',
      source: 'fork(2), socket(7)',
      judge: ({ served, listening, otherAddress }) => {
        const busy = served.filter(count => count > 0).length
        const observed = `${listening} listening socket, ${served.length} processes, which accepted ${served.join(', ')}; same port on 127.0.0.2: ${otherAddress ? 'yes' : 'no'}`
        return { verdict: listening === 1 && busy > 1 ? 'depends' : 'holds', observed }
      },
      counterexample: seen => ({ ...seen, served: [CLIENTS, 0, 0] }),
    },
  ],

  async run(lab, observe) {
    const helper = lab.start(primary, { processes: PROCESSES, worker: WORKER })
    const port = (await helper.message('listening')).value as number
    const listening = lab.tcpTable(port).filter(({ state }) => state === 'LISTEN').length
    observe(`${PROCESSES} processes listen on port ${port}, with ${listening} socket`)
    const served = Array.from({ length: PROCESSES }, () => 0)
    const clients: Promise<unknown>[] = []
    const go = () => {
      if (clients.length === CLIENTS) return
      const socket = connect({ port, host: '127.0.0.1' }).on('error', () => {})
      clients.push(once(socket.resume(), 'close'))
    }
    // Never more at once than the shortest of all queues holds: with somaxconn 1, two.
    go()
    go()
    for (let client = 0; client < CLIENTS; client++) {
      const by = (await helper.message('accepted')).value as number
      served[by] = (served[by] ?? 0) + 1
      go()
    }
    await Promise.all(clients)
    observe(`they accepted ${served.join(', ')} of ${CLIENTS} clients`)
    helper.send('stop')
    await helper.message('stopped')

    const one = createServer().listen(0, '127.0.0.1')
    await once(one, 'listening')
    const other = createServer().listen((one.address() as AddressInfo).port, '127.0.0.2')
    const otherAddress = await new Promise<boolean>(resolve => {
      other.once('listening', () => resolve(true))
      other.once('error', () => resolve(false))
    })
    observe(
      `a second server on the same port of 127.0.0.2: ${otherAddress ? 'listens' : 'refused'}`,
    )
    one.close()
    other.close()
    return { served, listening, otherAddress }
  },
})
