/** What the number in listen(backlog) limits, and what the kernel makes of a large one. */
import { execFileSync } from 'node:child_process'
import { once } from 'node:events'
import { type AddressInfo, connect, createServer, type Socket } from 'node:net'
import { release } from 'node:os'
import { experiment } from '#lib/textbook/experiment.ts'

interface Observation {
  backlog: number
  /** Connections that were open at the same time with that backlog. */
  connected: number
  /** What became of other wishes: backlog asked for, backlog in force. */
  wishes: { asked: number; got: number }[]
  somaxconn: number
  /** What the kernel gives a new network; undefined where none can be made. */
  somaxconnOfNewNetwork?: number
  kernel: string
}

/** Until Linux 5.4 the limit was 128 unless somebody had raised it. */
const isOld = (kernel: string): boolean => {
  const [major = 0, minor = 0] = kernel.split('.').map(Number)
  return major < 5 || (major === 5 && minor < 4)
}

const CLIENTS = 200
const WISHES = [511, 65_535]

export default experiment<Observation>({
  title: `${CLIENTS} clients and a backlog of 1`,
  needs: ['linux', 'ss'],
  claims: [
    {
      id: '1.18',
      essential: true,
      statement: 'The backlog limits how many clients can be connected at the same time.',
      verdict: 'wrong',
      appliesTo: 'Linux since 2.2, and POSIX',
      truth:
        'It limits how many complete connections may wait to be accepted. A server that accepts promptly can have any number of clients with a backlog of 1.',
      source: 'listen(2)',
      example: '01/backlog',
      judge: ({ backlog, connected }) => ({
        verdict: connected > backlog + 1 ? 'wrong' : 'holds',
        observed: `backlog ${backlog}: ${connected} clients connected at the same time`,
      }),
      counterexample: seen => ({ ...seen, connected: seen.backlog + 1 }),
    },
    {
      id: '1.22',
      essential: false,
      statement: 'SOMAXCONN lets the system choose the backlog, which is then some hundreds.',
      verdict: 'outdated',
      appliesTo: 'Linux since 5.4',
      truth:
        'The kernel silently limits every value to net.core.somaxconn: 128 until Linux 5.4, 4096 since. Node asks for 511 by default.',
      source: 'listen(2)',
      judge: ({ wishes, somaxconn, somaxconnOfNewNetwork = somaxconn, kernel }) => {
        const isSet = somaxconnOfNewNetwork !== somaxconn
        const set = isSet ? ` (set on this machine; ${somaxconnOfNewNetwork} in a new network)` : ''
        const observed = `Linux ${kernel}: ${wishes.map(({ asked, got }) => `asked for ${asked}, got ${got}`).join('; ')}; somaxconn ${somaxconn}${set}`
        const cut = wishes.every(({ asked, got }) => got === Math.min(asked, somaxconn))
        if (!cut) return { verdict: 'unclear', observed }
        // The setting of one machine decides nothing: the claim is about what the kernel starts with.
        if (somaxconnOfNewNetwork >= 1000) return { verdict: 'outdated', observed }
        return { verdict: isOld(kernel) ? 'holds' : 'unclear', observed }
      },
      counterexample: seen => ({
        ...seen,
        kernel: '4.19.0',
        somaxconn: 128,
        somaxconnOfNewNetwork: 128,
        wishes: [{ asked: 65_535, got: 128 }],
      }),
    },
  ],

  async run(lab, observe) {
    const listen = async (backlog: number) => {
      const server = createServer()
      server.listen({ port: 0, host: '127.0.0.1', backlog })
      await once(server, 'listening')
      return { server, port: (server.address() as AddressInfo).port }
    }
    /** In a LISTEN row, ss shows the backlog in force as Send-Q. */
    const inForce = async (port: number) =>
      (await lab.statistics(['sport', '=', `:${port}`])).find(({ state }) => state === 'LISTEN')
        ?.sendQ ?? -1

    const { server, port } = await listen(1)
    const backlog = await inForce(port)
    const sockets: Socket[] = []
    server.on('connection', socket => sockets.push(socket.on('error', () => {})))
    for (let client = 0; client < CLIENTS; client++) {
      const accepting = once(server, 'connection')
      sockets.push(connect({ port, host: '127.0.0.1' }).on('error', () => {}))
      await accepting
    }
    const connected = lab
      .tcpTable(port)
      .filter(row => row.localPort === port && row.state === 'ESTABLISHED').length
    observe(`backlog ${backlog}: ${connected} clients are connected`)
    for (const socket of sockets) socket.destroy()
    server.close()

    const wishes = []
    for (const asked of WISHES) {
      const other = await listen(asked)
      wishes.push({ asked, got: await inForce(other.port) })
      observe(`listen with backlog ${asked}: ${wishes.at(-1)!.got} in force`)
      other.server.close()
    }
    const somaxconn = Number(lab.sysctl('net.core.somaxconn'))
    const kernel = release().split('-')[0]!
    if (!lab.isPrivate) return { backlog, connected, wishes, somaxconn, kernel }
    const file = '/proc/sys/net/core/somaxconn'
    const somaxconnOfNewNetwork = Number(execFileSync('unshare', ['--net', 'cat', file]))
    return { backlog, connected, wishes, somaxconn, somaxconnOfNewNetwork, kernel }
  },
})
