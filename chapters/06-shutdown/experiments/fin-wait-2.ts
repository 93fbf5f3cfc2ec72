/** FIN-WAIT-2 with a program that waits for the peer's FIN, and with one that has closed. */
import { once } from 'node:events'
import { type AddressInfo, connect, createServer, type Socket } from 'node:net'
import { monotonicMs } from '#lib/lab/lab.ts'
import { experiment } from '#lib/textbook/experiment.ts'

interface Observation {
  finTimeoutS: number
  /** The end that called shutdown and still has its descriptor: its timer at first, if any. */
  owned: { timer: string; stateInTheEnd: string }
  /** The end that has closed its descriptor. */
  orphan: { timer: string; inode: number; goneMs: number }
  /** What the server's writes to the one that has gone said. */
  writes: string[]
}

const TIMEOUT_S = 2
/** In place of an inode. */
const GONE = -1

export default experiment<Observation>({
  title: `two ends in FIN-WAIT-2, tcp_fin_timeout ${TIMEOUT_S} s: one has called end, one destroy`,
  needs: ['namespace', 'ss'],
  claims: [
    {
      id: '6.8',
      essential: true,
      statement: 'FIN-WAIT-2 waits for the peer’s FIN.',
      verdict: 'depends',
      truth:
        'For ever, while a program has the descriptor. Once the program has closed it, no one can read any more, and the kernel gives up after tcp_fin_timeout, 60 s by default.',
      source: 'tcp(7), tcp_fin_timeout',
      example: '06/graceful-tcp',
      judge: ({ finTimeoutS, owned, orphan, writes }) => {
        const observed = `with descriptor: timer ${owned.timer}, ${owned.stateInTheEnd} in the end; without: timer ${orphan.timer}, gone after ${(orphan.goneMs / 1000).toFixed(1)} s (tcp_fin_timeout ${finTimeoutS}); writes of the peer after that: ${writes.join(', ')}`
        // Gone before we could look at it.
        if (orphan.inode === GONE) return { verdict: 'unclear', observed }
        if (owned.stateInTheEnd !== 'FIN-WAIT-2') return { verdict: 'wrong', observed }
        const left = orphan.goneMs > 0 && orphan.inode === 0 && owned.timer === 'none'
        return { verdict: left ? 'depends' : 'holds', observed }
      },
      counterexample: seen => ({ ...seen, orphan: { ...seen.orphan, goneMs: 0 } }),
    },
  ],

  async run(lab, observe) {
    // FIN-WAIT-2 lasts for some retransmission timeouts at least.
    lab.needTimers()
    lab.sysctl('net.ipv4.tcp_fin_timeout', TIMEOUT_S)
    const server = createServer({ allowHalfOpen: true }).listen(0, '127.0.0.1')
    await once(server, 'listening')
    const { port } = server.address() as AddressInfo
    const row = (client: number) => lab.tcpTable(port).find(({ localPort }) => localPort === client)
    const timer = async (client: number) =>
      (await lab.statistics(['sport', '=', `:${client}`]))[0]?.info.timer ?? 'none'
    /** A client that has sent its FIN, and waits for the server's. */
    const waiting = async () => {
      const client = connect({ port, host: '127.0.0.1' }).resume()
      client.on('error', () => {})
      const [accepted]: Socket[] = await once(server, 'connection')
      accepted!.on('error', () => {}).resume()
      const local = accepted!.remotePort!
      client.end()
      await lab.waitUntil('FIN-WAIT-2', () => row(local)?.state === 'FIN-WAIT-2')
      return { client, accepted: accepted!, local }
    }
    const one = await waiting()
    const other = await waiting()
    const ownedTimer = await timer(one.local)
    other.client.destroy()
    const startMs = monotonicMs()
    await once(other.client, 'close')
    const inode = row(other.local)?.inode ?? GONE
    const orphanTimer = await timer(other.local)
    observe(`with its descriptor: timer ${ownedTimer}; without: timer ${orphanTimer}`)
    await lab.waitUntil('the kernel gives up', () => row(other.local) === undefined)
    const goneMs = monotonicMs() - startMs
    const stateInTheEnd = row(one.local)?.state ?? 'none'
    observe(`without: gone after ${goneMs.toFixed(0)} ms; with: ${stateInTheEnd}`)
    const write = () =>
      new Promise<string>(resolve =>
        other.accepted.write('x', error =>
          resolve((error as NodeJS.ErrnoException | null)?.code ?? 'ok'),
        ),
      )
    const first = await write()
    await lab.waitUntil('the RST has arrived', () =>
      lab.tcpTable(port).every(({ remotePort }) => remotePort !== other.local),
    )
    const writes = [first, await write()]
    observe(`the server writes to the one that has gone: ${writes.join(', ')}`)
    one.client.destroy()
    server.close()
    return {
      finTimeoutS: TIMEOUT_S,
      owned: { timer: ownedTimer, stateInTheEnd },
      orphan: { timer: orphanTimer, inode, goneMs },
      writes,
    }
  },
})
