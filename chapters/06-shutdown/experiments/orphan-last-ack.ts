/** The last ACK never comes: how the passive side ends. */
import { once } from 'node:events'
import { type AddressInfo, connect, createServer, type Socket } from 'node:net'
import { monotonicMs } from '#lib/lab/lab.ts'
import { experiment } from '#lib/textbook/experiment.ts'

interface Observation {
  retries: number
  /** The socket in LAST-ACK was owned by no process. */
  orphan: boolean
  goneMs: number
}

const RETRIES = 2

export default experiment<Observation>({
  title: `a FIN that is never acknowledged, tcp_orphan_retries ${RETRIES}`,
  needs: ['namespace', 'nft'],
  claims: [
    {
      id: '6.22',
      essential: false,
      statement: 'The passive side ends by itself, even if its FIN is never acknowledged.',
      verdict: 'holds',
      truth:
        'The socket belongs to no process any more. The kernel repeats the FIN tcp_orphan_retries times, with growing pauses, and then drops it. The default of 0 stands for 8.',
      source: 'tcp(7), tcp_orphan_retries',
      judge: ({ retries, orphan, goneMs }) => ({
        verdict: orphan && goneMs > 0 ? 'holds' : 'wrong',
        observed: `LAST-ACK, owned by ${orphan ? 'no' : 'a'} process, ${goneMs > 0 ? `gone after ${(goneMs / 1000).toFixed(1)} s` : 'still there'} (tcp_orphan_retries ${retries})`,
      }),
      counterexample: seen => ({ ...seen, goneMs: 0 }),
    },
  ],

  async run(lab, observe) {
    lab.needTimers()
    lab.sysctl('net.ipv4.tcp_orphan_retries', RETRIES)
    const server = createServer({ allowHalfOpen: true }).listen(0, '127.0.0.1')
    await once(server, 'listening')
    const { port } = server.address() as AddressInfo
    const client = connect({ port, host: '127.0.0.1' }).resume()
    client.on('error', () => {})
    const [accepted]: Socket[] = await once(server, 'connection')
    accepted!.on('error', () => {}).resume()
    server.close()
    const row = (end: 'localPort' | 'remotePort') =>
      lab.tcpTable(port).find(r => r[end] === port && r.state !== 'LISTEN')
    client.end()
    await lab.waitUntil('half-closed', () => row('remotePort')?.state === 'FIN-WAIT-2')
    await lab.drop(`tcp dport ${port}`)
    accepted!.end()
    await once(accepted!, 'close')
    const { inode } = await lab.waitUntil('LAST-ACK', () => {
      const found = row('localPort')
      return found?.state === 'LAST-ACK' && found
    })
    const startMs = monotonicMs()
    observe('the server has closed: LAST-ACK; nothing gets through to it any more')
    await lab.waitUntil('the kernel gives up', () => row('localPort') === undefined, 60_000)
    const goneMs = monotonicMs() - startMs
    observe(`gone after ${goneMs.toFixed(0)} ms`)
    return { retries: RETRIES, orphan: inode === 0, goneMs }
  },
})
